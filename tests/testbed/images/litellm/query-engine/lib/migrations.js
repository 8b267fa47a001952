// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// What `prisma migrate deploy` asks of the schema engine: JSON-RPC, one message a line, on standard input and output.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const pg = require('pg');
const { parseUrl, poolSettings } = require('./database.js');
const errors = require('./errors.js');

const ADVISORY_LOCK = 72707369; // Prisma's own
const LEDGER = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
  logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

class Refusal extends Error {
  constructor(code, message, meta) {
    super(message);
    this.userFacing = errors.known(code, message, meta);
  }
}

async function withClient(url, work) {
  const database = parseUrl(url);
  const { max, idleTimeoutMillis, ...settings } = poolSettings(database);
  const client = new pg.Client(settings);
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client, database);
  } catch (error) {
    if (!error.userFacing) error.userFacing = errors.fromDriver(error, database);
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Names of the migrations in a folder, in the order in which they apply. */
function listMigrations(folder) {
  return fs.readdirSync(folder, { withFileTypes: true })
    .filter((item) => item.isDirectory() && fs.existsSync(path.join(folder, item.name, 'migration.sql')))
    .map((item) => item.name)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function read(folder, name) {
  const content = fs.readFileSync(path.join(folder, name, 'migration.sql'));
  return { text: content.toString('utf8'), checksum: crypto.createHash('sha256').update(content).digest('hex') };
}

/** The ledger's rows; refuses a database that has tables but no ledger, and one with a failed migration. */
async function history(client) {
  const { rows: [found] } = await client.query(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS ledger,
    (SELECT count(*)::int FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE') AS tables`);
  if (!found.ledger && found.tables > 0) {
    throw new Refusal('P3005', 'The database schema is not empty. Read more about how to baseline an existing production database: https://pris.ly/d/migrate-baseline');
  }
  await client.query(LEDGER);
  const { rows } = await client.query('SELECT * FROM _prisma_migrations ORDER BY started_at');
  const failed = rows.filter((row) => !row.finished_at && !row.rolled_back_at);
  if (failed.length) {
    const details = failed.map((row) => `The \`${row.migration_name}\` migration started at ${row.started_at.toISOString()} failed`).join('\n');
    throw new Refusal('P3009', `migrate found failed migrations in the target database, new migrations will not be applied. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n${details}`, { details });
  }
  return rows.filter((row) => !row.rolled_back_at);
}

async function apply(client, folder, name) {
  const { text, checksum } = read(folder, name);
  const id = crypto.randomUUID();
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [id, checksum, name]);
  try {
    await client.query(text); // without parameters: the whole file as one simple query, as Prisma sends it
  } catch (error) {
    const message = `A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\nMigration name: ${name}\n\nDatabase error code: ${error.code}\n\nDatabase error:\nERROR: ${error.message}`;
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, message]);
    throw new Refusal('P3018', message, { migration_name: name, database_error_code: error.code, database_error: error.message });
  }
  await client.query('UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1', [id]);
}

async function applyMigrations(client, { migrationsDirectoryPath: folder }) {
  await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
  const present = new Set((await history(client)).map((row) => row.migration_name));
  const pending = listMigrations(folder).filter((name) => !present.has(name));
  for (const name of pending) await apply(client, folder, name);
  return { appliedMigrationNames: pending };
}

async function markMigrationApplied(client, { migrationsDirectoryPath: folder, migrationName: name }) {
  await client.query(LEDGER);
  const { rows } = await client.query('SELECT 1 FROM _prisma_migrations WHERE migration_name = $1 AND finished_at IS NOT NULL AND rolled_back_at IS NULL', [name]);
  if (rows.length) throw new Refusal('P3008', `The migration \`${name}\` is already recorded as applied in the database.`);
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ($1, $2, $3, clock_timestamp())',
    [crypto.randomUUID(), read(folder, name).checksum, name]);
  return {};
}

async function markMigrationRolledBack(client, { migrationName: name }) {
  const { rowCount } = await client.query('UPDATE _prisma_migrations SET rolled_back_at = clock_timestamp() WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL', [name]);
  if (!rowCount) throw new Refusal('P3012', `Migration \`${name}\` cannot be rolled back because it is not in a failed state.`);
  return {};
}

async function dbExecute(client, { script }) {
  await client.query(script);
  return null;
}

const METHODS = { applyMigrations, markMigrationApplied, markMigrationRolledBack, dbExecute };

async function answer(request, env) {
  const { method, params } = request;
  if (method === 'listMigrationDirectories') return { migrations: listMigrations(params.migrationsDirectoryPath) };
  if (!METHODS[method]) throw new Error(`the test bed's schema-engine cannot do ${method}`);
  const given = params.datasourceType && params.datasourceType.tag === 'url' ? params.datasourceType.url : env.DATABASE_URL;
  return withClient(given || '', (client) => METHODS[method](client, params));
}

function rpcError(error) {
  const data = error.userFacing || { is_panic: false, message: error.message, meta: null };
  return { code: 4466, message: 'An error happened. Check the data field for details.', data };
}

/** Answer requests one after the other until the input ends. */
async function serve(env) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const request = JSON.parse(line);
    const outcome = await answer(request, env).then((result) => ({ result }), (error) => ({ error: rpcError(error) }));
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: request.id, ...outcome })}\n`);
  }
}

const COMMANDS = {
  'can-connect-to-database': (url) => withClient(url, (client) => client.query('SELECT 1')),
  'create-database': (url) => {
    const { name } = parseUrl(url);
    const maintenance = new URL(url);
    maintenance.pathname = '/postgres';
    return withClient(maintenance.href, (client) => client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`));
  },
};

/** `schema-engine cli --datasource URL COMMAND` */
async function command(argv) {
  const url = argv[argv.indexOf('--datasource') + 1];
  const work = COMMANDS[argv.find((item) => item in COMMANDS)];
  try {
    if (!work) throw new Error('unknown command');
    await work(url);
  } catch (error) {
    const userFacing = error.userFacing || errors.known('P1010', error.message);
    const fields = { message: userFacing.message, error_code: userFacing.error_code, is_panic: false };
    process.stderr.write(`${JSON.stringify({ timestamp: new Date().toISOString(), level: 'ERROR', fields, target: 'schema_engine::logger' })}\n`);
    process.exitCode = 1;
  }
}

module.exports = { command, listMigrations, serve };
