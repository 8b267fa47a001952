"""A database as LiteLLM makes it, in small, and what others put beside it."""

# Of litellm_proxy_extras/migrations and litellm/proxy/db/create_views.py in release 1.102.4: one
# table of each kind, their type, trigger and views.
LITELLM = """
CREATE TYPE "JobStatus" AS ENUM ('ACTIVE', 'INACTIVE');
CREATE TABLE "LiteLLM_CronJob" (cronjob_id text PRIMARY KEY, status "JobStatus" DEFAULT 'INACTIVE');
CREATE TABLE "LiteLLM_TeamTable" (team_id text PRIMARY KEY, spend double precision DEFAULT 0);
CREATE TABLE "LiteLLM_VerificationToken" (token text PRIMARY KEY, key_alias text,
  team_id text REFERENCES "LiteLLM_TeamTable" ON DELETE SET NULL, spend double precision DEFAULT 0);
CREATE TABLE "LiteLLM_SpendLogs" (request_id text PRIMARY KEY, api_key text DEFAULT '', model text,
  "startTime" timestamp(3), spend double precision DEFAULT 0, request_tags jsonb DEFAULT '[]');
CREATE INDEX "LiteLLM_SpendLogs_startTime_idx" ON "LiteLLM_SpendLogs" ("startTime");
CREATE TABLE "LiteLLM_Numbered" (id serial PRIMARY KEY, big bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE "LiteLLM_Config" (param_name text PRIMARY KEY, reload_revision int DEFAULT 0);
CREATE TABLE "LiteLLM_MCPServerTable" (server_id text PRIMARY KEY);
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, migration_name varchar(255));
CREATE FUNCTION litellm_bump_mcp_catalog_revision() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO "LiteLLM_Config" VALUES ('mcp_catalog', 1) ON CONFLICT (param_name)
  DO UPDATE SET reload_revision = "LiteLLM_Config".reload_revision + 1; RETURN NULL; END $$;
CREATE TRIGGER litellm_mcp_catalog_revision AFTER INSERT OR UPDATE OR DELETE
  ON "LiteLLM_MCPServerTable" EXECUTE FUNCTION litellm_bump_mcp_catalog_revision();
CREATE VIEW "LiteLLM_VerificationTokenView" AS SELECT v.*, t.spend AS team_spend
  FROM "LiteLLM_VerificationToken" v LEFT JOIN "LiteLLM_TeamTable" t ON v.team_id = t.team_id;
CREATE VIEW "MonthlyGlobalSpend" AS SELECT date("startTime") AS date, sum(spend) AS spend
  FROM "LiteLLM_SpendLogs" GROUP BY 1;
INSERT INTO "LiteLLM_TeamTable" VALUES ('team', 1);
INSERT INTO "LiteLLM_VerificationToken" VALUES ('hash', 'key', 'team', 0.5);
INSERT INTO "LiteLLM_SpendLogs" SELECT 'r' || n, 'hash', 'gpt', '2026-11-29', 0.1
  FROM generate_series(1, 50) n;
INSERT INTO "LiteLLM_Numbered" DEFAULT VALUES;
INSERT INTO "LiteLLM_CronJob" VALUES ('job', 'ACTIVE');
INSERT INTO _prisma_migrations VALUES ('1', 'baseline');
"""
# By a superuser, each as a database of somebody's has it; what of it is named as staying behind.
OTHERS = {
    "an extension": ("CREATE EXTENSION pg_stat_statements", ["extension pg_stat_statements"]),
    "an extension for others": (
        "CREATE EXTENSION pg_trgm; CREATE TABLE notes (t text);"
        "CREATE INDEX ON notes USING gin (t gin_trgm_ops)",
        ["extension pg_trgm", "table notes"],
    ),
    "a schema that is closed": (
        "CREATE SCHEMA app; CREATE TABLE app.orders (id serial PRIMARY KEY);"
        "INSERT INTO app.orders SELECT FROM generate_series(1, 40);"
        "CREATE VIEW app.v AS SELECT * FROM app.orders;"
        "CREATE MATERIALIZED VIEW app.m AS SELECT count(*) FROM app.orders;"
        "CREATE TYPE app.mood AS ENUM ('a')",
        [
            "schema app",
            "materialized view app.m",
            "table app.orders",
            "type app.mood",
            "view app.v",
        ],
    ),
    "a table whose name is odd": (
        """CREATE TABLE "in""voice.x *" (id int)""",
        ['table "in""voice.x *"'],
    ),
    "a column's sequence that is closed": (
        "CREATE TABLE jobs (id serial PRIMARY KEY); INSERT INTO jobs DEFAULT VALUES",
        ["table jobs"],
    ),
    "a table in partitions": (
        "CREATE TABLE events (day int, word text) PARTITION BY LIST (day);"
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);"
        "INSERT INTO events VALUES (1, 'theirs')",
        ["table events"],
    ),
    "a table nobody else reads": ("CREATE TABLE secret (a int)", ["table secret"]),
    "a view of LiteLLM's tables": (
        'CREATE VIEW spend_by_day AS SELECT sum(spend) FROM "LiteLLM_SpendLogs"',
        ["view spend_by_day"],
    ),
    "a function, a type, a domain, a sequence": (
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s;"
        "CREATE TYPE t AS (a int); CREATE DOMAIN d AS int;"
        "COMMENT ON FUNCTION f(int) IS 'theirs'",
        ["function public.f(integer)", "sequence s", "type d", "type t"],
    ),
    "what only a superuser makes": (
        "CREATE FUNCTION raw(float8) RETURNS float8 LANGUAGE internal AS 'dsin';"
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION e();"
        "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far",
        [
            "event trigger watch",
            "foreign data wrapper far",
            "foreign server away",
            "function public.e()",
            "function public.raw(double precision)",
        ],
    ),
    "large objects": ("SELECT lo_create(0) FROM generate_series(1, 3)", ["3 large objects"]),
    "a publication": (
        'CREATE PUBLICATION pub FOR TABLE "LiteLLM_SpendLogs"',
        ["publication pub"],
    ),
    "a trigger": (
        "CREATE TABLE log (a int); CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO log VALUES (1); RETURN NEW; END $$;"
        'CREATE TRIGGER audit AFTER INSERT ON "LiteLLM_SpendLogs" FOR EACH ROW EXECUTE FUNCTION'
        """ audit(); COMMENT ON TRIGGER audit ON "LiteLLM_SpendLogs" IS 'theirs'""",
        ["function public.audit()", "table log", "trigger LiteLLM_SpendLogs.audit"],
    ),
    "a rule": (
        'CREATE RULE note AS ON UPDATE TO "LiteLLM_SpendLogs" DO ALSO NOTHING',
        ["rule LiteLLM_SpendLogs.note"],
    ),
    "row security": (
        'ALTER TABLE "LiteLLM_SpendLogs" ENABLE ROW LEVEL SECURITY;'
        'CREATE POLICY mine ON "LiteLLM_SpendLogs" TO postgres USING (true)',
        ["policy LiteLLM_SpendLogs.mine"],
    ),
    "a table that refers to LiteLLM's": (
        # of LiteLLM's role, which alone can take the key away while rows are copied back
        'CREATE TABLE extra (team text REFERENCES "LiteLLM_TeamTable"); DO $$ BEGIN EXECUTE format('
        "'ALTER TABLE extra OWNER TO %I', pg_get_userbyid((SELECT datdba FROM pg_database"
        " WHERE datname = current_database()))); END $$",
        ["table extra"],
    ),
    "a table that inherits from LiteLLM's": (
        'CREATE TABLE child () INHERITS ("LiteLLM_SpendLogs");'
        "INSERT INTO child (request_id) VALUES ('theirs')",
        ["table child", "child child"],
    ),
    "a second LiteLLM": (
        'CREATE SCHEMA staging; CREATE TABLE staging."LiteLLM_TeamTable" (team_id text)',
        ["schema staging", 'table staging."LiteLLM_TeamTable"'],
    ),
}
