#!/usr/bin/env bash
# What attacks are made of; read by a shell that is the attacker.
XDG_RUNTIME_DIR=/run/user/$(id -u)
export XDG_RUNTIME_DIR
cd || exit
A=$HOME/attack
export P=/home/litellm/llm@team
mkdir -p "$A/bin"

# trap_at PATH NAME: a program that leaves who ran it.
trap_at() {
  mkdir -p "$(dirname "$1")"
  printf '#!/bin/sh\n: > "/srv/runner/%s.$$"\nexit 1\n' "$2" > "$1"
  chmod 755 "$1"
}

# python_trap PATH NAME: the same in a line of Python, as a .pth file takes it.
python_trap() {
  mkdir -p "$(dirname "$1")"
  printf 'import os; os.close(os.open("/srv/runner/%s.%%d" %% os.getpid(), 65, 384))\n' "$2" > "$1"
}

# called PROGRAM: an interpreter that has another program's name; prints its path.
called() {
  mkdir -p "$(dirname "$1")"
  [ -e "$1" ] || cp /usr/bin/python3 "$1"
  printf '%s' "$1"
}

# unit NAME COMMAND...: runs as a unit of the attacker's own manager.
unit() {
  name=$1
  shift
  systemd-run --user --quiet --collect --unit="$name" -- "$@"
}

# listening ADDRESS:PORT...: until somebody listens there.
listening() {
  for place in "$@"; do
    timeout 20 sh -c "until ss -Hltn src $place | grep -q .; do sleep 0.05; done"
  done
}
