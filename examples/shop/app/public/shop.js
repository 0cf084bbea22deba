'use strict';

async function show() {
  const { newest } = await (await fetch('/api/')).json();
  document.getElementById('orders').replaceChildren(...newest.map((order) => {
    const item = document.createElement('li');
    item.textContent = `${order.article} for ${order.customer}`;
    return item;
  }));
}

show();
setInterval(show, 2000);
