# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that choose what is restored, and say what is called otherwise on another cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``restore_choice_spec``."""

    DOCUMENTATION = r"""
options:
  parts:
    description:
      - Parts of the backup to restore, by default all.
      - Where O(kinds), O(names) or O(label_selectors) choose single objects, the default is V(installation) alone.
    type: list
    elements: str
    choices: [installation, database]
    default: []
    version_added: 0.2.0
  kinds:
    description:
      - Kinds of objects to restore, by default all.
      - An object is restored when O(kinds), O(names) and O(label_selectors) all choose it. The namespace always comes
        along where it is missing.
    type: list
    elements: str
    choices: [CheCluster, ConfigMap, Namespace, PersistentVolumeClaim, Secret]
    default: []
    version_added: 0.2.0
  names:
    description:
      - Names of objects to restore, by default all. Two objects of the same name are told apart by their kind, as in
        V(Secret/che-tls).
      - A name that the backup does not have is an error.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  label_selectors:
    description:
      - Label selectors that an object has to match to be restored, all of them, by default none.
      - Each is what C(kubectl) takes, for example V(team=che,tier in (web,db\),!legacy).
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  existing:
    description:
      - What happens to an object that is there and differs from the backup.
      - V(replace) makes it what the backup holds, with nothing left that was added since. That is the default, as a
        restore otherwise ends in a mixture that nobody has ever run.
      - V(keep) leaves it as it is. V(fail) refuses the restore, before anything is changed.
      - A namespace and a claim that are there are never changed.
    type: str
    choices: [replace, keep, fail]
    default: replace
    version_added: 0.2.0
  mappings:
    description:
      - What is called otherwise on the cluster that is restored onto. Nothing else is changed in a saved object, but
        for what the operator of Che has made up itself.
      - What belongs to the old cluster and is not mapped blocks the restore. What is mapped to itself stays as it is.
      - A mapping that nothing uses is a warning.
    type: dict
    version_added: 0.2.0
    suboptions:
      namespace:
        description: The namespace of Che there. It has to be the same as O(namespace).
        type: str
      apps_domain:
        description:
          - New domains of routes or ingresses by old ones, the old one as the key.
          - What the operator has made up below an old domain, such as the host of Che, needs no mapping.
        type: dict
      host:
        description: The host name of Che there. By default it follows its domain.
        type: str
      storage_classes:
        description: New storage classes by old ones.
        type: dict
      user_ids:
        description:
          - New ids of users by old ones, in annotations and labels that hold them. On OpenShift the id is the C(uid) of
            the User.
        type: dict
      image_registries:
        description:
          - New registries by old ones, each with a path or without. The longest that an image begins with counts; it
            ends at a slash.
          - Credentials in pull secrets are not changed.
        type: dict
      identity_provider:
        description: The URL of the identity provider there.
        type: str
      database_hosts:
        description:
          - New hosts of an external database by old ones, as the CheCluster names them. Its Secret is restored as it
            was, so the server there has to know that login.
          - On another cluster and under another name of the namespace the old one blocks the restore, as two
            installations can't share a database. Map it to itself where the old installation is gone for good.
        type: dict
"""
