#!/bin/sh
# What the official image's start script makes of the environment. Programs that are not here fail as they would there.
if [ "${SEPARATE_HEALTH_APP:-}" = 1 ]; then
  export LITELLM_ARGS="$*"
  exec supervisord -c /etc/supervisord.conf
fi
if [ "${USE_DDTRACE:-}" = true ]; then
  exec ddtrace-run litellm "$@"
fi
if [ "${USE_NEWRELIC:-}" = true ]; then
  exec newrelic-admin run-python litellm "$@"
fi
exec litellm "$@"
