// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Errors as Prisma's engine words them: {is_panic, message, meta, error_code}. LiteLLM decides from the code and from
// words in the message ("can't reach database server"), so both must be right.

/** SQLSTATEs that mean "no server to talk to", not "the server refused the statement". */
const UNREACHABLE_STATES = /^(08...|57P0[1-3]|53300)$/;
const UNREACHABLE_MESSAGE = /Connection terminated|Client has encountered a connection error|Connection ended/i;
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT',
]);
const POOL_TIMEOUT_MESSAGE = /timeout exceeded when trying to connect/i;

function known(error_code, message, meta = {}) {
  return { is_panic: false, message, meta, error_code };
}

/** One entry of the `errors` list of an answer. */
function entry(userFacing) {
  return { error: userFacing.message, user_facing_error: userFacing };
}

function isUnreachable(error) {
  return UNREACHABLE_STATES.test(error.code || '')
    || UNREACHABLE_CODES.has(error.code)
    || UNREACHABLE_MESSAGE.test(error.message || '');
}

/** The engine's error for one that pg threw, or null when pg's is an ordinary refusal of a statement. */
function fromDriver(error, database) {
  const first = error instanceof AggregateError && error.errors.length ? error.errors[0] : error;
  const place = `\`${database.host}:${database.port}\``;
  if (isUnreachable(first)) {
    return known('P1001', `Can't reach database server at ${place}\n\nPlease make sure your database server is running at ${place}.`,
      { database_host: database.host, database_port: database.port });
  }
  if (POOL_TIMEOUT_MESSAGE.test(first.message || '')) {
    return known('P2024', 'Timed out fetching a new connection from the connection pool.',
      { connection_limit: database.connectionLimit, timeout: database.poolTimeout });
  }
  if (first.code === '28P01' || first.code === '28000') {
    return known('P1000', `Authentication failed against database server at \`${database.host}\`, the provided database credentials for \`${database.user}\` are not valid.`,
      { database_host: database.host, database_user: database.user });
  }
  if (first.code === '3D000') {
    return known('P1003', `Database \`${database.name}\` does not exist on the database server at ${place}.`,
      { database_name: database.name, database_host: database.host, database_port: database.port });
  }
  return null;
}

module.exports = { entry, fromDriver, known };
