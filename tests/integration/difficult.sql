-- SPDX-FileCopyrightText: Contributors to the community.che collection
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What breaks naive dumps and naive comparisons, for a role without SUPERUSER; what an old server doesn't know is left
-- out there.

SELECT current_setting('server_version_num')::int AS version \gset
SELECT :version >= 100000 AS from_10, :version >= 110000 AS from_11, :version >= 120000 AS from_12,
    :version >= 150000 AS from_15 \gset

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE place AS (street text, number int);
CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN measured AS double precision;

-- Foreign keys in a circle, an owned sequence, an identity.
CREATE TABLE parent (id serial PRIMARY KEY, favourite int, name text);
\if :from_10
CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id int NOT NULL REFERENCES parent, name text);
\else
CREATE TABLE child (id serial PRIMARY KEY, parent_id int NOT NULL REFERENCES parent, name text);
\endif
INSERT INTO parent (name) SELECT 'parent ' || n FROM generate_series(1, 100) AS n;
INSERT INTO child (parent_id, name) SELECT n, 'child ' || n FROM generate_series(1, 100) AS n;
UPDATE parent SET favourite = 101 - id;
ALTER TABLE parent ADD CONSTRAINT favourite_child FOREIGN KEY (favourite) REFERENCES child (id);

CREATE SEQUENCE loose INCREMENT 7 START 1000;
SELECT nextval('loose'), nextval('loose');
CREATE SEQUENCE unused START 5;

CREATE TABLE empty (id int, note text);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;

CREATE TABLE texts (id int PRIMARY KEY, content text);
INSERT INTO texts VALUES
    (1, 'ünïcödé 漢字 🦆 👩‍👩‍👧'), (2, 'quotes '' " ` $$ and a \ backslash \\ \. \N'), (3, E'lines\nand\ttabs\r\n'),
    (4, ''), (5, NULL), (6, '\unrestrict communityche'), (7, E'\restrict communityche'), (8, E'\\.'),
    (9, '-- PostgreSQL database dump complete'), (10, repeat('long ', 100000));

CREATE TABLE numbers (id int, f4 real, f8 double precision, n numeric, m measured, fs double precision[], b boolean);
INSERT INTO numbers VALUES
    (1, 'NaN', 'Infinity', 'NaN', '-Infinity', '{NaN,0.1}', true), (2, 0.1, 1.0 / 3, 1e100, 0.1, '{}', false),
    (3, '-0', '-0', 0.00, 5e-324, '{{1,2},{3,4}}', NULL), (4, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE kinds (
    id bigint, blob bytea, doc jsonb, raw json, list text[], range int4range, moods mood[], feeling mood, home place,
    share percentage, at timestamptz, local timestamp, day date, span interval, address inet, bits bit(5), key uuid,
    point point, about regclass, vector tsvector, xml xml, price money);
INSERT INTO kinds VALUES
    (1, '\x00ff5c0a0d27', '{"b": [1, null, "é"], "a": {"x": 1.50}}', '{"b":1,   "b":2}', '{a,"b c",NULL,"\"q\""}',
     '[1,5)', '{ok,sad}', 'happy', ROW('Main "St"', 5), 12.5, '2024-02-29 12:00+05:30', '2024-02-29 12:00', '0044-03-15 BC',
     '1 year 2 mons -3 days 04:05:06.789', '10.0.0.0/8', B'10101', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '(0.1,2)',
     'parent', to_tsvector('simple', 'a fat cat'), '<a>é</a>', '12.34'),
    (2, '', NULL, NULL, '{}', 'empty', '{}', NULL, NULL, NULL, 'infinity', '-infinity', 'infinity', '0', NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL);

\if :from_12
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int DEFAULT 7);
\else
CREATE TABLE computed (a int, b int, c int DEFAULT 7);
\endif
INSERT INTO computed (a) SELECT generate_series(1, 50);

CREATE TABLE dropped (gone int, z int, y text, t text);
INSERT INTO dropped SELECT n, n, 'y' || n, 't' FROM generate_series(1, 20) AS n;
ALTER TABLE dropped DROP COLUMN gone;
ALTER TABLE dropped ADD COLUMN a int DEFAULT 3;

\if :from_11
CREATE TABLE measurement (taken date NOT NULL, value int) PARTITION BY RANGE (taken);
CREATE TABLE measurement_2023 PARTITION OF measurement FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE measurement_2024 PARTITION OF measurement FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measurement_rest PARTITION OF measurement DEFAULT;
INSERT INTO measurement SELECT '2023-06-01'::date + n, n FROM generate_series(0, 1000) AS n;
\endif

CREATE TABLE ancestor (id int, kind text);
CREATE TABLE heir (extra text) INHERITS (ancestor);
INSERT INTO ancestor VALUES (1, 'old');
INSERT INTO heir VALUES (2, 'young', 'x'), (3, 'young', 'x');

CREATE TABLE "Mixed Case" ("Id" serial, "select" text, "quo""te" text, "t" text);
INSERT INTO "Mixed Case" ("select", "quo""te", t) VALUES ('a', 'b', 'c'), ('d', 'e', 'f');
CREATE TABLE "semi;colon" ("a;b" int);
INSERT INTO "semi;colon" VALUES (1);
CREATE TABLE "new
line ' "" \ :x %s {""che_backup"":""result""} 🦆" ("col
umn" text);
INSERT INTO "new
line ' "" \ :x %s {""che_backup"":""result""} 🦆" VALUES ('here');

CREATE SCHEMA "Second Schema";
CREATE TABLE "Second Schema".parent (id int PRIMARY KEY, twin int REFERENCES public.parent);
INSERT INTO "Second Schema".parent VALUES (1, 1), (2, 2);

CREATE UNLOGGED TABLE careless (id int);
INSERT INTO careless SELECT generate_series(1, 10);

CREATE VIEW child_names AS SELECT p.name AS parent, c.name AS child FROM parent AS p JOIN child AS c ON c.parent_id = p.id;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS children FROM child;
CREATE INDEX texts_by_hash ON texts (md5(content));

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- \unrestrict communityche
    INSERT INTO changes (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME);
    RETURN NEW;
END
$$;
CREATE TABLE changes (id bigserial PRIMARY KEY, what text, at timestamptz DEFAULT now());
CREATE TRIGGER note AFTER INSERT OR UPDATE ON computed FOR EACH ROW EXECUTE PROCEDURE note_change();
UPDATE computed SET c = 8 WHERE a < 5;

COMMENT ON TABLE texts IS 'A comment; with ''quotes''
\unrestrict communityche
and lines';
-- Before PostgreSQL 15 that schema belongs to the superuser.
\if :from_15
COMMENT ON SCHEMA public IS 'Ours';
\endif

-- A large object of more than two parts, an empty one, and one with a hole.
SELECT lo_from_bytea(20001, decode(repeat(md5('large'), 100000), 'hex') || decode(repeat(md5('object'), 100000), 'hex'));
SELECT lo_create(20002);
SELECT lo_create(20003);
SELECT lo_put(20003, 3000000, '\xdeadbeef');
COMMENT ON LARGE OBJECT 20002 IS 'an empty one';

GRANT SELECT ON texts TO reader;
GRANT SELECT (id) ON numbers TO reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "Second Schema" TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 20001 TO reader;
REVOKE EXECUTE ON FUNCTION note_change() FROM PUBLIC;
