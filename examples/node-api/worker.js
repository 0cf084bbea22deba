'use strict';

const { version } = require('./package.json');

let jobs = 0;

const timer = setInterval(() => {
  jobs += 1;
  console.log(`version ${version} did job ${jobs}`);
}, 5000);

console.log(`version ${version} waits for jobs`);

process.on('SIGTERM', () => clearInterval(timer)); // nothing is left to do, so Node ends
