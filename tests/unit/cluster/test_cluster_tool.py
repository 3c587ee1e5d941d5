# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests/cluster/cluster says and leaves alone before it starts anything."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "cluster"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A cache and a state of its own, and a folder of programs that comes first on PATH."""
    (tmp_path / "programs").mkdir()
    return {
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path / 'programs'}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "CHE_TEST_CLUSTER_DIR": str(tmp_path / "state"),
    }


def put_program(tmp_path: Path, name: str, script: str) -> None:
    program = tmp_path / "programs" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    command = command if command[0] == "setpriv" else (str(FOLDER / "cluster"), *command)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_go_that_is_too_old_is_named_with_what_is_needed(tmp_path: Path, environment: dict[str, str]) -> None:
    put_program(tmp_path, "go", 'case "$2" in GOVERSION) echo go1.19.8 ;; GOTOOLCHAIN) echo local ;; esac')
    done = run(environment, "bin")
    assert done.returncode == 1
    assert re.search(r"Go 1\.\d\d\.\d+ or later is needed", done.stderr)
    assert "this is Go 1.19.8" in done.stderr


def test_a_newer_go_than_needed_builds(tmp_path: Path, environment: dict[str, str]) -> None:
    script = """case "$1 $2" in
        "env GOVERSION") echo go1.100.0 ;;
        build*) while [ "$1" != -o ]; do shift; done; echo '#!/bin/sh' >"$2"; chmod +x "$2" ;;
    esac"""
    put_program(tmp_path, "go", script)
    done = run(environment, "bin")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "cache" / "community.che" / "bin"
    assert done.stdout == f"{folder}\n"
    assert all(os.access(folder / name, os.X_OK) for name in ("restic", "restic-oldest"))
    assert not re.search(r"building \S+ :", done.stderr), "a version is missing"
    put_program(tmp_path, "go", "exit 1")
    assert run(environment, "bin").stdout == done.stdout, "built a second time"


def test_a_failed_build_is_no_program(tmp_path: Path, environment: dict[str, str]) -> None:
    put_program(tmp_path, "go", 'case "$2" in GOVERSION) echo go1.100.0 ;; *) exit 1 ;; esac')
    done = run(environment, "bin")
    assert done.returncode == 1
    assert "building restic failed" in done.stderr
    assert not (tmp_path / "cache" / "community.che" / "bin").exists()


@pytest.mark.parametrize("command", ["up", "renew"])
@pytest.mark.parametrize(("status", "said"), [(0, "used as it is"), (1, "does not answer")])
def test_another_cluster_is_asked_and_nothing_else(
    tmp_path: Path, environment: dict[str, str], status: int, said: str, command: str
) -> None:
    put_program(tmp_path, "kubectl", f'echo "$KUBECONFIG $*" >>{tmp_path}/asked; exit {status}')
    environment["KUBECONFIG"] = str(tmp_path / "theirs")
    done = run(environment, command)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert (tmp_path / "asked").read_text() == f"{tmp_path}/theirs --request-timeout=20s get --raw /readyz\n"
    assert run(environment, "down").returncode == 0
    assert run(environment, "kubeconfig").stdout == f"{tmp_path}/theirs\n"
    assert not (tmp_path / "state").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_a_user_other_than_root_is_told_so(environment: dict[str, str]) -> None:
    # From standard input, as that user may not be able to read the checkout.
    script = (FOLDER / "lib" / "say.sh").read_text() + (FOLDER / "lib" / "lock.sh").read_text() + "\nrequire_root\n"
    done = run(environment, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", script)
    assert done.returncode == 1
    assert "root is needed" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="writes under /run, which only root can")
def test_a_network_belongs_to_one_cluster() -> None:
    parts = (FOLDER / "lib" / "say.sh").read_text() + (FOLDER / "lib" / "lock.sh").read_text()
    script = f"""{parts}
        ID=che-test-unit
        STATE=/one claim_network && STATE=/one claim_network && echo claimed
        (STATE=/two claim_network) || echo refused
        release_network
        STATE=/two claim_network && echo free
        release_network"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["claimed", "refused", "free"]
    assert "the cluster in /one has the network" in done.stderr


def test_status_of_a_cluster_that_was_never_started(environment: dict[str, str]) -> None:
    done = run(environment, "status")
    assert done.returncode == 3
    assert "not ready" in done.stdout


@pytest.mark.parametrize("command", [["up", "--purge"], ["down", "--all"], ["destroy"], []])
def test_an_unknown_command_changes_nothing(tmp_path: Path, environment: dict[str, str], command: list[str]) -> None:
    done = run(environment, *(command or ["--frob"]))
    assert done.returncode != 0
    assert not (tmp_path / "state").exists()


def test_a_folder_that_somebody_else_put_there_is_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "parent").symlink_to(tmp_path / "elsewhere")
    environment["CHE_TEST_CLUSTER_DIR"] = str(tmp_path / "parent" / "state")
    done = run(environment, "down")
    if os.geteuid() == 0:
        assert "belongs to somebody else" in done.stderr
    assert done.returncode == 1


def test_every_shell_script_passes_shellcheck() -> None:
    scripts = [FOLDER / "cluster", *FOLDER.glob("lib/*.sh"), *FOLDER.glob("images/*/customize")]
    scripts += [path for path in FOLDER.glob("images/*/files/**/*") if path.is_file()]
    try:
        done = subprocess.run(["shellcheck", "-x", *map(str, scripts)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed; ansible-test sanity brings its own for *.sh")
    assert done.returncode == 0, done.stdout
