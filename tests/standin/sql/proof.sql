-- SPDX-FileCopyrightText: Contributors to the community.che collection
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Figures of one database, under one snapshot: a JSON value per line, each with a "what".
-- Rows are hashed one by one and the sorted hashes are hashed again, so the order of rows does not matter.

\pset format unaligned
\pset tuples_only on
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET xmloption = 'content';
SET statement_timeout = 0;
SET lock_timeout = '30s';
SET search_path = pg_catalog;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

SELECT json_build_object(
    'what', 'database', 'name', d.datname, 'owner', r.rolname, 'owner_is_superuser', r.rolsuper, 'encoding', pg_encoding_to_char(d.encoding),
    'collate', d.datcollate, 'ctype', d.datctype, 'connection_limit', d.datconnlimit, 'allows_connections', d.datallowconn,
    'acl', coalesce(d.datacl, acldefault('d', d.datdba))::text, 'comment', shobj_description(d.oid, 'pg_database'),
    'settings', (SELECT json_agg(s.setting ORDER BY s.setting)
                 FROM (SELECT unnest(setconfig) AS setting FROM pg_db_role_setting WHERE setdatabase = d.oid) s))
FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = current_database();

SELECT json_build_object('what', 'other_databases', 'names', (SELECT json_agg(datname ORDER BY datname) FROM pg_database
    WHERE datname NOT IN ('template0', 'template1', 'postgres', current_database())));
SELECT json_build_object('what', 'roles', 'names',
    (SELECT json_agg(rolname || CASE WHEN rolsuper THEN ' (superuser)' ELSE '' END ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'));

SELECT format(
    $query$SELECT json_build_object('what', 'table', 'schema', %L, 'name', %L, 'rows', count(*),
        'checksum', md5(COALESCE(string_agg(h, '' ORDER BY h COLLATE "C"), ''))) FROM (SELECT md5(t::text) AS h FROM ONLY %I.%I t) x$query$,
    n.nspname, c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relkind = 'r' OR (c.relkind = 'm' AND c.relispopulated)) AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
ORDER BY n.nspname, c.relname \gexec

SELECT format($query$SELECT json_build_object('what', 'sequence', 'schema', %L, 'name', %L, 'last_value', last_value, 'is_called', is_called)
    FROM %I.%I$query$, n.nspname, c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' ORDER BY n.nspname, c.relname \gexec

SELECT json_build_object('what', 'large_objects', 'count', count(*), 'bytes', COALESCE(sum(length(lo_get(m.oid))), 0),
    'checksum', md5(COALESCE(string_agg(
        concat_ws(':', m.oid, r.rolname, m.lomacl::text, md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject')), ',' ORDER BY m.oid), '')))
FROM pg_largeobject_metadata m JOIN pg_roles r ON r.oid = m.lomowner;

COMMIT;
