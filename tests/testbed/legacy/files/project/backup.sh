#!/bin/sh
# nightly, from litellm-backup.timer; the address without Prisma's parameters, pg_dump does not know them
set -e
mkdir -p "$HOME/backups"
pg_dump --format=custom --file "$HOME/backups/$(date +%A).dump" "${DATABASE_URL%%\?*}"
