// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const os = require('node:os');
const pg = require('pg');
const array = require('postgres-array');
const { PrismaPg } = require('@prisma/adapter-pg');
const { bindAdapter, ok } = require('@prisma/driver-adapter-utils');
const errors = require('./errors.js');

const TEXT = 25;
const TEXT_ARRAY = 1009;
const NAME = 19;
const NAME_ARRAY = 1003;
/** Types the adapter does not know ("column of type 'Unknown'") but whose text form is what a caller wants: "char", name,
 *  xid, macaddr, interval, unknown, the reg… family, void, pg_lsn, timestamps of statistics views are known already. */
const AS_TEXT = new Set([18, NAME, 22, 24, 27, 28, 29, 30, 194, 600, 601, 602, 603, 604, 628, 705, 718, 774, 829, 1033, 1186,
  1790, 2202, 2203, 2204, 2205, 2206, 2249, 2275, 2278, 3220, 3614, 3615, 3734, 3769, 3904, 3906, 3908, 3910, 3912, 3926,
  4072, 4089, 4096, 4191, 5038, 5069]);

/** What a Prisma connection URL says. Its query parameters are Prisma's own: pg must never see them.
 *  @throws {Error} with the engine's P1013 when the URL cannot be parsed; the URL itself is never repeated. */
function parseUrl(text) {
  let url;
  try {
    url = new URL(text);
    if (!/^postgres(ql)?:$/.test(url.protocol)) throw new Error('protocol');
    const parameter = (name) => url.searchParams.get(name) || undefined;
    const seconds = (name, fallback) => (parameter(name) === undefined ? fallback : Number(parameter(name)));
    return {
      host: parameter('host') || decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost',
      port: Number(url.port || parameter('port') || 5432),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      name: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
      schema: parameter('schema') || 'public',
      sslmode: parameter('sslmode') || 'prefer',
      applicationName: parameter('application_name'),
      options: parameter('options'),
      connectionLimit: Math.max(1, seconds('connection_limit', os.cpus().length * 2 + 1)),
      connectTimeout: seconds('connect_timeout', 5),
      poolTimeout: seconds('pool_timeout', 10),
    };
  } catch {
    const error = new Error('The provided database string is invalid.');
    error.userFacing = errors.known('P1013', error.message);
    throw error;
  }
}

/** Settings of pg's pool for what `parseUrl` gave. */
function poolSettings(database) {
  // The adapter reads timestamps with time zone as if they were UTC.
  const session = `-c TimeZone=UTC -c search_path=${database.schema.replace(/[\\ ]/g, '\\$&')}`;
  return {
    host: database.host,
    port: database.port,
    user: database.user,
    password: database.password,
    database: database.name,
    application_name: database.applicationName,
    options: database.options ? `${session} ${database.options}` : session,
    // Prisma's "prefer" falls back to plain text; pg knows only yes and no.
    ssl: ['disable', 'prefer', 'allow'].includes(database.sslmode) ? false : { rejectUnauthorized: database.sslmode === 'verify-full' },
    max: database.connectionLimit,
    idleTimeoutMillis: 0,
    // pg counts waiting for a free connection and opening one together.
    connectionTimeoutMillis: Math.max(database.poolTimeout, database.connectTimeout) * 1000,
    keepAlive: true,
  };
}

function mapField(field) {
  if (AS_TEXT.has(field.dataTypeID)) return { ...field, dataTypeID: TEXT };
  if (field.dataTypeID === NAME_ARRAY) return { ...field, dataTypeID: TEXT_ARRAY };
  return field;
}

/** Make the adapter's queries give our field types and our connection errors. */
function patchAdapter(database) {
  const prototype = Object.getPrototypeOf(PrismaPg.prototype);
  const original = prototype.performIO;
  prototype.performIO = async function performIO(query) {
    let result;
    try {
      result = await original.call(this, query);
    } catch (error) {
      error.userFacing = errors.fromDriver(error, database);
      throw error;
    }
    if (!result.ok) {
      const userFacing = errors.fromDriver(result.error, database);
      if (!userFacing) return result;
      throw Object.assign(new Error(userFacing.message), { userFacing });
    }
    // Several statements in one text give a list of results; the last one is the answer.
    const { rows, rowCount, fields = [] } = Array.isArray(result.value) ? result.value.at(-1) : result.value;
    return ok({ rows, rowCount, fields: fields.map(mapField) });
  };
}

/** A pool that outlives its server: a lost connection is dropped and replaced at the next query. */
function open(database, log) {
  for (const oid of AS_TEXT) pg.types.setTypeParser(oid, (text) => text);
  pg.types.setTypeParser(NAME_ARRAY, (text) => array.parse(text, (item) => item));
  patchAdapter(database);
  const pool = new pg.Pool(poolSettings(database));
  const lost = (error) => log('warn', `database connection lost: ${error.message}`);
  pool.on('error', lost);
  // A connection that is in use has no listener of the pool's; without one an unexpected end would end this process.
  pool.on('connect', (client) => client.on('error', () => {}));
  return { pool, adapter: bindAdapter(new PrismaPg(pool, { schema: database.schema })) };
}

module.exports = { open, parseUrl, poolSettings };
