'use strict';

const os = require('os');
const queue = require('./queue');
const { log } = require('./release');
const { pause, untilStopped } = require('./work');

async function main() {
  const jobs = await queue.connect();
  log('schedules');

  await untilStopped(async () => {
    const now = Date.now();
    await jobs.add({ id: `tick ${now} ${os.hostname()}`, kind: 'tick', payload: { at: now } });
    await pause(1000);
  });

  await jobs.close();
}

main();
