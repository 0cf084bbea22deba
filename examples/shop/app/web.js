'use strict';

const fs = require('fs');
const path = require('path');
const { answer, Refused, serve } = require('./http');

// The files are few and small, and never change while this runs.
const files = {};
for (const name of fs.readdirSync(path.join(__dirname, 'public'))) {
  files['/' + name] = fs.readFileSync(path.join(__dirname, 'public', name));
}
files['/'] = files['/index.html'];

const types = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript' };

serve(async (req, res) => {
  if (req.url === '/health') return answer(res, 200, { status: 'ok' });
  const file = files[req.url];
  if (req.method !== 'GET' || !file) throw new Refused(404, 'not found');
  return answer(res, 200, file, types[path.extname(req.url) || '.html']);
});
