#!/usr/bin/env bash
# activates and starts; no exec, as such scripts are
cd "$(dirname "$0")/.." || exit 1
source /home/litellm/venv/bin/activate
echo "starting in $PWD"
litellm --config config.yaml --host 0.0.0.0 --port 4000 --request_timeout 600 --telemetry False
echo "ended with $?"
