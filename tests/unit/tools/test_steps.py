# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` consists of: no test is forgotten, and no step waits for what never comes."""

from __future__ import annotations

from tools.steps import CHECKOUT, LANES, STEPS


def test_every_integration_test_is_of_one_step() -> None:
    files = {str(file.relative_to(CHECKOUT)) for file in (CHECKOUT / "tests" / "integration").glob("test_*.py")}
    run = [word for step in STEPS for word in step.command if word.startswith("tests/integration/")]
    assert sorted(run) == sorted(files)


def test_what_a_step_waits_for_is_not_behind_it() -> None:
    for lane in LANES:
        order = [step.name for step in lane]
        for place, step in enumerate(lane):
            assert step.after not in order[place:]
    in_lanes = {step.name for lane in LANES for step in lane}
    assert {step.after for step in STEPS} <= in_lanes | {""}
