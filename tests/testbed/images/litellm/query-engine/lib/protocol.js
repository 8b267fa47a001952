// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// The Python client speaks GraphQL, the WebAssembly engine speaks Prisma's JSON protocol. Pure translation, both ways.

const { parse, Kind } = require('graphql');
const { markJson } = require('./schema.js');

const ACTIONS = ['createOne', 'createMany', 'createManyAndReturn', 'deleteOne', 'deleteMany', 'updateOne', 'updateMany', 'upsertOne',
  'findFirst', 'findUnique', 'findMany', 'aggregate', 'groupBy', 'queryRaw', 'executeRaw'];

function integer(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : { $type: 'BigInt', value: text };
}

function value(node) {
  switch (node.kind) {
    case Kind.INT: return integer(node.value);
    case Kind.FLOAT: return Number(node.value);
    case Kind.STRING:
    case Kind.ENUM:
    case Kind.BOOLEAN: return node.value;
    case Kind.NULL: return null;
    case Kind.LIST: return node.values.map(value);
    case Kind.OBJECT: return Object.fromEntries(node.fields.map((field) => [field.name.value, value(field.value)]));
    default: throw new Error(`GraphQL ${node.kind} is not supported`);
  }
}

function argumentsOf(field, model, models) {
  const given = Object.fromEntries((field.arguments || []).map((argument) => [argument.name.value, value(argument.value)]));
  return model ? markJson(given, model, models) : given;
}

function selectionOf(field, model, models) {
  const children = field.selectionSet ? field.selectionSet.selections : [];
  return Object.fromEntries(children.map((child) => {
    if (!child.selectionSet && !(child.arguments || []).length) return [child.name.value, true];
    const type = models.get(model)?.get(child.name.value);
    return [child.name.value, { arguments: argumentsOf(child, type, models), selection: selectionOf(child, type, models) }];
  }));
}

/** `findUniqueUserOrThrow` → `{action: 'findUniqueOrThrow', modelName: 'User'}` */
function splitName(name) {
  const matching = ACTIONS.filter((action) => name.startsWith(action)).sort((a, b) => b.length - a.length);
  if (!matching.length) throw new Error(`unknown operation ${name}`);
  let action = matching[0];
  let model = name.slice(action.length);
  if (['findFirst', 'findUnique'].includes(action) && model.endsWith('OrThrow')) {
    action += 'OrThrow';
    model = model.slice(0, -'OrThrow'.length);
  }
  return model ? { action, modelName: model } : { action };
}

/** One GraphQL text → `{query, alias, raw}`: the JSON query, the key that the client waits for, and whether it is `queryRaw`.
 *  `models` is what `parseModels` gives. */
function translate(text, models) {
  const document = parse(text, { noLocation: true });
  const fields = document.definitions.flatMap((definition) => definition.selectionSet.selections);
  if (fields.length !== 1) throw new Error(`expected one operation, got ${fields.length}`);
  const [field] = fields;
  const name = splitName(field.name.value);
  return {
    alias: (field.alias || field.name).value,
    raw: name.action === 'queryRaw',
    query: { ...name, query: { arguments: argumentsOf(field, name.modelName, models), selection: selectionOf(field, name.modelName, models) } },
  };
}

/** `{$type, value}` → value, everywhere: the Python client expects what the GraphQL engine wrote. */
function unwrap(item) {
  if (Array.isArray(item)) return item.map(unwrap);
  if (item === null || typeof item !== 'object') return item;
  if (typeof item.$type === 'string' && 'value' in item) return item.value;
  return Object.fromEntries(Object.entries(item).map(([key, child]) => [key, unwrap(child)]));
}

function parseJson(text) {
  return typeof text === 'string' ? JSON.parse(text) : text;
}

/** Rows of a raw query: the WebAssembly engine leaves `json` columns as text, the native one gives documents. */
function rawResult(result) {
  const convert = result.types.map((type) => {
    if (type === 'json') return (cell) => (cell === null ? null : parseJson(cell));
    if (type === 'json-array') return (cell) => (cell === null ? null : cell.map((part) => (part === null ? null : parseJson(part))));
    return (cell) => cell;
  });
  return { ...result, rows: result.rows.map((row) => row.map((cell, index) => convert[index](cell))) };
}

/** The engine's answer to one translated query, in the client's words. */
function answer(translated, response) {
  if (response.errors) return { errors: response.errors };
  const [result] = Object.values(response.data);
  return { data: { [translated.alias]: translated.raw ? rawResult(unwrap(result)) : unwrap(result) } };
}

module.exports = { answer, rawResult, splitName, translate, unwrap };
