-- SPDX-FileCopyrightText: Contributors to the community.che collection
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A small identity provider: realms, users, what they log in with. Runs once, in one transaction, under SET ROLE.
-- psql variables: none.

CREATE TABLE databasechangelog (id text NOT NULL, author text NOT NULL, dateexecuted timestamp NOT NULL, md5sum text, tag text);
CREATE TABLE databasechangeloglock (id integer PRIMARY KEY, locked boolean NOT NULL, lockgranted timestamp, lockedby text);
CREATE TABLE realm (
    id varchar(36) PRIMARY KEY,
    name varchar(255) UNIQUE,
    enabled boolean NOT NULL DEFAULT false,
    ssl_required varchar(255),
    default_role varchar(255),
    master_admin_client varchar(36)
);
CREATE TABLE client (
    id varchar(36) PRIMARY KEY,
    realm_id varchar(36) NOT NULL REFERENCES realm,
    client_id varchar(255) NOT NULL,
    secret varchar(255),
    redirect_uris text[],
    UNIQUE (realm_id, client_id)
);
-- Circular: a realm names the client of its administrators.
ALTER TABLE realm ADD CONSTRAINT fk_master_admin_client FOREIGN KEY (master_admin_client) REFERENCES client;
CREATE TABLE user_entity (
    id varchar(36) PRIMARY KEY,
    realm_id varchar(255) NOT NULL,
    username varchar(255),
    email varchar(255),
    email_constraint varchar(255),
    created_timestamp bigint,
    not_before integer NOT NULL DEFAULT 0,
    CONSTRAINT uk_email UNIQUE (realm_id, email_constraint),
    CONSTRAINT uk_username UNIQUE (realm_id, username)
);
CREATE TABLE credential (
    id varchar(36) PRIMARY KEY,
    salt bytea,
    type varchar(255),
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    secret_data text,
    credential_data text
);
CREATE INDEX idx_user_credential ON credential (user_id);
CREATE TABLE user_attribute (
    id varchar(36) PRIMARY KEY DEFAULT gen_random_uuid()::text,
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    name varchar(255) NOT NULL,
    value varchar(255)
);
CREATE TABLE event_entity (id bigserial PRIMARY KEY, realm_id varchar(255), event_time bigint, details_json varchar(2550));

INSERT INTO databasechangelog SELECT 'change-' || n, 'keycloak', timestamp '2021-10-01' + n * interval '1 second', md5(n::text), NULL
    FROM generate_series(1, 100) n;
INSERT INTO databasechangeloglock VALUES (1, false, NULL, NULL), (1000, false, NULL, NULL);
INSERT INTO realm VALUES ('master', 'master', true, 'EXTERNAL', 'default-roles-master', NULL), ('che', 'che', true, 'NONE', NULL, NULL);
INSERT INTO client VALUES
    (md5('public'), 'che', 'che-public', NULL, ARRAY['https://che.apps.source.example/*', 'http://{a,b}/"c"', NULL]),
    (md5('admin'), 'master', 'che-realm', 's3cr3t-standin-client', '{}');
UPDATE realm SET master_admin_client = md5('admin');
INSERT INTO user_entity
    SELECT md5('user' || n), 'che', 'user' || n, 'ünïcödé' || n || '@example.org', 'user' || n || '@example.org', 1630000000000 + n
    FROM generate_series(1, 300) n;
INSERT INTO credential
    SELECT md5('credential' || u.username), sha256(convert_to(u.username, 'UTF8')), 'password', u.id,
        json_build_object('value', 's3cr3t-standin-' || md5(u.username), 'salt', E'\\x00 "quoted"')::text, '{"hashIterations":27500}'
    FROM user_entity u;
INSERT INTO user_attribute SELECT md5('attribute' || n), md5('user' || n), 'locale', (ARRAY['de', NULL, '', '日本'])[1 + n % 4]
    FROM generate_series(1, 300) n;
INSERT INTO event_entity (realm_id, event_time, details_json) SELECT 'che', n, '{}' FROM generate_series(1, 500) n;
DELETE FROM event_entity WHERE id > 400;

-- Grown on request.
CREATE TABLE bulk (id bigint PRIMARY KEY, payload text NOT NULL);
