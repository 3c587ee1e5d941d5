#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Move Che's databases to another server, with their data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_migration
short_description: Move the databases of Eclipse Che to another server, and back
version_added: 0.2.0
description:
  - Moves what Che holds in PostgreSQL from the server that its operator runs to one on another server, from one such
    server to another, or back to the operator's own. The identity provider's database moves with it, where the
    operator runs one.
  - A fresh backup is made and loaded into the new server while Che works on. What was loaded is held against what was
    saved, by row counts, checksums, sequences and large objects. Then the databases are closed for writing. Where
    nobody has written to them since they were copied, Che is brought to the new server at once; how long that takes
    does not depend on their size. Else they are copied once more first.
  - PostgreSQL 15 and later counts what is written, so that one look tells. An older server is read from end to end
    while it is closed, which takes less time than copying does.
  - Che can read all the time. It can't write from the moment that the databases are closed until it is ready on the new
    server; RV(outage_seconds) tells how long that was.
  - The stages are C(plan), C(check), C(copy), C(stage), C(cut over), C(switch), C(verify) and C(commit). How far a
    migration has come is kept in the ConfigMap C(che-migration-journal). The same task goes on with one that was
    interrupted. When one fails before Che uses the new server, everything is put back as it was.
  - With O(commit=false) a migration waits after C(verify). O(state=aborted) then brings Che back to the databases that
    it used before. What was written since Che came to the new server stays there; on the operator's own server under
    another name, which a warning tells.
  - The databases that were left stay where they are, closed for writing, also once it is committed.
  - After the commit the way back is another migration, and PostgreSQL has a say in that. A database goes to the same or
    a newer major version; to an older one only from 13, 14 or 15, and only to 12 or later. So nothing leads from 10 or
    later back to 9.6, and from 16 or later to anything older. Where the server that is left would not take its data
    back, the check V(way back) warns of it before anything is done; until the commit O(state=aborted) goes back all the
    same.
  - Neither a restore nor another migration can work on the same namespace at the same time.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.run
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  to:
    description:
      - V(external) for a server that O(database_host) names.
      - V(embedded) for the server that Che's operator runs. It has to be there still, and of a version that takes what
        the other server holds.
    type: str
    choices: [external, embedded]
    default: external
  state:
    description:
      - V(migrated) moves the databases, or goes on with a migration that was interrupted.
      - V(aborted) brings Che back to the databases from before a migration that is not committed.
      - Where the CheCluster was deleted meanwhile, V(aborted) opens the databases from before for writing as far as
        they can be reached, ends the migration, and warns of what is left where. It empties nothing then. The same goes
        for a Che that was updated meanwhile to a version without a database.
    type: str
    choices: [migrated, aborted]
    default: migrated
  commit:
    description:
      - Whether the way back is given up once all is verified. Run the same task again with V(true) to commit a
        migration that waits.
    type: bool
    default: false
  id:
    description:
      - The full or short id of a backup, or V(latest), the newest complete one of O(namespace), whose databases are
        loaded instead of the present ones.
      - This is how a database on another server is restored, into one that is empty and has a name of its own. What Che
        has used until then is closed for writing where that can be done, and stays.
      - Where the newest one was made on another cluster, as by another installation that shares the repository, it has
        to be named by its id.
      - Only with O(to=external).
    type: str
  safety_backup:
    description:
      - With O(id), back up what is there now before anything is changed. Set it to V(false) where the present database
        is lost.
    type: bool
    default: true
  beside_legacy:
    description:
      - Allow a migration whose backup goes into a repository that holds snapshots of the old Che operator. Its restore
        takes the last snapshot by default, which would then be one of this collection.
      - Asked when a migration begins; one that has begun is gone on with and aborted without it.
    type: bool
    default: false
  database_host:
    description:
      - The server's name or address, as pods of the namespace resolve it.
      - Needed for O(to=external).
    type: str
  database_port:
    description: The server's port.
    type: int
    default: 5432
  database:
    description:
      - The database's name. On another server it has to be there, empty.
      - V(dbche) by default for O(to=external), for O(to=embedded) what the operator calls it by itself.
    type: str
  credentials_secret:
    description:
      - A Secret of the namespace with the keys C(user) and C(password); the role owns the database.
      - Needed for O(to=external); for O(to=embedded) by default the operator's own, V(postgres-credentials).
    type: str
  identity_secret:
    description:
      - A Secret of the namespace with the key C(password), which opens the database C(keycloak) on the same server to
        the role of that name. By default the one that the CheCluster names, or the operator's own.
      - For a v1 CheCluster whose operator runs an identity provider.
    type: str
  tls:
    description: How another server is spoken to; see O(community.che.external_database#module:tls).
    type: str
    choices: [disable, prefer, require, verify-ca, verify-full]
    default: verify-full
  ca_certificate:
    description: The certificates of the authorities that may have signed the other server's own, as PEM.
    type: str
  connections:
    description: How many connections must be free there.
    type: int
    default: 20
  latency_ms:
    description: How many milliseconds a statement may take to and fro before that is worth a warning.
    type: int
    default: 20
  che_version:
    description:
      - The version of Che, where its operator does not report it, or reports a number of its own from which that can't
        be told.
    type: str
attributes:
  diff_mode:
    description: Returns what changes in the CheCluster.
    support: full
  idempotent:
    description:
      - Where Che uses those databases already, nothing is done.
      - With O(id) a second run fails, as the database is in use then.
    support: partial
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.external_database
  - module: community.che.external_database_check
  - module: community.che.external_database_credentials
"""

EXAMPLES = r"""
- name: Move Che to the company's server, and wait with the commit
  community.che.database_migration:
    namespace: eclipse-che
    database_host: postgres.example.com
    database: che
    credentials_secret: che-database
    tls: verify-full
    ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.crt') }}"

- name: Commit that, once users are content
  community.che.database_migration:
    namespace: eclipse-che
    database_host: postgres.example.com
    database: che
    credentials_secret: che-database
    tls: verify-full
    ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.crt') }}"
    commit: true

- name: Or go back instead
  community.che.database_migration:
    namespace: eclipse-che
    state: aborted

- name: Restore the database of a backup into an empty one on the company's server
  community.che.database_migration:
    namespace: eclipse-che
    id: latest
    database_host: postgres.example.com
    database: che_restored
    credentials_secret: che-database
    tls: verify-full
    ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.crt') }}"
    commit: true

- name: Bring a committed one back to the operator's own server, with what was written since
  community.che.database_migration:
    namespace: eclipse-che
    to: embedded
    commit: true
"""

RETURN = r"""
migration:
  description: The migration's name, which its journal has; empty where there was nothing to do.
  returned: success, with O(state=migrated)
  type: str
id:
  description: The backup that the new server was filled from.
  returned: success, with O(state=migrated)
  type: str
safety_backup_id:
  description: With O(id), the backup of what was there before.
  returned: success, with O(state=migrated)
  type: str
run_id:
  description: The name of this run.
  returned: always
  type: str
checks:
  description:
    - What was looked at, as M(community.che.external_database_check) returns it.
    - V(way back) among them says whether another migration could bring the databases back; not with O(id).
  returned: success, with O(state=migrated)
  type: list
  elements: dict
outage_seconds:
  description: How long Che could not write, from the closing of its databases until it was ready on the new server.
  returned: success, with O(state=migrated)
  type: float
copied_again:
  description: Whether somebody had written to the databases while they were copied, so that they were copied again.
  returned: success, with O(state=migrated)
  type: bool
verified:
  description:
    - What the databases that were left hold, which was compared with what was moved.
    - Empty where this task did not come by that stage.
  returned: success, with O(state=migrated)
  type: dict
  sample: {databases: 1, tables: 41, rows: 12034, sequences: 3, large_objects: 0}
committed:
  description: Whether this task has committed the migration.
  returned: success, with O(state=migrated)
  type: bool
resumed:
  description: Whether the run went on with a migration that had been interrupted, or had waited.
  returned: success, with O(state=migrated)
  type: bool
aborted:
  description: The migration that was aborted; empty when there was none.
  returned: success, with O(state=aborted)
  type: str
che_cluster_lost:
  description: Whether there was no CheCluster any more to bring back, so that the warnings say what is left where.
  returned: success, with O(state=aborted)
  type: bool
database_outgrown:
  description:
    - Whether Che was updated meanwhile to a version that has no database, 7.62 or later, so that the migration was only
      ended. The warnings say what is left where.
  returned: success, with O(state=aborted)
  type: bool
stages:
  description: The stages that the run went through, each with name, message, started and seconds.
  returned: always
  type: list
  elements: dict
duration:
  description: How long the task took, in seconds.
  returned: success
  type: float
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
    run_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._argspec_databases import migration_spec
from ansible_collections.community.che.plugins.module_utils._migration._migrate import migrate
from ansible_collections.community.che.plugins.module_utils._migration._request import MigrationRequest
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = common_spec() + server_reference_spec() + run_spec() + migration_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: migrate(cluster, MigrationRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
