# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spare ``ansible-test --requirements`` its one download that is not from a package index.

ansible-test fetches pip's bootstrap script for its environments from a server of its own. Python brings a pip along
(ensurepip), which does as well; pip then follows the machine's usual configuration. A script that is there stays.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

STUB = "import ensurepip\n\nensurepip.bootstrap(default_pip=True)\n"


def bootstrap_script() -> Path:
    """Where this version of ansible-test looks for the script of the pip that it wants for this Python."""
    version = "{}.{}".format(*sys.version_info[:2])
    pip = get_venv_packages(SimpleNamespace(version=version))["pip"]
    return Path.home() / ".ansible" / "test" / "cache" / f"get_pip_{pip.replace('.', '_')}.py"


def main() -> None:
    script = bootstrap_script()
    if not script.exists():
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(STUB)


if __name__ == "__main__":
    main()
