// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Run by `npm test` in an image build: a broken translation must not get into an image.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { parseUrl, poolSettings } = require('../lib/database.js');
const errors = require('../lib/errors.js');
const { listMigrations } = require('../lib/migrations.js');
const { answer, splitName, translate } = require('../lib/protocol.js');
const { markJson, parseModels } = require('../lib/schema.js');

const MODELS = parseModels(`
model Team {
  id       String @id // Json is only a word here
  metadata Json   @default("{}")
  limits   Json?
  tags     String[] @default([])
  keys     Key[]
}
model Key {
  token String @id
  config Json @default("{}")
  team  Team? @relation(fields: [team_id], references: [id])
  team_id String?
}
`);

test('a schema is read with optional and list fields', () => {
  assert.equal(MODELS.get('Team').get('limits'), 'Json');
  assert.equal(MODELS.get('Team').get('keys'), 'Key');
  assert.equal(MODELS.get('Key').get('team'), 'Team');
});

test('operation names are parted into action and model', () => {
  assert.deepEqual(splitName('findUniqueTeamOrThrow'), { action: 'findUniqueOrThrow', modelName: 'Team' });
  assert.deepEqual(splitName('createManyTeam'), { action: 'createMany', modelName: 'Team' });
  assert.deepEqual(splitName('executeRaw'), { action: 'executeRaw' });
  assert.throws(() => splitName('dropTeam'));
});

test('a query becomes the JSON protocol', () => {
  const { alias, query, raw } = translate('mutation { result: createOneTeam(data: { id: "a\\n\\"é", metadata: "{\\"a\\": 1}", n: 9007199254740993, f: 0.5, b: true, z: null }) { id keys(take: 2) { token } } }', MODELS);
  assert.equal(alias, 'result');
  assert.equal(raw, false);
  assert.deepEqual(query, {
    action: 'createOne',
    modelName: 'Team',
    query: {
      arguments: { data: { id: 'a\n"é', metadata: { $type: 'Json', value: '{"a": 1}' }, n: { $type: 'BigInt', value: '9007199254740993' }, f: 0.5, b: true, z: null } },
      selection: { id: true, keys: { arguments: { take: 2 }, selection: { token: true } } },
    },
  });
});

test('JSON texts are marked in nested writes and in filters, other texts never', () => {
  const marked = markJson({
    where: { AND: [{ metadata: { path: ['a'], equals: '"x"', string_contains: 'x' } }], keys: { some: { config: { not: '{}' } } } },
    data: { id: '{}', keys: { create: [{ token: '{}', config: '{}' }] } },
  }, 'Team', MODELS);
  const json = (value) => ({ $type: 'Json', value });
  assert.deepEqual(marked, {
    where: { AND: [{ metadata: { path: ['a'], equals: json('"x"'), string_contains: 'x' } }], keys: { some: { config: { not: json('{}') } } } },
    data: { id: '{}', keys: { create: [{ token: '{}', config: json('{}') }] } },
  });
});

test('an answer loses its type marks and JSON columns of raw queries become documents', () => {
  const plain = { alias: 'result', raw: false };
  assert.deepEqual(answer(plain, { data: { findUniqueTeam: { at: { $type: 'DateTime', value: '2026-01-01T00:00:00.000Z' }, n: null } } }),
    { data: { result: { at: '2026-01-01T00:00:00.000Z', n: null } } });
  const rows = { columns: ['j', 't'], types: ['json', 'string'], rows: [['{"a":[1]}', '{"a":1}'], [null, null]] };
  assert.deepEqual(answer({ alias: 'result', raw: true }, { data: { queryRaw: rows } }).data.result.rows, [[{ a: [1] }, '{"a":1}'], [null, null]]);
  assert.deepEqual(answer(plain, { errors: ['x'] }), { errors: ['x'] });
});

test('a URL with a difficult password and Prisma parameters', () => {
  const password = "p@s:s/w#o$r'd%";
  const database = parseUrl(`postgresql://gate%40way:${encodeURIComponent(password)}@127.0.0.1:5434/llm?connection_limit=7&pool_timeout=60&schema=app`);
  assert.equal(database.password, password);
  assert.equal(database.user, 'gate@way');
  const settings = poolSettings(database);
  assert.deepEqual([settings.max, settings.connectionTimeoutMillis, settings.port, settings.database], [7, 60000, 5434, 'llm']);
  assert.equal('connection_limit' in settings, false);
  assert.match(settings.options, /search_path=app/);
  assert.equal(parseUrl('postgres://u:p@localhost/db?host=/run/postgresql').host, '/run/postgresql');
});

test('a URL that cannot be read is refused without being repeated', () => {
  for (const url of ['', 'mysql://u:secret@h/d', 'postgresql://u:se/cret@h:x/d']) {
    assert.throws(() => parseUrl(url), (error) => error.userFacing.error_code === 'P1013' && !error.message.includes('cret'));
  }
});

test('errors of the driver get the codes that LiteLLM knows', () => {
  const database = { host: 'h', port: 1, user: 'u', name: 'd', connectionLimit: 1, poolTimeout: 1 };
  const code = (error) => errors.fromDriver(error, database)?.error_code;
  assert.equal(code({ code: 'ECONNREFUSED', message: '' }), 'P1001');
  assert.equal(code({ code: '57P01', message: '' }), 'P1001');
  assert.equal(code(new AggregateError([{ code: 'ECONNREFUSED', message: '' }])), 'P1001');
  assert.equal(code(new Error('Connection terminated unexpectedly')), 'P1001');
  assert.match(errors.fromDriver({ code: '08006' }, database).message, /Can't reach database server/);
  assert.equal(code(new Error('timeout exceeded when trying to connect')), 'P2024');
  assert.equal(code({ code: '28P01', message: '' }), 'P1000');
  assert.equal(code({ code: '23505', message: 'duplicate key' }), undefined);
});

test('migrations are listed in byte order, folders with spaces too', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'migrations-'));
  try {
    for (const name of ['2_b', '1_with space', '1_a']) {
      fs.mkdirSync(path.join(folder, name));
      fs.writeFileSync(path.join(folder, name, 'migration.sql'), '');
    }
    fs.mkdirSync(path.join(folder, '0_empty'));
    assert.deepEqual(listMigrations(folder), ['1_a', '1_with space', '2_b']);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
