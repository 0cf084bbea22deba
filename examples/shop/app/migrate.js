'use strict';

// node migrate.js expand|contract: brings the schema to where this release wants
// it. A step that was taken is noted down and never taken again; one that was cut
// short is, from its beginning.

const { Client } = require('pg');
const { log } = require('./release');
const { schema, migrations } = require('./schema');

const PATIENCE = 60000; // for a database that was started a moment ago
const LOCKED = '55P03';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function connect() {
  for (const deadline = Date.now() + PATIENCE; ;) {
    const db = new Client({ connectionTimeoutMillis: 2000 });
    try {
      await db.connect();
      return db;
    } catch (err) {
      if (Date.now() > deadline) throw err;
      await pause(500);
    }
  }
}

// change runs one statement. To change a table it must wait for all who use it, and
// all who come later wait behind it: so it gives up soon, and comes again.
async function change(db, statement) {
  for (const deadline = Date.now() + PATIENCE; ;) {
    try {
      return await db.query(statement);
    } catch (err) {
      if (err.code !== LOCKED || Date.now() > deadline) throw err;
      await pause(100);
    }
  }
}

async function run(db, statement) {
  if (typeof statement === 'string') return change(db, statement);
  for (let rows = 1; rows > 0;) ({ rowCount: rows } = await change(db, statement.repeat));
}

async function take(db, kind, step) {
  const name = `${kind} ${step.schema}`;
  const { rowCount: taken } = await db.query('select from steps where name = $1', [name]);
  if (taken) return;
  for (const statement of step.statements) await run(db, statement);
  await db.query('insert into steps (name) values ($1)', [name]);
  log(`took the step "${name}"`);
}

async function main(kind) {
  if (!migrations[kind]) throw new Error(`want expand or contract, got "${kind}"`);
  const db = await connect();
  await db.query('select pg_advisory_lock(1)'); // one migration at a time, until this connection ends
  await db.query('create table if not exists steps (name text primary key, taken_at timestamptz not null default now())');
  await db.query("set lock_timeout = '100ms'");
  for (const step of migrations[kind]) {
    if (step.schema <= schema) await take(db, kind, step);
  }
  await db.end();
}

main(process.argv[2]).catch((err) => {
  log(`cannot migrate: ${err.message}`);
  process.exit(1);
});
