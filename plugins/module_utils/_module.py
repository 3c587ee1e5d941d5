# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From AnsibleModule to a use case and back: the only error boundary.

A use case returns what the task returns, and raises ``CheError`` for everything that a user can act on. A signal to
stop is raised wherever it arrives, as ``Interrupted``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.community.che.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, Interrupted, printable
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._connect import CONNECT_IMPORT_ERROR, connect_cluster
from ansible_collections.community.che.plugins.module_utils._kube._exec import STREAM_IMPORT_ERROR
from ansible_collections.community.che.plugins.module_utils._kube._forward import (
    FORWARD_IMPORT_ERROR,
    close_forwards,
)
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url
from ansible_collections.community.che.plugins.module_utils._server._environment import (
    REPOSITORY_URL,
    SECRET_VARIABLES,
)
from ansible_collections.community.che.plugins.module_utils._server._stored import YAML_IMPORT_ERROR
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

UseCase = Callable[[Cluster], Mapping[str, Any]]


class CheModule:
    """One module of this collection.

    Args:
        spec: Its own options; kubernetes.core's authentication options are added.
    """

    def __init__(self, spec: ArgumentSpec) -> None:
        self._module = AnsibleModule(
            argument_spec={**AUTH_ARG_SPEC, **spec.options},
            mutually_exclusive=spec.mutually_exclusive,
            required_if=spec.required_if,
            supports_check_mode=True,
        )
        self._hide_secrets()

    @property
    def params(self) -> dict[str, Any]:
        params: dict[str, Any] = self._module.params
        return params

    @property
    def check_mode(self) -> bool:
        return bool(self._module.check_mode)

    def run(self, use_case: UseCase) -> None:
        """Connect to the cluster, run the use case, and end the task with its result or its error."""
        self._require_libraries()
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            result = dict(use_case(connect_cluster({name: self.params.get(name) for name in AUTH_ARG_SPEC})))
        except Halt as error:
            self._module.fail_json(msg=printable(str(error)), **{"stage": error.stage, **self._warned(error.facts)})
        finally:
            close_forwards()
        self._module.exit_json(**self._warned(result))

    def _warned(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Hand the warnings to Ansible, which shows them and returns them with the rest."""
        for warning in result.get("warnings", ()):
            self._module.warn(printable(warning))
        return {key: value for key, value in result.items() if key != "warnings"}

    def _require_libraries(self) -> None:
        for library, trace in (
            ("kubernetes", CONNECT_IMPORT_ERROR or STREAM_IMPORT_ERROR or FORWARD_IMPORT_ERROR),
            ("PyYAML", YAML_IMPORT_ERROR),
        ):
            if trace:
                self._module.fail_json(msg=missing_required_lib(library), exception=trace)

    def _hide_secrets(self) -> None:
        """A URL may carry a password, and so does the environment; Ansible echoes options, and must not echo that."""
        for url in (self.params.get("repository_url"), os.environ.get(REPOSITORY_URL)):
            self._module.no_log_values.update(filter(None, _secrets_of(url or "")))
        self._module.no_log_values.update(filter(None, map(os.environ.get, SECRET_VARIABLES)))


def _secrets_of(url: str) -> tuple[str, ...]:
    """A URL's password as it is meant and as it is written; of one that can't be understood, all before its host."""
    try:
        password = parse_repository_url(url).password
    except CheError:
        return (url.rpartition("@")[0],)
    authority = url.split("/")[2] if "://" in url else url.partition("/")[0].partition(":")[2]
    return password or "", authority.rpartition("@")[0].partition(":")[2]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(f"The task was stopped by signal {number}", next_step="Run it again.")
