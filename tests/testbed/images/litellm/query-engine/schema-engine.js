// Copyright: (c) 2026, llmops.litellm contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

// Stands in for Prisma's native `schema-engine` as far as `prisma generate`, `prisma migrate deploy`, `prisma migrate resolve`
// and `prisma db execute` need it. It cannot compare schemas (`migrate diff`, `db push`) and says so. See README.md.

const ENGINE_VERSION = '393aa359c9ad4a4bb28630fb5613f9c281cde053'; // the engines of Prisma 5.17.0

const argv = process.argv.slice(2);
if (argv.includes('--version') || argv.includes('-V')) {
  process.stdout.write(`schema-engine-cli ${ENGINE_VERSION}\n`);
} else if (argv[0] === 'cli') {
  require('./lib/migrations.js').command(argv.slice(1));
} else {
  require('./lib/migrations.js').serve(process.env);
}
