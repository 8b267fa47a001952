#!/usr/bin/env bash
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Key, database and Redis' login, an ACL user's, stand in the configuration alone.
set -euo pipefail
cd '/home/litellm/llm@team'
password=$(openssl rand -hex 16)
cat > /etc/redis/users.acl <<A
user default off
user gateway on >$password ~* &* +@all
A
chown redis:redis /etc/redis/users.acl
chmod 0640 /etc/redis/users.acl
echo 'aclfile /etc/redis/users.acl' >> /etc/redis/redis.conf
systemctl restart redis-server.service
python3 - "$password" <<'P'
import json, re, sys
secrets = json.load(open("/root/testbed/secrets.json"))
environment = open("env.litellm").read()
url = re.search(r'(?m)^DATABASE_URL="(.*)"$', environment)[1]
open("env.litellm", "w").write(re.sub(r"(?m)^DATABASE_URL=.*\n", "", environment))
kept = open("secrets.env").read()
open("secrets.env", "w").write(re.sub(r"(?m)^LITELLM_MASTER_KEY=.*\n", "", kept))
quoted = lambda text: "'" + text.replace("'", "''") + "'"
config = open("config.yaml").read()
config = config.replace("os.environ/LITELLM_MASTER_KEY", quoted(secrets["LITELLM_MASTER_KEY"]))
config = config.replace("os.environ/DATABASE_URL", quoted(url))
config = config.replace("    port: 6379\n", "    port: 6379\n    username: gateway\n    password: %s\n" % quoted(sys.argv[1]))
open("config.yaml", "w").write(config)
P
chmod 0600 config.yaml
systemctl --user --machine=litellm@ restart litellm.service
