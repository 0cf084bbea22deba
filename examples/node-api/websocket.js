'use strict';

// Just enough of RFC 6455 to answer every message with the same message.

const crypto = require('crypto');

const TEXT = 0x1, BINARY = 0x2, CLOSE = 0x8, PING = 0x9, PONG = 0xa;
const LONGEST = 125; // a longer message would need another length field

const open = new Set();

exports.accept = (req, socket, head, headers) => {
  const key = req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const lines = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': crypto.createHash('sha1').update(key).digest('base64'),
    ...headers,
  };
  socket.write('HTTP/1.1 101 Switching Protocols\r\n' +
    Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join('') + '\r\n');

  open.add(socket);
  socket.on('close', () => open.delete(socket));
  socket.on('error', () => socket.destroy());

  let data = head;
  const echo = () => {
    for (let f = frame(data); f; f = frame(data)) {
      data = data.subarray(f.size);
      reply(socket, f);
    }
  };
  socket.on('data', (chunk) => {
    data = Buffer.concat([data, chunk]);
    echo();
  });
  echo();
};

exports.closeAll = () => {
  const goingAway = Buffer.from([0x03, 0xe9]);
  for (const socket of open) socket.end(encode(CLOSE, goingAway));
};

// frame reads the first frame, which a client always masks; null: not whole yet.
function frame(data) {
  if (data.length < 6) return null;
  const length = data[1] & 0x7f;
  if (length > LONGEST) return { size: data.length, opcode: CLOSE, payload: Buffer.from([0x03, 0xf1]) };
  if (data.length < 6 + length) return null;
  const mask = data.subarray(2, 6);
  const payload = Buffer.from(data.subarray(6, 6 + length)).map((byte, i) => byte ^ mask[i % 4]);
  return { size: 6 + length, opcode: data[0] & 0x0f, payload };
}

function reply(socket, { opcode, payload }) {
  switch (opcode) {
    case TEXT:
    case BINARY: socket.write(encode(opcode, payload)); break;
    case PING: socket.write(encode(PONG, payload)); break;
    case CLOSE: socket.end(encode(CLOSE, payload)); break;
  }
}

function encode(opcode, payload) {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
}
