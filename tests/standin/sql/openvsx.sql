-- SPDX-FileCopyrightText: Contributors to the community.che collection
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A small registry of extensions. Runs once, in one transaction, under SET ROLE.
-- psql variables: publisher, publisher_token, admin, admin_token.

CREATE SEQUENCE hibernate_sequence INCREMENT BY 50;
CREATE TABLE user_data (id bigint PRIMARY KEY, login_name text UNIQUE, role text);
CREATE TABLE personal_access_token (
    id bigint PRIMARY KEY,
    user_data bigint NOT NULL REFERENCES user_data,
    value text UNIQUE NOT NULL,
    active boolean NOT NULL,
    created_timestamp timestamp,
    description text
);
CREATE TABLE namespace (id bigint PRIMARY KEY, name text UNIQUE NOT NULL);
CREATE TABLE extension (
    id bigint PRIMARY KEY,
    namespace_id bigint NOT NULL REFERENCES namespace,
    name text NOT NULL,
    average_rating float8,
    latest_version bigint
);
CREATE TABLE extension_version (
    id bigint PRIMARY KEY,
    extension_id bigint NOT NULL REFERENCES extension,
    version text NOT NULL,
    display_name text,
    tags text[]
);
ALTER TABLE extension ADD FOREIGN KEY (latest_version) REFERENCES extension_version DEFERRABLE;
CREATE TABLE file_resource (id bigint PRIMARY KEY, extension_version bigint REFERENCES extension_version, name text, content bytea);
CREATE TABLE flyway_schema_history (installed_rank integer PRIMARY KEY, version text, success boolean NOT NULL);
CREATE TABLE extension_review (id bigint PRIMARY KEY, extension_id bigint REFERENCES extension, comment text);

INSERT INTO user_data VALUES (1001, :'publisher', 'privileged'), (1002, :'admin', 'admin');
INSERT INTO personal_access_token VALUES
    (1001, 1001, :'publisher_token', true, '2024-01-01', 'extensions publisher'),
    (1002, 1002, :'admin_token', true, '2024-01-01', 'Admin API Token');
INSERT INTO namespace SELECT n, 'publisher-' || n FROM generate_series(1, 20) n;
INSERT INTO extension SELECT n, 1 + n % 20, 'extension-' || n, CASE WHEN n % 7 = 0 THEN 'NaN' ELSE n / 3.0 END FROM generate_series(1, 200) n;
INSERT INTO extension_version
    SELECT e.id * 10 + v, e.id, '1.' || v || '.0', 'Erweiterung №' || e.id || ' 🧩', ARRAY['tag,' || v, NULL]
    FROM extension e CROSS JOIN generate_series(0, 4) v;
UPDATE extension SET latest_version = id * 10 + 4;
INSERT INTO file_resource
    SELECT id, id, 'extension.vsixmanifest', (SELECT string_agg(sha512((v.id * 100 + n)::text::bytea), '') FROM generate_series(1, 40) n)
    FROM extension_version v;
INSERT INTO flyway_schema_history SELECT n, '1.' || n, true FROM generate_series(1, 40) n;
SELECT nextval('hibernate_sequence') FROM generate_series(1, 30);

-- Grown on request.
CREATE TABLE bulk (id bigint PRIMARY KEY, payload text NOT NULL);
