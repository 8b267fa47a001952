// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// What the translation must know of a Prisma schema: which fields hold JSON, which lead to another model.

/** Schema text → Map of model name → Map of field name → type name. */
function parseModels(text) {
  const models = new Map();
  for (const [, name, body] of text.matchAll(/^model\s+(\w+)\s*\{([\s\S]*?)^\}/gm)) {
    const fields = [...body.matchAll(/^\s*(\w+)\s+(\w+)(?:\[\]|\?)?(?=\s|$)/gm)].map(([, field, type]) => [field, type]);
    models.set(name, new Map(fields));
  }
  return models;
}

/** Filter operators whose operand is a JSON document; the `string_…` ones and `path` take plain text. */
const JSON_OPERATORS = new Set(['equals', 'not', 'array_contains', 'array_starts_with', 'array_ends_with', 'lt', 'lte', 'gt', 'gte', 'set', 'push']);

function jsonValue(item) {
  if (typeof item === 'string') return { $type: 'Json', value: item };
  if (Array.isArray(item)) return item.map(jsonValue);
  if (item === null || typeof item !== 'object' || item.$type) return item;
  return Object.fromEntries(Object.entries(item).map(([key, child]) => [key, JSON_OPERATORS.has(key) ? jsonValue(child) : child]));
}

/** Arguments of an operation on `model`, with every text that stands for a JSON document marked as one: in GraphQL a JSON
 *  field takes its document as text, in the JSON protocol a bare text would be stored as a JSON string. */
function markJson(item, model, models) {
  if (Array.isArray(item)) return item.map((child) => markJson(child, model, models));
  if (item === null || typeof item !== 'object' || item.$type) return item;
  const fields = models.get(model) || new Map();
  return Object.fromEntries(Object.entries(item).map(([key, child]) => {
    const type = fields.get(key);
    if (type === 'Json') return [key, jsonValue(child)];
    return [key, markJson(child, models.has(type) ? type : model, models)];
  }));
}

module.exports = { markJson, parseModels };
