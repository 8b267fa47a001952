#!/bin/sh
# The official image's contract in what BusyBox's shell knows: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB,
# POSTGRES_HOST_AUTH_METHOD (and NAME_FILE for the first three), PGDATA; trust on the local socket, scram for hosts; as the
# images from 18 on, one with their layout refuses a volume where images up to 17 had theirs.
set -eu

value() { # NAME DEFAULT: the variable's value, or the content of the file that NAME_FILE names
  given='' file=''
  eval "given=\${$1:-} file=\${$1_FILE:-}"
  if [ -n "$given" ] && [ -n "$file" ]; then
    echo "both $1 and $1_FILE are set" >&2
    exit 1
  fi
  if [ -n "$file" ]; then
    cat "$file"
  else
    printf '%s' "${given:-$2}"
  fi
}

initialise() {
  user=$(value POSTGRES_USER postgres)
  database=$(value POSTGRES_DB "$user")
  password=$(value POSTGRES_PASSWORD '')
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "$password" ] && [ "$method" != trust ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified (POSTGRES_PASSWORD)' >&2
    exit 1
  fi
  if [ "$PGDATA" != /var/lib/postgresql/data ] && grep -q ' /var/lib/postgresql/data ' /proc/self/mountinfo; then
    echo 'Error: a volume at /var/lib/postgresql/data is not used' >&2
    exit 1
  fi
  printf '%s\n' "$password" >/tmp/password
  initdb --username="$user" --pwfile=/tmp/password
  rm /tmp/password
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o '-c listen_addresses= -p 5432' -w start
  if [ "$database" != postgres ]; then
    psql --no-psqlrc --no-password --username "$user" --dbname postgres --set=db="$database" <<'END'
CREATE DATABASE :"db";
END
  fi
  pg_ctl -D "$PGDATA" -m fast -w stop
  echo 'PostgreSQL init process complete; ready for start up.'
}

case "$1" in -*) set -- postgres "$@" ;; esac
if [ "$1" = postgres ]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA" || :
  if [ "$(id -u)" = 0 ]; then
    find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres '{}' +
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
  fi
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initialise
  fi
fi
exec "$@"
