# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions that are ended and gone."""

from __future__ import annotations

#: What the server says where they don't.
NOT_ENDED = "sessions of the database did not end within 30 s"


def end_sessions_where(condition: str) -> str:
    """The script that ends sessions, and waits until they are gone.

    PostgreSQL tells nobody when a session has ended, so that it is asked again and again.

    Args:
        condition: Which rows of ``pg_stat_activity`` are meant; never the session that runs the script.
    """
    return f"""DO $che$
DECLARE
    give_up CONSTANT timestamptz := clock_timestamp() + interval '30 s';
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE {condition} AND pid <> pg_backend_pid();
        EXIT WHEN NOT FOUND;
        IF clock_timestamp() > give_up THEN
            RAISE EXCEPTION '{NOT_ENDED}';
        END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
END
$che$;
"""
