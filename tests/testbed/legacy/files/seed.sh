#!/usr/bin/env bash
# seed.sh ROWS: the schema and the data of the legacy deployment; what is there is left alone.
set -euo pipefail
cd /root/testbed
legacy() { systemctl --user --machine=litellm@ "$@" litellm.service; }
pid=$(legacy show --property=MainPID --value)
if [ "$pid" = 0 ] && [ "$(legacy is-enabled)" = disabled ]; then
  echo 'the legacy proxy is retired: nothing is added' >&2
  echo '{"changed": false}'
  exit
fi
PGHOST=127.0.0.1 PGPORT=5434 PGUSER=gateway PGDATABASE=llm_gateway
PGPASSWORD=$(python3 -c 'import json; print(json.load(open("/root/testbed/secrets.json"))["DATABASE_PASSWORD"])')
export PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD
exec python3 seed.py --environ "/proc/$pid/environ" --keys-file keys.json --rows "$1"
