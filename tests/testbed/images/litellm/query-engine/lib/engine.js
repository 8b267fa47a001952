// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const fs = require('node:fs');
const errors = require('./errors.js');
const protocol = require('./protocol.js');
const { parseModels } = require('./schema.js');

const RUNTIME = '@prisma/client/runtime/query_engine_bg.postgresql';
const TRACE = JSON.stringify({ traceparent: '' });

/** Prisma's WebAssembly module, loaded once. */
async function loadRuntime() {
  const bindings = require(`${RUNTIME}.js`);
  const bytes = await fs.promises.readFile(require.resolve(`${RUNTIME}.wasm`));
  const module = await WebAssembly.compile(bytes);
  const instance = await WebAssembly.instantiate(module, { './query_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  return bindings.QueryEngine;
}

class Engine {
  /** @param {{datamodel: string, adapter: object, database: object, log: function}} parts */
  constructor({ datamodel, adapter, database, log }) {
    Object.assign(this, { datamodel, adapter, database, log, models: parseModels(datamodel) });
  }

  async start() {
    const QueryEngine = await loadRuntime();
    this.engine = new QueryEngine({
      datamodel: this.datamodel,
      env: {},
      logQueries: false,
      logLevel: 'error',
      ignoreEnvVarErrors: true,
      datasourceOverrides: {},
      configDir: '.',
      engineProtocol: 'json',
    }, () => {}, this.adapter);
    await this.engine.connect(TRACE);
  }

  /** What the adapter threw travels through WebAssembly as a number (P2036); put the real error in its place. */
  resolve(userFacing) {
    if (!userFacing || userFacing.error_code !== 'P2036') return userFacing;
    const registered = this.adapter.errorRegistry.consumeError(userFacing.meta.id);
    if (!registered) return userFacing;
    delete this.adapter.errorRegistry.registeredErrors[userFacing.meta.id];
    const { error } = registered;
    return error.userFacing || errors.fromDriver(error, this.database) || errors.known('P2036', String(error.message || error), userFacing.meta);
  }

  mapErrors(list) {
    return list.map((item) => {
      const userFacing = this.resolve(item.user_facing_error);
      if (userFacing === item.user_facing_error) return item;
      return { ...item, ...errors.entry(userFacing) };
    });
  }

  async call(body, transaction) {
    const response = JSON.parse(await this.engine.query(JSON.stringify(body), TRACE, transaction));
    if (response.errors) response.errors = this.mapErrors(response.errors);
    for (const part of response.batchResult || []) {
      if (part.errors) part.errors = this.mapErrors(part.errors);
    }
    return response;
  }

  /** The client's request body → the body of the answer. */
  async query(request, transaction) {
    if (!Array.isArray(request.batch)) {
      const translated = protocol.translate(request.query, this.models);
      return protocol.answer(translated, await this.call(translated.query, transaction));
    }
    const translated = request.batch.map((item) => protocol.translate(item.query, this.models));
    const body = { batch: translated.map((item) => item.query) };
    if (request.transaction) body.transaction = { isolationLevel: request.isolationLevel || null };
    const response = await this.call(body, transaction);
    if (response.errors) return { errors: response.errors };
    return { batchResult: response.batchResult.map((part, index) => protocol.answer(translated[index], part)) };
  }

  async transaction(action, id, body) {
    const methods = {
      start: () => this.engine.startTransaction(JSON.stringify({
        max_wait: body.max_wait ?? 2000,
        timeout: body.timeout ?? 5000,
        isolation_level: body.isolation_level ?? null,
      }), TRACE),
      commit: () => this.engine.commitTransaction(id, TRACE),
      rollback: () => this.engine.rollbackTransaction(id, TRACE),
    };
    const text = await methods[action]();
    const result = text ? JSON.parse(text) : {};
    return result.error_code ? { failed: this.resolve(result) } : result;
  }
}

module.exports = { Engine };
