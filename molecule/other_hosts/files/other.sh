#!/usr/bin/env bash
# The legacy host becomes one as other people have them: LiteLLM as they start and configure it, and
# beside it what isn't LiteLLM's.
set -euo pipefail
cd /root/observer
umask 022
user() { systemctl --user --machine=litellm@ "$@"; }
sql() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -p "$1" -d "$2" "${@:3}"; }
user stop litellm.service

# --- the engine: Docker Hub by a mirror alone; a client in a container of its own ------------------
cat > /etc/docker/daemon.json <<'J'
{
  "insecure-registries": ["registry.test:5000"],
  "registry-mirrors": ["http://registry.test:5000"]
}
J
systemctl restart docker.service
docker run --detach --name team-chat --restart unless-stopped --entrypoint sleep redis:8-alpine \
  infinity > /dev/null

# --- another application: its own server and database, the Redis on 6379, a gateway ----------------
useradd --create-home shop
useradd --create-home reports
install -d -o shop /var/lib/shop
pg_createcluster --port=5435 --locale=C.UTF-8 --encoding=UTF8 15 other > /dev/null
systemctl enable --quiet --now postgresql@15-other.service
sql 5435 postgres -c 'CREATE ROLE shop LOGIN' -c 'CREATE DATABASE shop OWNER shop'
runuser -u shop -- psql -XAtq -p 5435 -d shop \
  -c 'CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS what FROM generate_series(1, 250) n'
redis-cli flushall > /dev/null
for n in $(seq 40); do echo "SET shop:$n order-$n"; done | redis-cli > /dev/null
install -m 0755 shop.py /usr/local/bin/shop
install -d -o litellm /home/litellm/opencode
install -o litellm gateway.py /home/litellm/opencode/gateway.py
cat > /etc/systemd/system/shop.service <<'U'
[Unit]
Requires=postgresql@15-other.service
After=postgresql@15-other.service redis-server.service
[Service]
User=shop
ExecStart=/usr/bin/python3 -B /usr/local/bin/shop
[Install]
WantedBy=multi-user.target
U
cat > /home/litellm/.config/systemd/user/litellm-opencode.service <<'U'
[Service]
WorkingDirectory=/home/litellm/opencode
ExecStart=/usr/bin/python3 -B gateway.py
[Install]
WantedBy=default.target
U

# --- others on LiteLLM's own server: a database, rows in `postgres`, contents of LiteLLM's ---------
sql 5434 postgres -c 'ALTER ROLE gateway RENAME TO litellm' -c 'CREATE ROLE reports LOGIN' \
  -c 'CREATE DATABASE reports OWNER reports' \
  -c 'CREATE TABLE tickets AS SELECT n AS id FROM generate_series(1, 100) n'
runuser -u reports -- psql -XAtq -p 5434 -d reports \
  -c 'CREATE TABLE facts AS SELECT n AS id FROM generate_series(1, 70) n'
sql 5434 llm_gateway < contents.sql
echo 'SELECT count(*) FROM facts \watch 1' > /home/reports/watch.sql
cat > /etc/systemd/system/reporting.service <<'U'
[Unit]
Requires=postgresql.service
After=postgresql.service
StartLimitIntervalSec=0
[Service]
User=reports
ExecStart=/usr/bin/psql -XAtq -p 5434 -d reports -f /home/reports/watch.sql
StandardOutput=null
StandardError=null
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
U

# --- LiteLLM: a Redis of its own with a password, all that config.py does, an included file --------
(umask 077 && openssl rand -hex 16 > redis-password)
sed -e 's/^port .*/port 6390/' -e 's/^dbfilename .*/dbfilename litellm.rdb/' \
  -e 's|^pidfile .*|pidfile /run/redis-litellm/redis-server.pid|' \
  -e 's|^logfile .*|logfile /var/log/redis/redis-litellm.log|' \
  /etc/redis/redis.conf > /etc/redis/redis-litellm.conf
echo "requirepass $(cat redis-password)" >> /etc/redis/redis-litellm.conf
chown redis:redis /etc/redis/redis-litellm.conf
chmod 0640 /etc/redis/redis-litellm.conf
systemctl enable --quiet --now redis-server@litellm.service
python3 -B config.py
(cd '/home/litellm/llm@team' && python3 -B /root/observer/include.py)
REDISCLI_AUTH=$(cat redis-password) redis-cli -p 6390 SET gateway:kept yes > /dev/null

systemctl daemon-reload
user daemon-reload
user enable --quiet --now litellm-opencode.service
systemctl enable --quiet --now reporting.service shop.service
user start litellm.service
python3 wait.py 120 http://127.0.0.1:4000/health/readiness http://127.0.0.1:4010/
umask 077
sha256sum '/home/litellm/llm@team/'{config,local-models}.yaml > configuration
python3 -B others.py > others.json
python3 -B host_state.py > legacy.json
