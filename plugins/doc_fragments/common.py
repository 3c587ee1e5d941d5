# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options and notes that every module of this collection shares, and those of long runs."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``common_spec`` and ``run_spec``."""

    DOCUMENTATION = r"""
options:
  namespace:
    description: The namespace of Che, for example V(eclipse-che).
    type: str
    required: true
requirements:
  - python >= 3.9
  - kubernetes >= 24.2.0
  - PyYAML >= 3.11
  - restic >= 0.17.3
  - awscrt >= 0.19.0 (only for backup servers on S3)
"""

    RUN = r"""
options:
  che_cluster:
    description: Name of the CheCluster. By default the only one of the namespace.
    type: str
  run_id:
    description:
      - Names this run, so that another task can follow it with M(community.che.cluster_backup_info).
      - Lower-case letters, digits and dashes. A random one by default.
    type: str
  timeout:
    description: Seconds after which the run gives up.
    type: int
    default: 7200
  restic_image:
    description:
      - The image that brings restic into the Jobs. Name it with your mirror's address where the cluster can't reach
        Docker Hub.
    type: str
    default: docker.io/restic/restic:0.19.1
  rclone_image:
    description:
      - Image with C(rclone), from which the Jobs take it for a backup server of kind SFTP; no other kind needs it.
    type: str
    default: docker.io/rclone/rclone:1.76.0
    version_added: 0.2.0
  database_image:
    description:
      - The image that the database Jobs run in, with C(psql) and C(pg_dump) of at least the server's version.
      - By default the image that the database itself runs.
    type: str
  image_pull_secrets:
    description: Names of Secrets in O(namespace) that the Jobs pull their images with.
    type: list
    elements: str
    default: []
  run_as_user:
    description:
      - User id of the Jobs. By default the database's own where it sets one, else V(65532); on OpenShift the
        namespace's own range decides.
    type: int
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/community.che.che) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - community.che.che
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
"""
