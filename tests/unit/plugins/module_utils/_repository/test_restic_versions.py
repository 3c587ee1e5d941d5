# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest restic that will do: one version in the code, in all that is written about it, and in what is tested."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import MINIMUM_VERSION, dotted

ROOT = Path(__file__).resolve().parents[5]
OLDEST = dotted(MINIMUM_VERSION)
WRITTEN = ("README.md", "docs/*.md", "meta/*", "plugins/modules/*.py", "plugins/doc_fragments/*.py", "roles/*/meta/*")
SAID = re.compile(r"(\d+\.\d+\.\d+) (?:or|and) (?:newer|later)|restic >= (\d+\.\d+\.\d+)")


def test_what_is_written_names_the_version_that_the_code_wants() -> None:
    said = {
        (str(path.relative_to(ROOT)), version)
        for pattern in WRITTEN
        for path in ROOT.glob(pattern)
        for line in path.read_text(encoding="utf-8").splitlines()
        if "restic" in line
        for versions in SAID.findall(line)
        for version in filter(None, versions)
    }

    assert {version for _path, version in said} == {OLDEST}, said
    assert {"README.md", "meta/ee-bindep.txt", "plugins/doc_fragments/common.py"} <= {path for path, _version in said}
    assert len(said) >= 9, "one of the places says it in other words, so that nothing is compared there"


def test_what_is_built_for_the_tests_is_that_version() -> None:
    pinned = (ROOT / "tests" / "cluster" / "go" / "restic-oldest" / "go.mod").read_text(encoding="utf-8")
    assert f"require github.com/restic/restic v{OLDEST}\n" in pinned
