// What an application does, by node-postgres; test/t/039_clients.pl says what it must print.
//
//   node client.mjs MODULES HOST PORT USER
import { createRequire } from 'module';

const [modules, host, port, user] = process.argv.slice(2);
const { Client } = createRequire(modules + '/')('pg');
const client = new Client({ host, port: Number(port), database: 'postgres', user });
await client.connect();

const level = await client.query('SELECT count(*) FROM desk.account_margin WHERE level = $1', ['liquidation']);
console.log('level', level.rows[0].count);
await client.query('SELECT count(*) FROM desk.account_margin WHERE level >= $1', ['liqidation'])
  .catch(error => console.log('unknown', error.code));
await client.query('BEGIN');
await client.query('UPDATE desk.balance SET quantity = quantity - $1 WHERE account_id = 1', ['5000']);
await client.query('COMMIT')
  .catch(error => console.log('refused', error.code, error.schema, error.table, error.column, error.constraint));
const { rows: [{ portfolio }] } = await client.query('SELECT to_json(portfolio) AS portfolio FROM desk.account_portfolio WHERE account_id = 1');
console.log('balance', portfolio.balances.USDT);
const sent = await client.query('SELECT $1::jsonb::margin.portfolio::text AS portfolio', [JSON.stringify(portfolio)]);
console.log('sent', sent.rows[0].portfolio);
await client.end();
