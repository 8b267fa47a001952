// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const database = require('./database.js');
const errors = require('./errors.js');
const { Engine } = require('./engine.js');

const PARENT_CHECK_MS = 1000;

function log(level, message) {
  process.stderr.write(`${JSON.stringify({ timestamp: new Date().toISOString(), level, target: 'query-engine', fields: { message } })}\n`);
}

/** The connection URL: an override beats the schema's environment variable. */
function databaseUrl(env) {
  const overrides = env.OVERWRITE_DATASOURCES ? JSON.parse(env.OVERWRITE_DATASOURCES) : [];
  return (overrides[0] && overrides[0].url) || env.DATABASE_URL || '';
}

/** PRISMA_DML holds the schema in base64, PRISMA_DML_PATH (what the Python client sets) names its file. */
function readSchema(env) {
  if (env.PRISMA_DML_PATH) return fs.readFileSync(env.PRISMA_DML_PATH, 'utf8');
  return Buffer.from(env.PRISMA_DML || '', 'base64').toString('utf8');
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

async function handleTransaction(engine, [, action, last], request) {
  const body = await readBody(request);
  const result = action === 'start'
    ? await engine.transaction('start', null, body ? JSON.parse(body) : {})
    : await engine.transaction(last, action, {});
  if (!result.failed) return [200, result];
  const closed = /already closed|Transaction not found/i.test(result.failed.message);
  // The client raises its own transaction errors from an `errors` list only.
  return result.failed.error_code === 'P2028' || !closed
    ? [200, { errors: [errors.entry(result.failed)] }]
    : [422, result.failed];
}

async function route(engine, request) {
  const { pathname } = new URL(request.url, 'http://engine');
  if (request.method === 'GET' && pathname === '/status') return [200, { status: 'ok' }];
  if (request.method !== 'POST') return [404, {}];
  if (pathname === '/') {
    return [200, await engine.query(JSON.parse(await readBody(request)), request.headers['x-transaction-id'])];
  }
  const parts = pathname.slice(1).split('/');
  if (parts[0] === 'transaction') return handleTransaction(engine, parts, request);
  return [404, {}];
}

function createServer(engine) {
  const server = http.createServer((request, response) => {
    route(engine, request).then(([status, body]) => send(response, status, body)).catch((error) => {
      log('error', `request failed: ${error.message}`);
      send(response, 200, { errors: [errors.entry(errors.known('P2009', `query-engine stand-in: ${error.message}`))] });
      // After a panic the WebAssembly instance answers nothing any more; LiteLLM starts a new engine when this one dies.
      if (error instanceof WebAssembly.RuntimeError) setImmediate(() => process.exit(101));
    });
  });
  // The client keeps connections for long; closing an idle one would race with its next request.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  return server;
}

/** Nobody is left to answer when the parent has gone, whatever it died of. */
function followParent() {
  const parent = process.ppid;
  setInterval(() => { if (process.ppid !== parent) process.exit(0); }, PARENT_CHECK_MS).unref();
}

async function main(options, env) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(0));
  process.on('unhandledRejection', (error) => log('error', `unhandled: ${error && error.message}`));
  followParent();
  try {
    const target = database.parseUrl(databaseUrl(env));
    const { pool, adapter } = database.open(target, log);
    // Like the native engine: no server without a first connection, so that a dead database is seen at start.
    await pool.query('SELECT 1').catch((error) => {
      throw Object.assign(error, { userFacing: errors.fromDriver(error, target) });
    });
    const engine = new Engine({ datamodel: readSchema(env), adapter, database: target, log });
    await engine.start();
    createServer(engine).listen(options.port, options.host, () => log('info', `listening on ${options.host}:${options.port}`));
  } catch (error) {
    const userFacing = error.userFacing || errors.known('P1012', String(error.message || error));
    process.stderr.write(`${JSON.stringify(userFacing)}\n`);
    process.exit(1);
  }
}

module.exports = { createServer, databaseUrl, main, readSchema };
