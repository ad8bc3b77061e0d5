// A client that listens: prints "listening", then the payload of every
// notification, one a line, until it gets the payload "end".
//
//   node listen.mjs MODULES HOST PORT DATABASE CHANNEL
import { createRequire } from 'module';

const [modules, host, port, database, channel] = process.argv.slice(2);
const { Client } = createRequire(modules + '/')('pg');
const client = new Client({ host, port: Number(port), database, user: process.env.PGUSER || process.env.USER || 'postgres' });

client.on('notification', async (notification) => {
  console.log(notification.payload);
  if (notification.payload === 'end') {
    await client.end();
  }
});
await client.connect();
await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
console.log('listening');
