-- SPDX-FileCopyrightText: Contributors to the community.che collection
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Fills a table up to a number of rows of 1 KB that hardly compress, always the same ones.
-- psql variables: bulk_table, bulk_rows.

INSERT INTO :bulk_table
    SELECT row, replace(encode(
        sha512(('a' || row)::bytea) || sha512(('b' || row)::bytea) || sha512(('c' || row)::bytea) || sha512(('d' || row)::bytea)
        || sha512(('e' || row)::bytea) || sha512(('f' || row)::bytea) || sha512(('g' || row)::bytea) || sha512(('h' || row)::bytea)
        || sha512(('i' || row)::bytea) || sha512(('j' || row)::bytea) || sha512(('k' || row)::bytea) || sha512(('l' || row)::bytea),
        'base64'), E'\n', '')
    FROM generate_series((SELECT count(*) + 1 FROM :bulk_table), :bulk_rows) row;
