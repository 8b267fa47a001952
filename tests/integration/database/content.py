"""Content that copies tend to get wrong."""

NASTY = r"""
CREATE TYPE "Job Status" AS ENUM ('ACTIVE', 'in''active', 'größe');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE SCHEMA "Other Schema";
CREATE TABLE "Mixed Case Täble" (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "with space" text, "row" text, "quo""te" varchar(40) DEFAULT 'a''b\c', empty text DEFAULT '',
  plain json, doc jsonb DEFAULT '{}', words text[], grid integer[][], statuses "Job Status"[],
  at timestamp(6), atz timestamptz DEFAULT CURRENT_TIMESTAMP, short timestamp(3), day date,
  span interval,
  exact numeric, money numeric(20, 10), wide double precision, narrow real, raw bytea,
  flag boolean, address inet, key uuid,
  status "Job Status" DEFAULT 'ACTIVE', counted positive,
  doubled text GENERATED ALWAYS AS ("with space" || "with space") STORED
);
INSERT INTO "Mixed Case Täble" ("with space", "row", "quo""te", plain, doc, words, grid, statuses,
  at, atz, short, day, span, exact, money, wide,
  narrow, raw, flag, address, key, status, counted) VALUES
  (E'back\\slash \\N \\. \t tab \n line \r cr \x01 "q" ''s''', 'row', E'new\nline',
  '{"a":  1, "a": 2, "z": "\u00e9\\n"}', '{"b": [1.10, null, "ü"], "a": {}}',
   ARRAY['', NULL, 'NULL', 'a,b', '{"x"}', E'\\', E'\n'], ARRAY[[1,2],[3,NULL]],
  ARRAY['in''active', 'größe']::"Job Status"[],
   '2026-11-23 12:00:00.123456', '2026-03-29 02:30:00.000001+02', '2026-11-23 12:00:00.123',
  '0044-03-15 BC', '-1 year 2 mons -3 days 04:05:06.789',
   123456789012345678901234567890.123456789, 0.1, 0.1::float8 + 0.2::float8, 1.1, '\x00ff27225c0a',
  true, '10.0.0.0/8',
   'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'größe', 7),
  (NULL, '', '', 'null', 'null', '{}', '{}', '{}', 'infinity', '-infinity', NULL, 'infinity', '0',
  'NaN', NULL, 'Infinity', '-Infinity', '', false,
   '::1', NULL, NULL, NULL),
  ('', NULL, NULL, '""', '""', NULL, NULL, NULL, '-infinity', 'infinity', NULL, NULL, NULL,
  0.00000000000000000001, -0.5, 'NaN', '-0', NULL, NULL, NULL,
   NULL, 'ACTIVE', 1),
  (E'日本語 😀 ä a\u0308', E'\U0001F600', ' leading and trailing ', '[1,  2]', '[1, 2]',
  ARRAY['😀'], NULL, NULL,
   '99999-12-31 23:59:59.999999', '0001-01-01 00:00:00+00', NULL, '2024-02-29', '1 day', 1e100,
   12.3400000000, 1e-300, 1e-30, '\xdeadbeef', NULL, 'fe80::/10', NULL, 'in''active', NULL);
CREATE TABLE "No Rows" (a integer, b text NOT NULL);
CREATE TABLE "no columns" ();
INSERT INTO "no columns" DEFAULT VALUES;
INSERT INTO "no columns" DEFAULT VALUES;
CREATE TABLE twice (a text);
INSERT INTO twice VALUES ('same'), ('same'), (NULL), (NULL), ('');
CREATE TABLE "Other Schema"."Mixed Case Täble" (
  id serial PRIMARY KEY, parent bigint REFERENCES public."Mixed Case Täble" ON DELETE CASCADE,
  UNIQUE (parent, id),
  CHECK (id <> 13));
INSERT INTO "Other Schema"."Mixed Case Täble" (parent) SELECT id FROM public."Mixed Case Täble";
CREATE INDEX "an Index" ON "Mixed Case Täble" (lower("with space") DESC NULLS LAST) WHERE flag;
CREATE INDEX ON "Mixed Case Täble" USING gin (doc);
CREATE SEQUENCE "Never Called" START 5 INCREMENT 3;
CREATE SEQUENCE called;
SELECT nextval('called') FROM generate_series(1, 41);
CREATE TABLE parts (at date NOT NULL, v integer) PARTITION BY RANGE (at);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO parts SELECT date '2026-01-01' + n, n FROM generate_series(0, 99) n;
CREATE TABLE dropped (a integer, b text, c integer);
INSERT INTO dropped SELECT n, 'x' || n, -n FROM generate_series(1, 500) n;
ALTER TABLE dropped DROP COLUMN b;
ALTER TABLE dropped ADD COLUMN d text DEFAULT 'later';
DELETE FROM dropped WHERE a % 7 = 0;
UPDATE dropped SET c = 0 WHERE a % 5 = 0;
CREATE VIEW "A View" AS SELECT id, "with space" AS w FROM "Mixed Case Täble" WHERE flag;
CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n FROM twice;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := NEW.a; RETURN NEW;
  END $$;
CREATE TRIGGER touched BEFORE UPDATE ON twice FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON TABLE twice IS 'it''s';
GRANT SELECT ON twice TO PUBLIC;
"""

# One statement each; every one of them must show in a fingerprint.
CHANGES = {
    "a value": "UPDATE dropped SET c = 1 WHERE a = 1",
    "two values that change places": (
        "UPDATE dropped SET c = CASE a WHEN 1 THEN -2 ELSE -1 END WHERE a IN (1, 2)"
    ),
    "null for empty": "UPDATE twice SET a = NULL WHERE a = ''",
    "a row twice": "INSERT INTO twice VALUES ('same')",
    "one of two equal rows changed": (
        "UPDATE twice SET a = 'other' WHERE ctid = (SELECT min(ctid) FROM twice WHERE a = 'same')"
    ),
    "both rows of a pair changed alike": "UPDATE twice SET a = 'other' WHERE a = 'same'",
    "a microsecond": (
        "UPDATE \"Mixed Case Täble\" SET at = at + interval '1 microsecond' WHERE id = 1"
    ),
    "the last bit of a float": 'UPDATE "Mixed Case Täble" SET wide = 0.3 WHERE id = 1',
    "a byte": "UPDATE \"Mixed Case Täble\" SET raw = '\\x00ff27225c0b' WHERE id = 1",
    "scale of a numeric": (
        'UPDATE "Mixed Case Täble" SET exact = 0.000000000000000000010 WHERE id = 3'
    ),
    "composed for decomposed": (
        'UPDATE "Mixed Case Täble" SET "with space" = normalize("with space", NFC) WHERE id = 4'
    ),
    "blanks in json": "UPDATE \"Mixed Case Täble\" SET plain = '[1, 2]' WHERE id = 4",
    "a row less": "DELETE FROM parts WHERE v = 50",
    "a row without columns more": 'INSERT INTO "no columns" DEFAULT VALUES',
    "an empty table more": "CREATE TABLE one_more ()",
    "a table less": 'DROP TABLE "No Rows"',
    "a sequence": "SELECT nextval('called')",
    "a sequence called": "SELECT nextval('\"Never Called\"')",
    "a default": "ALTER TABLE twice ALTER a SET DEFAULT 'x'",
    "a not null": "ALTER TABLE dropped ALTER a SET NOT NULL",
    "a type": "ALTER TABLE dropped ALTER a TYPE bigint",
    "a column's name": "ALTER TABLE dropped RENAME a TO aa",
    "an index less": 'DROP INDEX "an Index"',
    "an index more": "CREATE INDEX ON twice (a)",
    "a foreign key less": (
        'ALTER TABLE "Other Schema"."Mixed Case Täble" DROP CONSTRAINT '
        '"Mixed Case Täble_parent_fkey"'
    ),
    "a check less": (
        'ALTER TABLE "Other Schema"."Mixed Case Täble" DROP CONSTRAINT "Mixed Case Täble_id_check"'
    ),
    "a label": "ALTER TYPE \"Job Status\" ADD VALUE 'new'",
    "a view less": 'DROP VIEW "A View"',
    "a trigger less": "DROP TRIGGER touched ON twice",
    "a function": (
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NEW; END $$"
    ),
}
