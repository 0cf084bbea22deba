'use strict';

const redis = require('redis');
const { log } = require('./release');

const WAITING = 'jobs', WORKING = 'jobs:working', FAILED = 'jobs:failed';

const ATTEMPTS = 5;

// connect opens the queue, and opens it again when the connection breaks.
exports.connect = async () => {
  const client = redis.createClient({ url: process.env.REDIS_URL, disableOfflineQueue: true });
  client.on('error', (err) => log(`queue: ${err.message}`));
  await client.connect();
  return new Queue(client);
};

// A job stays in a list until it is done, so none is lost when a worker dies. It
// may be done twice then: what it does must bear that.
class Queue {
  constructor(client) { this.client = client; }

  ping() { return this.client.ping(); }

  add(job) { return this.client.lPush(WAITING, JSON.stringify({ attempt: 1, ...job })); }

  // recover puts back what workers had in hand that are gone.
  async recover() {
    while (await this.client.lMove(WORKING, WAITING, 'RIGHT', 'RIGHT')) { /* the next one */ }
  }

  // take waits up to a second for a job; null: there was none.
  take() { return this.client.blMove(WAITING, WORKING, 'RIGHT', 'LEFT', 1); }

  done(text) { return this.client.lRem(WORKING, 1, text); }

  // again puts a job at the end of the queue, or aside when it failed too often.
  async again(text) {
    const job = JSON.parse(text);
    job.attempt += 1;
    await this.client.multi()
      .lPush(job.attempt > ATTEMPTS ? FAILED : WAITING, JSON.stringify(job))
      .lRem(WORKING, 1, text)
      .exec();
  }

  close() { return this.client.quit(); }
}
