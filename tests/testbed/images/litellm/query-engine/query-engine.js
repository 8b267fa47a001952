// Copyright: (c) 2026, llmops.litellm contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Stands in for Prisma's native `query-engine` binary. See README.md.
// Nothing heavy is loaded before the arguments are read: the Python client asks for the version at every start.

const ENGINE_VERSION = '393aa359c9ad4a4bb28630fb5613f9c281cde053'; // the engines of Prisma 5.17.0

function readArguments(argv) {
  const options = { host: '127.0.0.1', port: 4466 };
  for (let i = 0; i < argv.length; i += 1) {
    const [flag, inline] = argv[i].split(/=(.*)/s);
    const value = () => (inline === undefined ? argv[(i += 1)] : inline);
    if (flag === '--version' || flag === '-V') options.version = true;
    else if (flag === '-p' || flag === '--port') options.port = Number(value());
    else if (flag === '-H' || flag === '--host') options.host = value();
    // --enable-metrics, --enable-raw-queries, --enable-playground … need no answer here.
  }
  return options;
}

const options = readArguments(process.argv.slice(2));
if (options.version) {
  process.stdout.write(`query-engine ${ENGINE_VERSION}\n`);
} else {
  // LiteLLM looks for its engines by this name in /proc.
  process.title = 'query-engine';
  require('./lib/server.js').main(options, process.env);
}
