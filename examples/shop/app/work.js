'use strict';

// until calls step again and again until SIGTERM, and then once more ends what it
// does. An error is told, and the next try comes after a pause.
const { log } = require('./release');

const PAUSE = 1000;

let stopped = false;
let wake = () => {};

process.on('SIGTERM', () => {
  stopped = true;
  wake();
});

exports.pause = (ms) => new Promise((resolve) => {
  if (stopped) return resolve();
  const timer = setTimeout(resolve, ms);
  wake = () => {
    clearTimeout(timer);
    resolve();
  };
});

exports.untilStopped = async (step) => {
  while (!stopped) {
    try {
      await step();
    } catch (err) {
      log(err.message);
      await exports.pause(PAUSE);
    }
  }
  log('stopped');
};
