# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` consists of: no test is forgotten, and no step waits for what never comes."""

from __future__ import annotations

from tools.steps import CHECKOUT, LANES


def test_every_integration_test_is_of_one_step() -> None:
    files = {str(file.relative_to(CHECKOUT)) for file in (CHECKOUT / "tests" / "integration").glob("test_*.py")}
    run = [word for lane in LANES for step in lane for word in step.command if word.startswith("tests/integration/")]
    assert sorted(run) == sorted(files)


def test_what_a_step_waits_for_is_not_behind_it() -> None:
    names = {step.name for lane in LANES for step in lane}
    for lane in LANES:
        order = [step.name for step in lane]
        for place, step in enumerate(lane):
            assert not step.after or step.after in names
            assert step.after not in order[place:]
