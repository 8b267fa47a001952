# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What accounts of the host try, and what has to come of it.

``defence`` is what stands against an attempt, by its names below module_utils: without it (where
there are several, without all of them) its row fails, or its run. README.md says how that was seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# Of the attempts that were made: attempt, playbook, canaries, verdict.
TABLE: list[tuple[str, str, str, str]] = []
LITELLM, MALLORY, ROOT = "litellm", "mallory", "root"


class Row(NamedTuple):
    """An attempt: shell by which an account makes it, with files/lib.sh read, and takes it back.

    ``said``: what the operator must be told, a pattern; nothing where it is harmless. ``unsaid``:
    what he must not be told. ``traps``: programs planted, of which each is seen to work when the
    account itself runs it; what anybody else has run of them is a failure, whichever they are.
    """

    name: str
    who: str
    plant: str
    defence: str
    away: str = ":"
    said: str = ""
    unsaid: str = ""
    traps: tuple[str, ...] = ()


class Stage(NamedTuple):
    """A run of the operator's, and the attempts that are made against it alone.

    ``command``: one on the host, where ``playbook`` is empty. ``refused``: it must fail, with
    nothing touched. ``serves``: a client sees afterwards what it saw before. ``mask``: root's umask
    on the host.
    """

    name: str
    playbook: str = ""
    command: str = ""
    options: tuple[str, ...] = ()
    variables: dict[str, Any] = {}
    refused: bool = False
    serves: bool = False
    mask: str = "077"
    rows: tuple[Row, ...] = ()

    @property
    def label(self) -> str:
        """What the operator has typed, as far as it tells the runs apart."""
        check = " --check" if "--check" in self.options else ""
        return self.playbook + ".yml" + check if self.playbook else "litellm-ops"


# --- Made before anything, and there during every run ---------------------------------------------

LISTENERS = """
for each in psql pg_dump pg_restore; do trap_at ~/pg/bin/$each a1b; done
~/pg/bin/psql || :
serve() { unit "$1" "$(called ~/pg/bin/$2)" /srv/hostile/hostile.py listen 127.0.0.2 "$3"; }
serve postgresql@15-main postgres 5434
serve llama-embeddings llama-server 8082
serve litellm-proxy litellm 4000
listening 127.0.0.2:5434 127.0.0.2:8082 127.0.0.2:4000
"""
NAMESAKES = """
unit docker sleep infinity
unit litellm-compose sleep infinity
unit ufw "$(called ~/pg/bin/redis-server)" /srv/hostile/hostile.py listen 127.0.0.2 6379
listening 127.0.0.2:6379
"""
OWN_REDIS = """
mkdir -p ~/redis ~/.config/systemd/user
cat > ~/.config/systemd/user/ufw.service <<'X'
[Unit]
Description=Redis of the gateway
[Service]
ExecStart=/usr/bin/redis-server --bind 127.0.0.1 --port 6379 --dir %h/redis --save '3600 1'
[Install]
WantedBy=default.target
X
systemctl --user daemon-reload
systemctl --user enable --quiet --now ufw.service
listening 127.0.0.1:6379
redis-cli SET gateway:kept yes > /dev/null
"""
ENVIRONMENT = """
for each in docker git ip iptables nft pg_dump pg_restore psql python3 redis-cli redis-server \\
  ss sudo systemctl systemd-run; do trap_at ~/attack/bin/$each path; done
~/attack/bin/psql || :
python_trap ~/attack/python/sitecustomize.py pythonpath
python_trap ~/attack/startup.py pythonpath
PYTHONPATH=~/attack/python python3 -c pass
printf ': > "/srv/runner/bash_env.$$"\\n' > ~/attack/bash_env
BASH_ENV=~/attack/bash_env bash -c :
echo 'no library' > ~/attack/preload.so
cat >> $P/env.litellm <<X
PATH=$HOME/attack/bin:/usr/local/bin:/usr/bin:/bin
LD_PRELOAD=$HOME/attack/preload.so
LD_DEBUG=statistics
LD_DEBUG_OUTPUT=/srv/runner/ld
PYTHONPATH=$HOME/attack/python
PYTHONSTARTUP=$HOME/attack/startup.py
BASH_ENV=$HOME/attack/bash_env
ENV=$HOME/attack/bash_env
PSQLRC=$HOME/.psqlrc
PGPASSFILE=$HOME/.pgpass
PGSERVICEFILE=$HOME/.pg_service.conf
DOCKER_CONFIG=$HOME/.docker
DOCKER_HOST=unix://$HOME/attack/docker.sock
GIT_CONFIG_GLOBAL=$HOME/.gitconfig
X
"""
SITE = """
for each in ~/venv/lib/python3*/site-packages; do python_trap $each/attack.pth pth; done
"""
CLIENTS = r"""
printf '\\! : > /srv/runner/psqlrc.$$\n' > ~/.psqlrc
echo '*:*:*:*:not-it' > ~/.pgpass
chmod 600 ~/.pgpass
printf '[llm_gateway]\nhost=127.0.0.2\nport=5434\n' > ~/.pg_service.conf
url=$(sed -n 's/^DATABASE_URL="\([^?]*\).*/\1/p' $P/env.litellm)
psql --quiet "$url" < /dev/null > /dev/null
"""
DOCKER = """
trap_at ~/.docker/cli-plugins/docker-compose docker
trap_at ~/attack/bin/docker-credential-attack docker
echo '{"credsStore": "attack", "currentContext": "attack"}' > ~/.docker/config.json
~/.docker/cli-plugins/docker-compose || :
"""
GIT_HERE = """
for each in fsmonitor pager filter hooks/post-checkout hooks/post-index-change hooks/pre-commit; do
  trap_at ~/attack/$NAME/$each $NAME
done
git config core.fsmonitor ~/attack/$NAME/fsmonitor
git config core.hooksPath ~/attack/$NAME/hooks
git config core.pager ~/attack/$NAME/pager
git config filter.attack.clean ~/attack/$NAME/filter
git status > /dev/null 2>&1
"""
MANAGER = """
systemctl --user set-environment PATH=~/attack/bin:/usr/bin:/bin LD_DEBUG=statistics \\
  LD_DEBUG_OUTPUT=/srv/runner/manager LD_PRELOAD=~/attack/preload.so BASH_ENV=~/attack/bash_env
systemd-run --user --quiet --wait true
"""
SUPERUSER = r"""
url=$(sed -n 's/^DATABASE_URL="\([^?]*\).*/\1/p' $P/env.litellm)
psql -X --quiet --set=ON_ERROR_STOP=1 "$url" <<'X'
CREATE FUNCTION public.attack_now() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  BEGIN
    EXECUTE $c$COPY (SELECT 1) TO PROGRAM 'true'$c$;
  EXCEPTION WHEN insufficient_privilege THEN RETURN;
  END;
  RAISE EXCEPTION 'a superuser has run the function of an account';
END $f$;
CREATE FUNCTION public.attack(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM public.attack_now(); RETURN $1; END $$;
CREATE INDEX attack ON "LiteLLM_TeamTable" (public.attack(team_id));
ALTER TABLE "LiteLLM_SpendLogs" ADD CONSTRAINT attack CHECK (public.attack(request_id) <> '');
X
"""

STANDING = (
    Row(
        "A1b any account listens on 127.0.0.2, its own psql beside its postgres",
        MALLORY,
        LISTENERS,
        "_host.listeners.holder; _postgres.programs.find_bindir",
        traps=("a1b",),
    ),
    Row(
        "A1b units of any account with names of the system's, one with a Redis on 127.0.0.2",
        MALLORY,
        NAMESAKES,
        "_host.listeners.holder; _host.process_unit.of",
    ),
    Row(
        "a socket in /tmp where PostgreSQL could have one",
        MALLORY,
        "unit socket python3 /srv/hostile/hostile.py local /tmp/.s.PGSQL.5434",
        "_migration.preflight_stores.check_database; _postgres.endpoint.Endpoint.argv",
    ),
    Row(
        "A3 Redis in a user unit that is called like the host's firewall",
        LITELLM,
        OWN_REDIS,
        "_host.process_unit.of",
    ),
    Row(
        "A2 links in Redis' folder where root could write",
        LITELLM,
        "ln -s /etc/ld.so.preload ~/redis/.llmops-litellm-copied; "
        "ln -s /etc/ld.so.preload ~/redis/.llmops-litellm-earlier",
        "_redis.native_data.Place.put",
    ),
    Row(
        "PATH, LD_PRELOAD, LD_DEBUG, PYTHONPATH, BASH_ENV, PG… and DOCKER_… in an env file",
        LITELLM,
        ENVIRONMENT,
        "_host.process.ENVIRONMENT",
        traps=("path", "pythonpath", "bash_env", "ld"),
    ),
    Row(
        "a .pth file in the proxy's environment",
        LITELLM,
        SITE,
        "_host.process.program",
        traps=("pth",),
    ),
    Row(
        ".psqlrc, .pgpass and .pg_service.conf in the account's home",
        LITELLM,
        CLIENTS,
        "_postgres.endpoint.Endpoint.environment; _postgres.endpoint.Endpoint.start",
        traps=("psqlrc",),
    ),
    Row(
        "credential helper and plugin of Docker in the account's home",
        LITELLM,
        DOCKER,
        "_host.process.ENVIRONMENT",
        traps=("docker",),
    ),
    Row(
        "core.fsmonitor, hooks and filters of git in the legacy folder",
        LITELLM,
        "cd $P; NAME=git\n" + GIT_HERE,
        "_host.git",
        traps=("git",),
    ),
    Row(
        "PATH, LD_PRELOAD, LD_DEBUG and BASH_ENV in the account's user manager",
        LITELLM,
        MANAGER,
        "_host.process.ENVIRONMENT",
        traps=("manager",),
    ),
    Row(
        "B1 functions of the legacy database that a superuser would run a program by",
        LITELLM,
        SUPERUSER,
        "_postgres.role",
    ),
)
# Asked of the proxy, when it serves again.
NAMED = Row(
    "B5 a model and a team with colours, lines, headings and links in their names",
    LITELLM,
    "key=$(sed -n 's/^LITELLM_MASTER_KEY=//p' $P/secrets.env)\n"
    'python3 /srv/hostile/hostile.py names "$key"',
    "_host.display",
)

# --- Made for one run -----------------------------------------------------------------------------

# A proxy of the account's own, that is restarted in no time and lets the true one serve.
PROXY = r"""
mkdir -p ~/attack/venv/bin ~/attack/venv/lib/python3/site-packages/litellm-1.102.4.dist-info
called ~/attack/venv/bin/python3 > /dev/null
cp /srv/hostile/hostile.py ~/attack/venv/bin/litellm
U=~/.config/systemd/user
proxy() { # UNIT PORT CONFIG ENVFILE...
  name=$1 port=$2 config=$3
  shift 3
  mkdir -p $U/$name.service.d
  printf '[Service]\nNice=1\n' > $U/$name.service.d/nice.conf
  printf '%s\n' '[Service]' "WorkingDirectory=$HOME/attack" "${@/#/EnvironmentFile=}" \
    "ExecStart=$HOME/attack/venv/bin/python3 $HOME/attack/venv/bin/litellm --config $config \
    --port $port" > $U/$name.service
  systemctl --user daemon-reload
  systemctl --user start $name.service
  listening 127.0.0.1:$port
}
"""
PROXY_AWAY = """
systemctl --user stop %s.service
rm -r ~/.config/systemd/user/%s.service ~/.config/systemd/user/%s.service.d
systemctl --user daemon-reload
"""
CLOSED = "account litellm can't read it: Permission denied"
INCLUDES = r"""
cd ~/attack
python3 /srv/hostile/hostile.py files .
ln -s /root/canary link.yaml
ln -s /root/canary racy.link
ln -s /root/canary schema.prisma
ln -s loop.yaml loop.yaml
cat > config.yaml <<'X'
include:
  - /root/canary
  - /etc/shadow
  - link.yaml
  - hard.yaml
  - loop.yaml
  - fifo.yaml
  - sparse.yaml
  - deep.yaml
  - aliases.yaml
  - racy.yaml
  - /proc/self/root/root/canary
  - /proc/self/fd/0
  - /proc/kmsg
  - /dev/zero
  - /dev/stdin
  - "x\e[31m\n2. FORGED.yaml"
model_list: []
X
"""
FILES = Stage(
    "files of the account",
    "migrate",
    options=("--check", "-vvv"),
    variables={
        "legacy_unit": "attack-files",
        "litellm_project_dir": "/home/litellm/attack/compose",
    },
    refused=True,
    rows=(
        Row(
            "a hard link to root's file",
            ROOT,
            "install -d -o litellm -g litellm /home/litellm/attack && "
            "ln /root/canary /home/litellm/attack/hard.yaml",
            "_host.account.Account.read",
            "rm /home/litellm/attack/hard.yaml",
            said=rf"hard\.yaml: {CLOSED}",
        ),
        Row(
            "A4 root's files included, by name, link and /proc",
            LITELLM,
            INCLUDES,
            "_host.account.Account.read",
            said=rf"/root/canary: {CLOSED}.*/etc/shadow: {CLOSED}.*link\.yaml: {CLOSED}",
        ),
        Row(
            "B3 FIFO, devices, 20 GiB, nested brackets and aliases included",
            LITELLM,
            ":",
            "_host.account.open_regular; _host.account.LIMIT; _config.yaml_values.scan",
            said=r"fifo\.yaml: [^:]*: not a regular file.*sparse\.yaml: [^:]*: larger than.*"
            r"/dev/zero: [^:]*: not a regular file.*deep\.yaml:1: is nested deeper than.*"
            r"aliases\.yaml:\d+: uses more than",
        ),
        Row(
            "A4 a file and a link to root's exchange their names, over and over",
            LITELLM,
            "unit swap python3 /srv/hostile/hostile.py swap ~/attack/racy.yaml ~/attack/racy.link",
            "_host.account.Account.read",
            "systemctl --user stop swap.service",
        ),
        Row(
            "A4 env files that are a link to root's, and a FIFO",
            LITELLM,
            PROXY + "cd ~/attack; sed s,@127.0.0.1:5434/,@/, $P/env.litellm > files.env; "
            "sed -i 's,?connection,?host=/tmp\\&port=5434\\&connection,' files.env; : > fifo.env; "
            "proxy attack-files 4998 ~/attack/config.yaml ~/attack/files.env ~/attack/fifo.env; "
            "ln -sf /root/canary.env files.env; rm fifo.env; mkfifo fifo.env\n",
            "_host.account.Account.read",
            PROXY_AWAY.replace("%s", "attack-files"),
            said=rf"files\.env: {CLOSED}.*fifo\.env: [^:]*: not a regular file",
        ),
        Row(
            "a proxy whose database is a socket in /tmp, which any account has",
            LITELLM,
            ":",
            "_migration.preflight_stores.check_database; _postgres.endpoint.Endpoint.argv",
            said=r"DATABASE_URL: leads to .*hostile\.py .* which is no PostgreSQL of this host",
        ),
        Row(
            "A4 a unit's file and drop-in that became links to root's",
            LITELLM,
            "cd ~/.config/systemd/user; ln -sf /root/canary attack-files.service; "
            "ln -sf /root/canary attack-files.service.d/nice.conf",
            "_host.account.Account.read",
            said=r"unit attack-files\.service: its file /root/canary is gone",
        ),
        Row(
            "git in the folder around the project's",
            LITELLM,
            "cd ~/attack; git init --quiet; NAME=around\n" + GIT_HERE,
            "_host.git",
            traps=("around",),
        ),
        Row(
            "B5 a name with lines and colours included",
            LITELLM,
            ":",
            "_host.display",
            said=r"FORGED\.yaml",
        ),
    ),
)
SERVERS = Stage(
    "servers of the account",
    "migrate",
    options=("--check",),
    variables={
        "legacy_unit": "attack-servers",
        "litellm_project_dir": "/home/litellm/llm@team/compose",
    },
    refused=True,
    rows=(
        Row(
            "A1 psql beside a postgres of the account's own",
            LITELLM,
            "for each in psql pg_dump pg_restore; do trap_at ~/pg/bin/$each a1; done\n"
            "~/pg/bin/psql || :\n"
            'unit forward "$(called ~/pg/bin/postgres)" /srv/hostile/hostile.py forward 5544 5434',
            "_postgres.programs.find_bindir; _postgres.endpoint.Endpoint.start",
            "systemctl --user stop forward.service",
            traps=("a1",),
        ),
        Row(
            "A2 Redis says that its file is /etc/ld.so.preload",
            LITELLM,
            "unit redis-server redis-server --port 6390 --bind 127.0.0.1 --dir /etc "
            "--dbfilename ld.so.preload --save ''\n"
            "listening 127.0.0.1:6390\n"
            # the proxy that names both
            + PROXY
            + "sed 's/127.0.0.1:5434/127.0.0.1:5544/' $P/env.litellm > ~/attack/servers.env\n"
            "printf 'REDIS_HOST=127.0.0.1\\nREDIS_PORT=6390\\n' >> ~/attack/servers.env\n"
            "echo 'model_list: []' > ~/attack/servers.yaml\n"
            "proxy attack-servers 4997 ~/attack/servers.yaml ~/attack/servers.env "
            "$P/secrets.env",
            "_redis.native_data.data_of",
            PROXY_AWAY.replace("%s", "attack-servers")
            + "systemctl --user stop redis-server.service",
            said=r"account litellm, says .* /etc as ld\.so\.preload",
        ),
        Row(
            "B5 a process title with lines and colours on a port that is needed",
            MALLORY,
            "called ~/title > /dev/null\n"
            'unit title bash -c \'exec -a "$0" ~/title /srv/hostile/hostile.py '
            "listen 127.0.0.1 14000' $'x\\e[31m\\n2.\\tFORGED\\tall\\tis\\twell'\n"
            "listening 127.0.0.1:14000",
            "_host.display",
            "systemctl --user stop title.service",
            said=r"14000 \(staging\): is held by",
        ),
        Row(
            "B6 a VPN's route in a table of its own",
            ROOT,
            "ip route add 172.30.40.128/25 dev lo table 51820",
            "_host.docker.routes",
            "ip route flush table 51820",
            said=r"172\.30\.40\.0/24 overlaps with 172\.30\.40\.128/25",
        ),
    ),
)
LINKED = Stage(
    "configuration of root's",
    "migrate",
    options=("--check",),
    variables={"legacy_unit": "attack-linked"},
    refused=True,
    rows=(
        Row(
            "A4 a configuration that is a link to root's file",
            LITELLM,
            PROXY + "ln -sf /root/canary ~/attack/linked.yaml\n"
            "proxy attack-linked 4997 ~/attack/linked.yaml $P/env.litellm $P/secrets.env",
            "_host.account.Account.read",
            PROXY_AWAY.replace("%s", "attack-linked"),
            said=rf"linked\.yaml: {CLOSED}",
        ),
    ),
)
SAME_NAME = Stage(
    "another proxy of that name",
    "migrate",
    options=("--check",),
    refused=True,
    rows=(
        Row(
            "a unit of any account that is called litellm.service",
            MALLORY,
            "unit litellm sleep infinity",
            "_deployment.legacy.find_unit",
            "systemctl --user stop litellm.service",
            said=r"litellm\.service exists more than once.*legacy_account",
            unsaid=r"stop (it|postgresql)|systemctl (disable|stop)",
        ),
    ),
)
STATE = "/var/lib/llmops-litellm"
DEEP = Stage(
    "journal that is too deep",
    "migrate",
    options=("--check",),
    refused=True,
    rows=(
        Row(
            "C a journal, 200,000 levels deep",
            ROOT,
            f"install -d -m 700 {STATE}; python3 -c "
            f"\"print('[' * 200000 + ']' * 200000)\" > {STATE}/journal.json",
            "_deployment.journal_shape.parsed",
            f"rm -r {STATE}",
            said=r"journal\.json",
            unsaid="Traceback|RecursionError",
        ),
    ),
)
TYPES = Stage(
    "journal with wrong types",
    "rollback",
    options=("--check",),
    refused=True,
    rows=(
        Row(
            "C a journal with numbers where lists are expected",
            ROOT,
            f"install -d -m 700 {STATE}; "
            """printf '{"format": 1, "id": 7, "state": "migrated", "phase": [], "steps": 3, """
            f""""facts": [], "runs": {{}}}}' > {STATE}/journal.json""",
            "_deployment.journal.nonsense",
            f"rm -r {STATE}",
            said=r"journal\.json",
            unsaid="Traceback|AttributeError|TypeError",
        ),
    ),
)
OPEN = Stage(
    "backup of the legacy deployment, umask 000",
    "backup",
    mask="000",
    rows=(
        Row(
            "A5 root's umask lets everybody write",
            ROOT,
            ":",
            "_host.files.make_folder",
        ),
    ),
)
LEGACY_BACKUP = Stage(
    "backup of the legacy deployment by its timer",
    command="systemctl start litellm-ops-backup.service; code=$?; "
    "journalctl --quiet --output=cat --unit=litellm-ops-backup.service; exit $code",
    rows=(
        Row(
            "A4 the configuration includes root's file",
            LITELLM,
            "cp -p $P/config.yaml ~/attack/true.yaml; ln -s /root/canary $P/root.yaml\n"
            "sed -i '1i include: [root.yaml]' $P/config.yaml",
            "_host.account.Account.read",
            "rm $P/root.yaml; mv ~/attack/true.yaml $P/config.yaml",
            said=r"not in it: .*root\.yaml: account litellm can't read it",
        ),
    ),
)
MIGRATE = Stage(
    "migration, umask 077",
    "migrate",
    serves=True,
    rows=(
        Row(
            "B2 root's umask lets nobody read what is installed anew",
            ROOT,
            "rm -r /usr/local/lib/llmops-litellm",
            "_host.files.make_folder; _ops.install.prove",
        ),
    ),
)
CHANGED = Stage(
    "units that are not what they were",
    "rollback",
    options=("--check",),
    refused=True,
    rows=(
        Row(
            "A4 a unit and the configuration became links to root's file",
            LITELLM,
            "cd ~/.config/systemd/user; mv litellm-backup.timer ~/attack/; "
            "ln -s /root/canary litellm-backup.timer\n"
            "cd $P; mv config.yaml ~/attack/true.yaml; ln -s /root/canary config.yaml",
            "_host.account.Account.read",
            "mv ~/attack/litellm-backup.timer ~/.config/systemd/user/; "
            "mv ~/attack/true.yaml $P/config.yaml",
            said=r"(?=.*litellm-backup\.timer: its file \S+ is gone)"
            r"(?=.*/config\.yaml: is gone)",
        ),
        Row(
            "B4 a unit that can't be loaded, and one that is masked",
            LITELLM,
            "cd ~/.config/systemd/user; mv litellm-backup.service "
            "litellm-probe-capabilities.service ~/attack/\n"
            "printf '[Service]\\nType=nonsense\\n' > litellm-backup.service\n"
            "ln -s /dev/null litellm-probe-capabilities.service\n"
            "systemctl --user daemon-reload",
            "_host.systemd.show",
            "mv ~/attack/*.service ~/.config/systemd/user/; systemctl --user daemon-reload",
            said=r"litellm-backup\.service.*litellm-probe-capabilities\.service",
            unsaid="Traceback|IndexError",
        ),
    ),
)
BACK = Stage(
    "way back",
    "rollback",
    serves=True,
    rows=(
        Row(
            "A2 Redis' file became a link",
            LITELLM,
            "cd ~/redis; rm -f dump.rdb; ln -s /etc/ld.so.preload dump.rdb",
            "_redis.native_data.Place.put",
        ),
    ),
)
STAGES = (
    FILES,
    SERVERS,
    LINKED,
    SAME_NAME,
    DEEP,
    TYPES,
    OPEN,
    LEGACY_BACKUP,
    MIGRATE,
    Stage("checks of the migrated host", "health"),
    Stage("probe", "probe"),
    Stage("model servers", "model_hosts"),
    Stage("backup of the compose deployment", "backup"),
    Stage(
        "timers of the compose deployment",
        # what retention removes meanwhile can't be tried
        command="systemctl start litellm-ops-health.service litellm-ops-backup.service && "
        "systemctl start litellm-ops-drill.service",
    ),
    Stage(
        "what the command shows",
        command="litellm-ops status; litellm-ops list; litellm-ops inventory",
    ),
    Stage("plan of a restore", "restore", options=("--check",)),
    Stage(
        "plan of the end",
        "finalize",
        options=("--check",),
        variables={"finalize_observation_days": 0},
    ),
    CHANGED,
    BACK,
)
