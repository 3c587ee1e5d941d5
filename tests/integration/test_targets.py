# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each module's integration target, run by ansible-playbook against the cluster as a user would.

``ansible-test integration`` would want a cluster in an environment of its own, so the targets keep its layout only.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import pytest
import yaml

TARGETS = Path(__file__).resolve().parent / "targets"
NAMES = sorted(path.parent.name for path in TARGETS.glob("*/aliases"))
PLAY = {
    "hosts": "localhost",
    "connection": "local",
    "gather_facts": False,
    "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
}

pytestmark = pytest.mark.integration


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("name", NAMES)
def test_target(name: str, tmp_path: Path) -> None:
    password = f"s3cr3t-{secrets.token_hex(8)}"
    variables = {
        # One that no other run uses, so that a run which was killed does not get in the way of the next.
        "target_namespace": f"target-{name.replace('_', '-')}-{secrets.token_hex(3)}",
        "target_repository_password": password,
    }
    (tmp_path / "variables.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{**PLAY, "roles": [name]}]), encoding="utf-8")

    ran = subprocess.run(
        ["ansible-playbook", "-vvv", "-e", f"@{tmp_path}/variables.yml", str(tmp_path / "play.yml")],
        env={**os.environ, "ANSIBLE_ROLES_PATH": str(TARGETS), "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    output = ran.stdout + ran.stderr
    assert ran.returncode == 0, first_failure(output)
    assert "Traceback" not in output
    assert password not in output
    # The stand-in marks every secret of the installation and of the backup server with this.
    assert "s3cr3t-standin" not in output


def first_failure(output: str) -> str:
    """The task that failed first, with what it returned; what follows is only cleaning up."""
    header, _, rest = output.partition("fatal: ")
    return f"{header[header.rfind('TASK [') :]}fatal: {rest[:5000]}"
