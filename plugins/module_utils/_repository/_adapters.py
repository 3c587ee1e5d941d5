# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which adapter serves which kind of server. A static table, as Ansible packs only what is imported by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._contract import Adapter
from ansible_collections.community.che.plugins.module_utils._repository._rest import RestAdapter
from ansible_collections.community.che.plugins.module_utils._repository._s3 import S3Adapter
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._sftp import SftpAdapter
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer

_ADAPTERS: Mapping[str, Callable[[Access], Adapter]] = {
    RestServer.kind: RestAdapter,
    AwsS3Server.kind: S3Adapter,
    SftpServer.kind: SftpAdapter,
}


def adapter_for(access: Access) -> Adapter:
    """The adapter for the access's kind of server."""
    return _ADAPTERS[access.server.kind](access)
