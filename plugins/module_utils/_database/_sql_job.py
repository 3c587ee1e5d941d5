# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A script of SQL, run by a Job: for a server that only pods reach."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import ScriptFailed
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan, Work, plan_job
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog
from ansible_collections.community.che.plugins.module_utils._database._shell import COMMON_SH

# The output goes as it is between two lines of ours: a log that lost its end must not be taken for a short answer.
_SQL_SH = r"""
. "$CHE_MOUNT/common.sh"
copy_password_file
enter sql
run_sql -f "$CHE_MOUNT/script.sql" >"$CHE_SCRATCH/output" 2>"$errors" || fail "$?" "$errors"
enter output
cat "$CHE_SCRATCH/output"
printf '{"che_backup":"result","bytes":%s}\n' "$(wc -c <"$CHE_SCRATCH/output" | tr -d ' ')"
"""
_BEGIN = '{"che_backup":"stage","stage":"output"}\n'
_END = '{"che_backup":"result","bytes":'


def sql_job(endpoint: Endpoint, script: str, options: JobOptions) -> JobPlan:
    """Plan the Job.

    Args:
        endpoint: Where the script begins, and as whom.
        script: SQL and psql's own commands. It lies in a Secret, as it may hold one.
        options: See ``JobOptions``.

    Raises:
        DatabaseError: The password can't be written into a password file.
    """
    files = {"common.sh": COMMON_SH, "sql.sh": _SQL_SH, "script.sql": script}
    return plan_job(Work(kind="sql", files=files, environment={}), endpoint, None, options)


def parse_sql_log(log: str) -> str:
    """What the script printed.

    Raises:
        ScriptFailed: A statement failed, or the log is not whole.
    """
    result = JobLog.read(log).result(ScriptFailed)
    _head, _mark, rest = log.partition(_BEGIN)
    output, _mark, _tail = rest.rpartition(_END)
    if len(output.encode()) != result.get("bytes"):
        raise ScriptFailed("the Job's output is not whole", "", "Its log was cut off. Run the task again.")
    return output
