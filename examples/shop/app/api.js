'use strict';

const database = require('./database');
const queue = require('./queue');
const { answer, readJSON, Refused, serve } = require('./http');
const { customer } = require('./schema');

const db = database.connect(10);

const isText = (value) => typeof value === 'string' && value !== '';

async function main() {
  const jobs = await queue.connect();

  async function newest(req, res) {
    const { rows } = await db.query(`select id, ${customer} as customer, article from orders order by id desc limit 5`);
    answer(res, 200, { newest: rows });
  }

  async function order(req, res) {
    const body = await readJSON(req);
    if (!isText(body.customer) || !isText(body.article)) throw new Refused(400, 'want a customer and an article');
    const { rows } = await db.query(`insert into orders (${customer}, article) values ($1, $2) returning id`, [body.customer, body.article]);
    answer(res, 201, { id: rows[0].id });
  }

  // A payment provider wants its answer at once; the work is the processor's.
  async function webhook(req, res) {
    const body = await readJSON(req);
    if (!isText(body.id)) throw new Refused(400, 'want an id');
    await jobs.add({ id: `payment ${body.id}`, kind: 'payment', payload: body });
    answer(res, 202, { id: body.id });
  }

  // A release whose column is not there is not healthy, and gets no traffic.
  async function health(req, res) {
    await Promise.all([db.query(`select ${customer} from orders limit 1`), jobs.ping()]);
    answer(res, 200, { status: 'ok' });
  }

  const routes = { 'GET /': newest, 'POST /orders': order, 'POST /webhooks/payments': webhook, 'GET /health': health };

  serve(async (req, res) => {
    const handle = routes[`${req.method} ${req.url}`];
    if (!handle) throw new Refused(404, 'not found');
    await handle(req, res);
  }, () => Promise.all([db.end(), jobs.close()]));
}

main();
