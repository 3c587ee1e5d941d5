-- SPDX-FileCopyrightText: Contributors to the community.che collection
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What a database can be given besides its contents; the tests put its name in the place of "live".

CREATE ROLE "odd ""role""";
GRANT CONNECT ON DATABASE live TO "odd ""role""" WITH GRANT OPTION;
GRANT CREATE ON DATABASE live TO reader;
REVOKE TEMPORARY ON DATABASE live FROM PUBLIC;
ALTER DATABASE live CONNECTION LIMIT 37;
COMMENT ON DATABASE live IS 'it''s \ours" 🦆
of two lines';
ALTER DATABASE live SET search_path = "$user", public, "Odd ""Schema""";
ALTER DATABASE live SET work_mem = '7MB';
ALTER DATABASE live SET my.own = 'a ''quoted'' \ value, with "all"';
ALTER ROLE pgche IN DATABASE live SET statement_timeout = '5min';
ALTER ROLE "odd ""role""" IN DATABASE live SET datestyle = 'SQL, DMY';
