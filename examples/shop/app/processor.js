'use strict';

const os = require('os');
const database = require('./database');
const queue = require('./queue');
const { log } = require('./release');
const { untilStopped } = require('./work');

async function main() {
  const db = database.connect(1);
  const jobs = await queue.connect();
  await jobs.recover();
  log('takes jobs');

  await untilStopped(async () => {
    const text = await jobs.take();
    if (!text) return;
    try {
      const { id, kind, payload } = JSON.parse(text);
      // A job that comes twice is done once.
      await db.query('insert into jobs (id, kind, payload, done_by) values ($1, $2, $3, $4) on conflict (id) do nothing',
        [id, kind, payload, os.hostname()]);
    } catch (err) {
      await jobs.again(text);
      throw err;
    }
    await jobs.done(text);
  });

  await Promise.all([db.end(), jobs.close()]);
}

main();
