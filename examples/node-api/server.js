'use strict';

const http = require('http');
const { version } = require('./package.json');
const websocket = require('./websocket');

// Every answer tells which release and which color gave it.
const identity = { 'X-Tag': version, 'X-Color': process.env.COLOR || '' };

function answer(res, status, body) {
  res.writeHead(status, { ...identity, 'Content-Type': 'application/json' });
  res.end(JSON.stringify(body) + '\n');
}

let orders = 0;

function takeOrder(req, res) {
  let text = '';
  req.setEncoding('utf8');
  req.on('data', (chunk) => { text += chunk; });
  req.on('end', () => {
    let order;
    try {
      order = JSON.parse(text);
    } catch (err) {
      answer(res, 400, { error: 'the body is no JSON: ' + err.message });
      return;
    }
    orders += 1;
    answer(res, 201, { id: orders, order });
  });
}

const server = http.createServer((req, res) => {
  switch (`${req.method} ${req.url}`) {
    case 'GET /health': return answer(res, 200, { status: 'ok' });
    case 'GET /': return answer(res, 200, { message: 'hello', version });
    case 'POST /orders': return takeOrder(req, res);
    default: return answer(res, 404, { error: 'not found' });
  }
});

server.on('upgrade', (req, socket, head) => {
  if (req.url === '/ws') {
    websocket.accept(req, socket, head, identity);
  } else {
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
  }
});

server.listen(3000, () => console.log(`version ${version} listens on port 3000`));

// Answers what was asked already, takes no more, and ends.
process.on('SIGTERM', () => {
  websocket.closeAll();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
