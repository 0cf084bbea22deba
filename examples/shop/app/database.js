'use strict';

const { Pool } = require('pg');
const { log } = require('./release');

// The address, the user and the password are PGHOST and so on.
exports.connect = (max) => {
  const pool = new Pool({ max, connectionTimeoutMillis: 10000 });
  // A connection that breaks while nobody uses it; the next query opens another.
  pool.on('error', (err) => log(`database: ${err.message}`));
  return pool;
};
