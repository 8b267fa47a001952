#!/usr/bin/env bash
# The real schema, by LiteLLM's real migrations, as the role that shall own it.
set -euo pipefail
cd /root/testbed
PGHOST=127.0.0.1 PGPORT=5434 PGUSER=gateway PGDATABASE=llm_gateway
PGPASSWORD=$(python3 -c 'import json; print(json.load(open("/root/testbed/secrets.json"))["DATABASE_PASSWORD"])')
export PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD
exec /home/litellm/venv/bin/python migrate.py
