# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the steps of the test suite and end with one line: ``N passed, N failed``.

    run_tests.py [--soak] [STEP...]

Each step's whole output goes to ``tests/output/<step>.log``; the end of it is shown when the step fails. A failing step
does not stop the others, save those that need the cluster when there is none. Steps that need a cluster bring
it up first, whether or not it was named.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from counts import Count, of_junit, of_one
from environment import base_environment, cluster_environment, export_folder
from report import Result, print_table, write_soak_report
from steps import CHECKOUT, CLUSTER, CLUSTER_UP, OUTPUT, STATIC, TEST, Step, soak_steps

TAIL_LINES = 60
HEARTBEAT_SECONDS = 60
KILL_SECONDS = 15


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    steps = chosen_steps(options)
    OUTPUT.joinpath("junit").mkdir(parents=True, exist_ok=True)
    results = run_all(steps)
    print_table(results)
    if options.soak:
        write_soak_report(results, CHECKOUT / "docs" / "soak.md")
    total = sum((result.count for result in results), Count())
    print(total, flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/tools/run-tests", description=__doc__.partition("\n")[0])
    parser.add_argument("--soak", action="store_true", help="the long tests instead of the usual ones")
    parser.add_argument("steps", nargs="*", metavar="STEP", help="lint, " + ", ".join(step.name for step in TEST))
    return parser.parse_args(arguments)


def chosen_steps(options: argparse.Namespace) -> list[Step]:
    if options.soak:
        return list(soak_steps())
    known = {step.name: step for step in TEST}
    names = [name for word in options.steps for name in (lint_names() if word == "lint" else [word])]
    unknown = sorted(set(names) - known.keys())
    if unknown:
        sys.exit(f"No step is named {', '.join(unknown)}. There are: lint, {', '.join(known)}")
    steps = [step for step in TEST if step.name in names] or list(TEST)
    if any(step.needs_cluster for step in steps) and CLUSTER_UP not in steps:
        steps.insert(0, CLUSTER_UP)
    return steps


def lint_names() -> list[str]:
    return [step.name for step in STATIC]


def run_all(steps: Sequence[Step]) -> list[Result]:
    environment = base_environment()
    results: list[Result] = []
    cluster_failed = False
    # Who is ended from outside after a while wants the table and the closing line before that.
    end = time.monotonic() + 60 * float(os.environ.get("CHE_TEST_MINUTES", "inf"))
    for step in steps:
        reason = "there is no cluster" if step.needs_cluster and cluster_failed else out_of_time(end)
        if reason:
            results.append(Result(step, 0.0, Count(failed=1), f"not run: {reason}"))
            continue
        result = run(step, environment, end)
        results.append(result)
        if step.name == CLUSTER:
            cluster_failed = result.count.failed > 0
            environment = environment if cluster_failed else cluster_environment(environment)
    return results


def out_of_time(end: float) -> str:
    return "" if time.monotonic() < end else "the time that CHE_TEST_MINUTES allows is over"


def run(step: Step, environment: dict[str, str], end: float) -> Result:
    print(f"== {step.name}: {' '.join(step.command)}", flush=True)
    started = time.monotonic()
    code = execute(step, environment, end)
    seconds = time.monotonic() - started
    count = of_junit(step.junit_file, code) if step.junit else of_one(code)
    remark = "" if count.failed == 0 else f"see {step.log.relative_to(CHECKOUT)}"
    if count.failed:
        show_tail(step.log)
    print(f"-- {step.name}: {count} in {seconds:.0f} s", flush=True)
    return Result(step, seconds, count, remark)


def execute(step: Step, environment: dict[str, str], end: float) -> int:
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
            return wait(process, step, end)
        finally:
            end_group(process)


def wait(process: subprocess.Popen[bytes], step: Step, end: float) -> int:
    """Wait for the step, showing its last line now and then, as a first cluster takes minutes to build."""
    deadline = min(end, time.monotonic() + step.minutes * 60)
    while time.monotonic() < deadline:
        try:
            return process.wait(timeout=min(HEARTBEAT_SECONDS, max(1.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            print(f"   {step.name} is running: {last_line(step.log)}", flush=True)
    with step.log.open("ab") as log:
        limit = out_of_time(end) or f"it took longer than {step.minutes} minutes"
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


def lines_of(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines()


def last_line(log: Path) -> str:
    return next((line.strip()[:120] for line in reversed(lines_of(log)) if line.strip()), "(nothing printed yet)")


def show_tail(log: Path) -> None:
    lines = lines_of(log)
    print(f"   the last {min(TAIL_LINES, len(lines))} of {len(lines)} lines of {log.relative_to(CHECKOUT)}:")
    for line in lines[-TAIL_LINES:]:
        print(f"   | {line}")


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    sys.exit(main(sys.argv[1:]))
