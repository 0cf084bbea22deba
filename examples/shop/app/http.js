'use strict';

const http = require('http');
const { headers, log } = require('./release');

const LONGEST = 1 << 20; // of a body

exports.answer = (res, status, body, type = 'application/json') => {
  res.writeHead(status, { ...headers, 'Content-Type': type });
  res.end(type === 'application/json' ? JSON.stringify(body) + '\n' : body);
};

exports.readJSON = async (req) => {
  let text = '';
  for await (const chunk of req.setEncoding('utf8')) {
    text += chunk;
    if (text.length > LONGEST) throw new Refused(413, 'the body is too long');
  }
  try {
    return JSON.parse(text);
  } catch (err) {
    throw new Refused(400, `the body is no JSON: ${err.message}`);
  }
};

// Refused is an error that is the client's.
class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}
exports.Refused = Refused;

// serve answers on port 3000 until SIGTERM. Then it answers what was asked already,
// takes no more, and ends.
exports.serve = (handle, close = async () => {}) => {
  const server = http.createServer((req, res) => {
    // Nginx would use a connection again that is about to be closed.
    if (!server.listening) res.shouldKeepAlive = false;
    handle(req, res).catch((err) => {
      if (!err.status) log(`${req.method} ${req.url}: ${err.message}`);
      exports.answer(res, err.status || 503, { error: err.message });
    });
  });
  // Longer than Nginx keeps an idle connection: else a request could meet its end.
  server.keepAliveTimeout = 75000;
  server.listen(3000, () => log('listens on port 3000'));
  process.on('SIGTERM', () => {
    server.close(async () => {
      await close();
      process.exit(0);
    });
    server.closeIdleConnections();
  });
};
