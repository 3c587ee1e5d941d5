#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore Che from a backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_restore
short_description: Restore an Eclipse Che installation from a backup
version_added: 0.1.0
description:
  - Brings an installation back to what a backup holds, on the cluster and in the namespace that it was made in, or with
    O(mappings) on another cluster or in another namespace; also when the CheCluster, the namespace or the operator is
    gone.
  - Check mode with C(--diff) is the plan, object by object, with all that would keep the restore from beginning. It
    changes nothing.
  - What is there now is backed up first. Nothing is replaced before its replacement was validated. Databases are loaded
    beside the live ones, compared with what was counted at the backup, and only then take their place.
  - Objects that are not in the backup are left alone. A key that was added to a saved object since the backup is gone
    again.
  - The stages are C(plan), C(check), C(safety backup), C(stage), C(cut over), C(verify) and C(commit). How
    far a restore has come is kept in the ConfigMap C(che-restore-journal) in the namespace of Che, from the first
    change until the commit. The same task goes on with a restore that was interrupted; O(state=aborted) puts back what
    was there before.
  - Two restores of one namespace at a time are not possible. The second one fails, and names who is at work.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.run
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
  - community.che.restore_choice
options:
  id:
    description:
      - The full or short id of a backup or of one of its parts, or V(latest), the newest complete backup of
        O(namespace).
      - Where O(namespace) has no backup, V(latest) is the newest of the only other namespace that has one, when no Che
        is there or O(mappings) has C(namespace). Where it is not clear whose backup is meant the task fails, and asks
        for an id; also where it was made on another cluster, a Che is here, and O(mappings) is empty.
      - Safety backups of restores don't count as the latest, so that a restore which is run again brings back the same.
    type: str
    default: latest
  che_cluster:
    description:
      - Name of the CheCluster. By default that of the backup.
      - A backup of another one is refused, as long as its CheCluster is restored. Where that is left out by O(parts),
        O(kinds) or O(names), this is the one that is there and stays as it is. By default it is that of the backup,
        or else the only one.
      - A restore that is unfinished is refused too when it is about another one.
    type: str
  safety_backup:
    description:
      - Back up what is there now before anything is changed. Where there is nothing left to back up, the stage says
        so.
      - With V(false) a restore goes past what keeps that from being saved, such as a lost Secret with a database's
        credentials. What is there now is in no backup then.
    type: bool
    default: true
  state:
    description:
      - V(restored) restores the backup, or goes on with a restore that was interrupted.
      - V(aborted) puts back what was there before a restore that is not committed. It goes by the plan that the restore
        has stored in the repository; the backup that was restored may be gone, or damaged.
    type: str
    choices: [restored, aborted]
    default: restored
    version_added: 0.2.0
  commit:
    description:
      - Whether the restore is committed once it is verified, which removes the databases that it replaced.
      - With V(false) they are kept, and so is the way back by O(state=aborted), until the task is run again with
        V(true).
      - A database that was written to after the safety backup, and before it was replaced, holds what is in no backup.
        It is kept with V(true) too, with a warning that says so, and removed when the task is run again.
    type: bool
    default: true
    version_added: 0.2.0
  plan:
    description:
      - A plan that an earlier task has returned in check mode, as RV(plan).
      - The task refuses to begin when the backup, the options, or anything in the cluster that the restore would touch
        is not what it was then.
    type: dict
    version_added: 0.2.0
attributes:
  diff_mode:
    description:
      - Returns what changes in each object; for Secrets, and for secrets in other objects, only digests of them.
      - A CheCluster holds secrets where a property or a variable is called as they are, as C(CLIENTSECRET) or
        C(SMTP_PASS). In texts of any object those are the credentials of URLs, and what is called so within them.
      - In check mode the whole plan comes first, in words, with what stays as it is and all that was looked at.
    support: full
  idempotent:
    description:
      - Objects and databases that equal the backup are left as they are; when all do, nothing is changed, no safety
        backup is made
        and the task reports no change.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
notes:
  - This module installs nothing. Where the operator of Che, or the kind CheCluster, is missing, the plan says which
    version the backup needs and how to install it. What can be restored without it is; the task then fails, and goes on
    once the operator runs and the task is run again.
  - A task that goes on with a restore has to ask for the same backup and for the same choice, mappings and O(existing).
  - Check mode needs the same permissions as the restore, as the API server checks them in a dry run too. What is read
    beside the namespace (storage classes, the operator, the identity of the cluster) is optional.
  - Comparing and swapping a database takes the permission to execute C(psql) in the database's pod.
seealso:
  - module: community.che.cluster_backup
  - module: community.che.cluster_backup_info
  - name: Restoring
    description: Phases, journal, abort, and what keeps a restore from beginning.
    link: https://github.com/ansible-collections/community.che/blob/main/docs/restoring.md
"""

EXAMPLES = r"""
- name: See what a restore of the newest complete backup would do
  community.che.cluster_restore:
    namespace: eclipse-che
  check_mode: true
  diff: true
  register: rehearsal

- name: Restore what was looked at, unless something has changed meanwhile
  community.che.cluster_restore:
    namespace: eclipse-che
    plan: "{{ rehearsal.plan }}"

- name: Restore, and keep the way back open
  community.che.cluster_restore:
    namespace: eclipse-che
    id: 5b8c2f0f
    commit: false

- name: Commit it, once users have said that all is well
  community.che.cluster_restore:
    namespace: eclipse-che
    id: 5b8c2f0f

- name: Or put back what was there before it
  community.che.cluster_restore:
    namespace: eclipse-che
    state: aborted

- name: Restore one Secret, and leave all else alone
  community.che.cluster_restore:
    namespace: eclipse-che
    names: [Secret/github-oauth-config]

- name: Restore what is missing, and change nothing that is there
  community.che.cluster_restore:
    namespace: eclipse-che
    parts: [installation]
    existing: keep

- name: Restore on another cluster, under another domain and with another storage class
  community.che.cluster_restore:
    namespace: eclipse-che
    repository_url: rest:https://backups.example.com:8000/che
    repository_password: "{{ vault_repository_password }}"
    server_username: che
    server_password: "{{ vault_server_password }}"
    mappings:
      apps_domain:
        apps.old.example.com: apps.new.example.com
      storage_classes:
        gp2: gp3-csi

- name: Restore an older one into an empty cluster, where no backup server is configured any more
  community.che.cluster_restore:
    namespace: eclipse-che
    id: 5b8c2f0f
    repository_url: rest:https://backups.example.com:8000/che
    repository_password: "{{ vault_repository_password }}"
    server_username: che
    server_password: "{{ vault_server_password }}"
"""

RETURN = r"""
id:
  description: The backup that was restored.
  returned: success
  type: str
run_id:
  description: The name of the run.
  returned: always
  type: str
backup_server:
  description: The server that was used, and why.
  returned: success
  type: dict
  version_added: 0.2.0
  contains:
    name:
      description: Its name in the cluster; empty when the task said all of it.
      type: str
    repository:
      description: The restic repository, without credentials.
      type: str
    chosen_because:
      description: Why this server was used.
      type: str
      sample: the last one used
    made_default:
      description:
        - Whether tasks that name no server use this one from now on, and used another one, or none, until now.
        - That counts as a change of its own.
      type: bool
plan:
  description:
    - What was done, or in check mode would be. Also returned when something keeps the restore from beginning.
    - It can be handed to a later task with O(plan).
  returned: success, unless there is no restore to abort; and when something blocks
  type: dict
  contains:
    backup:
      description: The backup's id.
      type: str
      version_added: 0.2.0
    options:
      description: The options that decide what is restored.
      type: dict
      version_added: 0.2.0
    objects:
      description: Each object that was chosen.
      type: list
      elements: dict
      contains:
        action:
          description:
            - V(create), V(change), V(keep) where it equals the backup or is never changed, or V(leave) where it differs
              and O(existing=keep).
          type: str
        kind:
          description: Its kind.
          type: str
        name:
          description: Its name.
          type: str
        before:
          description:
            - A digest of what is there, under a key that only the repository's password gives. Empty for nothing.
          type: str
          version_added: 0.2.0
        after:
          description: A digest of what is to be there.
          type: str
          version_added: 0.2.0
        validated:
          description: Whether the API server has checked it. V(false) where that must wait for an object before it.
          type: bool
    databases:
      description: Each saved database.
      type: list
      elements: dict
      contains:
        action:
          description:
            - V(restore), V(keep) where the live one equals the backup, or V(leave) where it has no place here, was not
              chosen, or O(existing=keep).
          type: str
        name:
          description: Its name.
          type: str
        before:
          description: A digest of what was counted in the cluster; empty where nothing could be.
          type: str
          version_added: 0.2.0
        rows:
          description: Rows in the backup; V(-1) where nothing was counted, as by the old operator.
          type: int
        live_rows:
          description: Rows in the cluster; V(-1) where that is not known.
          type: int
        bytes:
          description: Size of the dump.
          type: int
        saved_version:
          description: The PostgreSQL version it was dumped from.
          type: str
        live_version:
          description: The PostgreSQL version in the cluster; empty where that is not known.
          type: str
        differences:
          description: How the live database differs from the backup, at most ten lines.
          type: list
          elements: str
        note:
          description: Why it is left, and where its dump is kept; or what is lost when it is restored.
          type: str
          version_added: 0.2.0
    left_alone:
      description: Objects of Che that are there and not in the backup, as C(Kind/name). They stay as they are.
      type: list
      elements: str
      version_added: 0.2.0
    left_out:
      description: Objects of the backup that were not chosen, as C(Kind/name).
      type: list
      elements: str
      version_added: 0.2.0
    conversion:
      description: What became of each field of a CheCluster that had to be converted to another API version.
      type: list
      elements: dict
      version_added: 0.2.0
      contains:
        path:
          description: The field, from C(spec) on.
          type: str
          sample: spec.server.cheHost
        became:
          description: >-
            V(converted), V(dropped: v2 has no such field), V(ignored by this Che version), or V(needs a decision) where
            it is not carried over and has to be set by hand.
          type: str
        to:
          description: Where its value stands now; for a new object, its kind and name.
          type: str
          sample: spec.networking.hostname
        why:
          description: More about it. Never holds the value.
          type: str
    adaptations:
      description: Each value that is another one than in the backup, as O(mappings) ask or as its operator made it up.
      type: list
      elements: dict
      version_added: 0.2.0
      contains:
        object:
          description: Kind and name in the backup.
          type: str
          sample: CheCluster/eclipse-che
        path:
          description: Where it stands.
          type: str
        before:
          description: The value, or the part of it that changes. Never a secret.
          type: str
        after:
          description: What takes its place; empty for what is cleared.
          type: str
        why:
          description: The mapping that asks for it, or that it was generated.
          type: str
          sample: mapping storage_classes
    unproven:
      description: What cannot be proven of a backup without a manifest, as sentences; else empty.
      type: list
      elements: str
      version_added: 0.2.0
    preflight:
      description:
        - What was looked at before anything is changed. A plan that changes nothing has only what was found while
          it was made.
      type: list
      elements: dict
      version_added: 0.2.0
      contains:
        name:
          description: What was looked at.
          type: str
          sample: quota
        result:
          description:
            - V(passed); V(blocked), which keeps the restore from beginning; V(warned); V(waits) for what is there only
              once the restore, or its operator, has made it; V(unknown) where the credentials do not let one see.
          type: str
        message:
          description: What was found.
          type: str
        object:
          description: The object that it was found on.
          type: str
        lift:
          description: How to lift it, when it blocks.
          type: str
    blockers:
      description: Those of RV(plan.preflight) that keep the restore from beginning. Check mode does not fail for them.
      type: list
      elements: dict
      version_added: 0.2.0
safety_backup_id:
  description: The backup of what was there before; empty when there was nothing, or nothing was changed.
  returned: success
  type: str
committed:
  description:
    - Whether this task has committed the restore. The databases that were replaced are removed then, so that there is
      no way back but a backup.
    - V(false) also when there was nothing to restore, and when a database is kept that holds what is in no backup.
  returned: success
  type: bool
  version_added: 0.2.0
resumed:
  description: Whether the run went on with a restore that had been interrupted.
  returned: success
  type: bool
  version_added: 0.2.0
aborted:
  description:
    - The restore that was aborted; empty when there was none. RV(id) is the backup that it restored, also when that is
      gone.
  returned: success, with O(state=aborted)
  type: str
  version_added: 0.2.0
stages:
  description: The stages that the run went through, each with name, message, started and seconds.
  returned: always
  type: list
  elements: dict
verified:
  description:
    - What was held against the backup. Objects once Che was ready again; databases when they were loaded beside the
      live ones, or counted for the plan where they were kept.
    - Empty where this task did not come by that stage, and where nothing had to be restored.
  returned: success
  type: dict
  contains:
    objects:
      description: How many objects, by the digest of all that they hold. Namespaces and claims are not compared.
      type: int
    tables:
      description: How many tables, by row count and checksum.
      type: int
    sequences:
      description: How many sequences.
      type: int
    large_objects:
      description: How many large objects.
      type: int
    how:
      description: For the objects and for each database a sentence, how and when it was compared, or that it was not.
      type: list
      elements: str
      version_added: 0.2.0
outage_seconds:
  description:
    - From the moment that the first database was closed for its swap until Che was ready again.
    - V(0) when none was swapped. Che may have been started anew all the same, which is not measured then. Its operator
      does that when the CheCluster changes, and the restore when the password of a database that stays does.
    - An interruption in between counts too.
    - With O(state=aborted), and of a restore that has put everything back by itself, all until Che was ready with what
      was there before. It counts from where the restore had closed the first database. Where Che was ready with what
      was restored, it counts from where the way back has closed one. V(0) when none was closed.
    - Where Che was not ready before the restore either, it counts until its databases are open.
  returned: success, and when a restore that failed has put everything back
  type: float
duration:
  description: How long the run took, in seconds.
  returned: success
  type: float
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
    restore_choice_spec,
    restore_spec,
    run_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore

SPEC = common_spec() + server_reference_spec() + run_spec() + restore_spec() + restore_choice_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: restore(cluster, RestoreRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
