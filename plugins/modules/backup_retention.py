#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep what a policy keeps, remove the other backups of Che."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_retention
short_description: Remove old backups of Eclipse Che
version_added: 0.2.0
description:
  - Applies restic's own policies to the complete backups of one installation, and removes the others as a whole.
  - What restores saved before they began is a group of its own, to which the policy applies separately.
  - Never removed are the newest complete backup, one that a restore is using, and whatever a run has not ended with.
  - What failed runs have left is removed too when it is older than O(incomplete_older_than).
  - Snapshots of the old Che operator, backups of other namespaces and whatever else lies in the repository are left
    alone.
  - A backup loses its seal first and its parts after it, so that an interrupted task leaves no backup that looks
    complete and is not. The next run removes the rest.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  keep_last:
    description: Keep so many of the newest backups. V(-1), here and in its siblings, keeps all.
    type: int
  keep_hourly:
    description: Keep the newest backup of each of the last so many hours that have one.
    type: int
  keep_daily:
    description: Keep the newest backup of each of the last so many days that have one.
    type: int
  keep_weekly:
    description: Keep the newest backup of each of the last so many weeks that have one.
    type: int
  keep_monthly:
    description: Keep the newest backup of each of the last so many months that have one.
    type: int
  keep_yearly:
    description: Keep the newest backup of each of the last so many years that have one.
    type: int
  keep_within:
    description:
      - Keep all backups that were made within this time before the newest one, for example V(2y5m7d3h). The units are
        years, months, days and hours.
    type: str
  keep_within_hourly:
    description: As O(keep_hourly), for all hours within this time before the newest backup.
    type: str
  keep_within_daily:
    description: As O(keep_daily), for all days within this time before the newest backup.
    type: str
  keep_within_weekly:
    description: As O(keep_weekly), for all weeks within this time before the newest backup.
    type: str
  keep_within_monthly:
    description: As O(keep_monthly), for all months within this time before the newest backup.
    type: str
  keep_within_yearly:
    description: As O(keep_yearly), for all years within this time before the newest backup.
    type: str
  incomplete_older_than:
    description:
      - How old what a failed run has left must be, in minutes, hours or days, for example V(30m), V(36h) or V(2d).
      - A run that goes on, as its record or a Job of it says, is never touched, however old it is.
    type: str
    default: 24h
  prune:
    description:
      - Remove the data that no backup uses any more from the server. Without it a removed backup is off the list, and
        the server holds as much as before.
      - It needs the repository for itself, for as long as it takes to rewrite files on the server; backups wait for it
        two minutes, and fail then. That is why it is not done by default.
      - Put off with a warning when a run goes on in O(namespace).
    type: bool
    default: false
  timeout:
    description: Seconds after which the task gives up.
    type: int
    default: 7200
attributes:
  diff_mode:
    description: Shows the list of backups before and after.
    support: full
  idempotent:
    description: The same policy removes nothing more, until there are new backups.
    support: full
notes:
  - An append-only server keeps all that it has. The task fails then and says so; check mode can't tell.
  - Use one repository for one installation. Backups are told apart by their namespace, so two clusters with the same
    namespace in one repository would share one policy.
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.cluster_backup
  - module: community.che.cluster_backup_info
  - module: community.che.backup_verify
"""

EXAMPLES = r"""
- name: Keep a week of daily backups and a year of monthly ones
  community.che.backup_retention:
    namespace: eclipse-che
    keep_daily: 7
    keep_monthly: 12

- name: See what the same policy would remove
  community.che.backup_retention:
    namespace: eclipse-che
    keep_daily: 7
    keep_monthly: 12
  check_mode: true
  diff: true

- name: Once a week, free the space as well
  community.che.backup_retention:
    namespace: eclipse-che
    keep_daily: 7
    keep_monthly: 12
    prune: true
"""

RETURN = r"""
backup_server:
  description: The server in use, with its name in the cluster, its repository, and why it was chosen.
  returned: success
  type: dict
kept:
  description: The complete backups that stay, newest first, as RV(removed) and with RV(kept[].reasons).
  returned: success
  type: list
  elements: dict
  contains:
    reasons:
      description: Why it stays, in restic's words where the policy keeps it.
      type: list
      elements: str
      sample: ["daily snapshot", "the newest complete backup"]
removed:
  description: The complete backups that were removed, or would be in check mode.
  returned: success, and when the task fails after it has begun to remove
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
    short_id:
      description: Its first eight digits.
      type: str
      sample: 5b8c2f0f
    run_id:
      description: The run that made it.
      type: str
    state:
      description: V(complete), V(incomplete) or V(legacy), before this task.
      type: str
    created:
      description: When it was made.
      type: str
    parts:
      description: Its parts, each with kind, name and snapshot.
      type: list
      elements: dict
incomplete_removed:
  description: What failed runs had left and was removed, as RV(removed).
  returned: success, and when the task fails after it has begun to remove
  type: list
  elements: dict
unsealed:
  description:
    - Backups that have lost their seal and not yet their parts, as RV(removed). Not empty only when the task was
      interrupted; they are incomplete now, and a later run removes the rest.
  returned: success, and when the task fails after it has begun to remove
  type: list
  elements: dict
left_alone:
  description:
    - What no policy touches, as RV(kept). Snapshots of the old operator, backups of other namespaces, young leftovers.
  returned: success
  type: list
  elements: dict
pruned:
  description: Whether pruning rewrote or removed anything on the server.
  returned: success
  type: bool
freed_bytes:
  description: What pruning freed on the server, as exact as restic tells it; V(0) without O(prune).
  returned: success
  type: int
stale_locks_removed:
  description: How many locks were removed whose holders were gone, as restic proved.
  returned: success
  type: int
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
    retention_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._upkeep._request import RetentionRequest
from ansible_collections.community.che.plugins.module_utils._upkeep._retention import retain

SPEC = common_spec() + server_reference_spec() + retention_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: retain(cluster, RetentionRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
