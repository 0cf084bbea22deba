'use strict';

// What this release is, which every answer and every log line tells.

const { version } = require('./package.json');

const color = process.env.COLOR || '';

exports.headers = { 'X-Tag': version, 'X-Color': color };

exports.log = (text) => console.log(`shop ${version} ${color}: ${text}`);
