# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the steps of the test suite and end with one line: ``N passed, N failed``.

    run_tests.py [--soak] [STEP...]

Steps run in lanes beside each other, those of a lane one after the other; a lane that is through then takes of those
that belong to none. Each step's whole output goes to ``tests/output/<step>.log``; the end of it is shown when the step
fails. A failing step does not stop the others, save those that need the cluster when there is none. Steps that need a
cluster bring it up first, whether or not it was named.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from counts import Count, of_junit, of_one
from environment import base_environment, cluster_environment, cluster_use, export_folder
from report import Result, last_line, lines_of, print_failures, print_table, write_soak_report
from seed import VARIABLE, chosen_seed
from steps import (
    AFTERWARDS,
    CHECKOUT,
    CLUSTER,
    CLUSTER_ANEW,
    CLUSTER_UP,
    GROUPS,
    LANES,
    OUTPUT,
    STEPS,
    Step,
    soak_steps,
)

TAIL_LINES = 60
HEARTBEAT_SECONDS = 60
POLL_SECONDS = 1
KILL_SECONDS = 15


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    lanes, afterwards = chosen_lanes(options)
    OUTPUT.joinpath("junit").mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    results = run_all(lanes, afterwards, whole=not options.steps)
    print_table(results, time.monotonic() - began)
    print_failures(results)
    if options.soak:
        write_soak_report(soak_steps(), CHECKOUT / "docs" / "soak.md")
    total = sum((result.count for result in results), Count())
    print(total, flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/tools/run-tests", description=__doc__.partition("\n")[0])
    parser.add_argument("--soak", action="store_true", help="the long tests instead of the usual ones")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join((*GROUPS, *step_names())))
    return parser.parse_args(arguments)


def step_names() -> list[str]:
    return [step.name for step in STEPS]


def chosen_lanes(options: argparse.Namespace) -> tuple[list[list[Step]], list[Step]]:
    """The steps of each lane, and those that no lane has for itself."""
    if options.soak:
        return [chosen_of(soak_steps(), options.steps)], []
    names = [name for word in options.steps for name in GROUPS.get(word, (word,))]
    unknown = sorted(set(names) - set(step_names()))
    if unknown:
        sys.exit(f"No step is named {', '.join(unknown)}. There are: {', '.join(GROUPS)}, {', '.join(step_names())}")
    *lanes, afterwards = [[s for s in steps if not names or s.name in names] for steps in (*LANES, AFTERWARDS)]
    if CLUSTER_UP not in lanes[0] and any(step.needs_cluster for steps in (*lanes, afterwards) for step in steps):
        lanes[0].insert(0, CLUSTER_UP)
    return lanes, afterwards


def chosen_of(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """The steps of these names, and the cluster that they need; all of them when no name is given."""
    unknown = sorted(set(names) - {step.name for step in steps})
    if unknown:
        sys.exit(f"No long step is named {', '.join(unknown)}. There are: {', '.join(step.name for step in steps)}")
    return [step for step in steps if not names or step.name in names or step == CLUSTER_UP]


@dataclass(frozen=True)
class Session:
    """What the lanes of one run share: the end of its time, whether to stop, and the cluster once it is up."""

    end: float
    chosen: frozenset[str]
    #: The steps that no lane has for itself; each is taken once.
    afterwards: deque[Step]
    #: Whether this is the run of all steps, which wants a cluster without anything of an earlier one.
    whole: bool
    environment: dict[str, str] = field(default_factory=base_environment)
    stopped: threading.Event = field(default_factory=threading.Event)
    #: The names of the steps that have ended.
    ended: set[str] = field(default_factory=set)
    #: The environment of steps that need the cluster; None when it did not come up.
    cluster: Future[dict[str, str] | None] = field(default_factory=Future)

    def over(self) -> str:
        """Why nothing more is to run; empty while it is."""
        if self.stopped.is_set():
            return "the run was interrupted"
        return "" if time.monotonic() < self.end else "the time that CHE_TEST_MINUTES allows is over"


def run_all(lanes: Sequence[Sequence[Step]], afterwards: Sequence[Step], whole: bool) -> list[Result]:
    # Who is ended from outside after a while wants the table and the closing line before that.
    end = time.monotonic() + 60 * float(os.environ.get("CHE_TEST_MINUTES", "inf"))
    names = frozenset(step.name for steps in (*lanes, afterwards) for step in steps)
    session = Session(end, names, deque(afterwards), whole)
    with ThreadPoolExecutor(len(lanes)) as threads:
        running = [threads.submit(run_lane, lane, session) for lane in lanes]
        try:
            return [result for lane in running for result in lane.result()]
        finally:
            session.stopped.set()


def run_lane(steps: Sequence[Step], session: Session) -> list[Result]:
    results = []
    for step in chain(steps, taken_from(session.afterwards)):
        results.append(run_when_possible(step, session))
        session.ended.add(step.name)
    return results


def taken_from(steps: deque[Step]) -> Iterator[Step]:
    """Take one after the other, of which other lanes take theirs meanwhile."""
    while True:
        try:
            yield steps.popleft()
        except IndexError:
            return


def run_when_possible(step: Step, session: Session) -> Result:
    if step.name == CLUSTER:
        return bring_cluster_up(step, session)
    while step.after in session.chosen - session.ended and not session.over():
        time.sleep(POLL_SECONDS)
    if not step.needs_cluster:
        return run(step, session.environment, session)
    environment = session.cluster.result()
    return run(step, environment, session) if environment else not_run(step, "there is no cluster")


def bring_cluster_up(step: Step, session: Session) -> Result:
    environment = None
    try:
        use = cluster_use(session.environment)
        if session.whole and use.take_alone():
            step = CLUSTER_ANEW
        elif session.whole:
            print("Other tests use the test cluster: it is not made anew", flush=True)
        result = run(step, session.environment, session)
        use.share()
        if result.count.failed == 0:
            environment = cluster_environment(session.environment)
        return result
    finally:
        session.cluster.set_result(environment)


def not_run(step: Step, reason: str) -> Result:
    return Result(step, 0.0, Count(failed=1), f"not run: {reason}")


def run(step: Step, environment: dict[str, str], session: Session) -> Result:
    if session.over():
        return not_run(step, session.over())
    print(f"== {step.name}: {' '.join(step.command)}", flush=True)
    started = time.monotonic()
    code = execute(step, environment, session)
    seconds = time.monotonic() - started
    count = of_junit(step.junit_file, code) if step.junit else of_one(code)
    remark = "" if count.failed == 0 else f"see {step.log.relative_to(CHECKOUT)}"
    if count.failed:
        show_tail(step.log)
    print(f"-- {step.name}: {count} in {seconds:.0f} s", flush=True)
    return Result(step, seconds, count, remark)


def execute(step: Step, environment: dict[str, str], session: Session) -> int:
    """The exit code; a step that outlasts its limit, or is interrupted, is ended with all of its children."""
    command = [*step.command]
    if step.junit:
        step.junit_file.unlink(missing_ok=True)
        command += ["--junit-xml", str(step.junit_file), "-o", f"junit_suite_name={step.name}"]
    folder = export_folder(environment) if step.in_export else CHECKOUT
    with step.log.open("wb") as log:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            log.write(f"{error}\n".encode())
            return 127
        try:
            return wait(process, step, session)
        finally:
            end_group(process)


def wait(process: subprocess.Popen[bytes], step: Step, session: Session) -> int:
    """Wait for the step, showing its last line now and then, as a first cluster takes minutes to build."""
    began = shown = time.monotonic()
    limit = ""
    while not limit:
        try:
            return process.wait(timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        limit = session.over() or (
            f"it took longer than {step.minutes} minutes" if now > began + step.minutes * 60 else ""
        )
        if now > shown + HEARTBEAT_SECONDS:
            print(f"   {step.name} is running: {last_line(step.log)}", flush=True)
            shown = now
    with step.log.open("ab") as log:
        log.write(f"\nEnded: {limit}\n".encode())
    return 124


def end_group(process: subprocess.Popen[bytes]) -> None:
    """A finished step leaves its process group alone: the cluster's servers may have been started from it."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=KILL_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def show_tail(log: Path) -> None:
    lines = lines_of(log)
    head = f"   the last {min(TAIL_LINES, len(lines))} of {len(lines)} lines of {log.relative_to(CHECKOUT)}:"
    print("\n   | ".join([head, *lines[-TAIL_LINES:]]), flush=True)


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {VARIABLE}={chosen_seed()}", flush=True)
    sys.exit(main(sys.argv[1:]))
