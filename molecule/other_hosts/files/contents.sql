-- What others keep in LiteLLM's database, and have hung on it.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION pg_stat_statements;
CREATE ROLE grafana LOGIN;
CREATE SCHEMA grafana AUTHORIZATION grafana;
GRANT SELECT ON "LiteLLM_SpendLogs" TO grafana;
SET ROLE grafana;
CREATE TABLE grafana.panels (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO grafana.panels SELECT n, 'panel ' || n FROM generate_series(1, 40) n;
CREATE VIEW grafana.costs AS
  SELECT api_key, sum(spend) AS spend FROM public."LiteLLM_SpendLogs" GROUP BY 1;
REVOKE ALL ON SCHEMA grafana FROM PUBLIC;
RESET ROLE;
SELECT lo_from_bytea(424242, 'somebody''s picture') \g /dev/null
CREATE SCHEMA audit;
CREATE TABLE audit.spend (request_id text, seen timestamptz DEFAULT now());
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO audit.spend (request_id) VALUES (NEW.request_id);
  RETURN NEW;
END $$;
CREATE TRIGGER audited AFTER INSERT ON "LiteLLM_SpendLogs"
  FOR EACH ROW EXECUTE FUNCTION audit.note();
