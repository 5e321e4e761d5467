"""A server that does not come up is told with its reason, none outlives its test, and no test is skipped quietly."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.no_skips import pytest_runtest_makereport
from tests.servers.conftest import MakeFolder
from tests.servers.processes import free_port, listens, running

ROOT = Path(__file__).parents[2]
LISTENING = """
import socket, sys, time
time.sleep(0.3)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""


def test_block_begins_when_the_server_answers_and_the_server_ends_with_it(tmp_path: Path) -> None:
    port = free_port()
    with running([sys.executable, "-c", LISTENING, str(port)], tmp_path, lambda: listens(port)):
        assert listens(port)
    assert not listens(port)


def test_server_ends_where_the_block_fails(tmp_path: Path) -> None:
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    has_begun = (tmp_path / "pid").exists
    with pytest.raises(LookupError), running([sys.executable, "-c", code], tmp_path, has_begun):
        raise LookupError
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), 0)


def test_server_that_ends_at_once_is_told_with_what_it_printed(tmp_path: Path) -> None:
    dying = [sys.executable, "-c", "raise SystemExit('no such port')"]
    with (
        pytest.raises(pytest.fail.Exception, match=r"ended with 1:\nno such port"),
        running(dying, tmp_path, lambda: False),
    ):
        pytest.fail("it did not answer")


def test_server_that_is_not_installed_is_told_with_what_installs_it(tmp_path: Path) -> None:
    with (
        pytest.raises(pytest.fail.Exception, match=r"no-such-server is not installed: `make test-servers`"),
        running(["no-such-server"], tmp_path, lambda: True),
    ):
        pytest.fail("it is not there")


def test_root_is_the_user_of_the_server_and_gives_away_what_is_in_its_folder(make_folder: MakeFolder) -> None:
    """Whoever is not root stays who he is."""
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = make_folder()
    (folder / "given").mkdir()
    (folder / "given" / "file").touch()
    command = ["sh", "-c", "echo more >>given/file && touch made && exec sleep 60"]
    with running(command, folder, (folder / "made").exists, user="nobody"):
        assert {path.owner() for path in (folder, *folder.rglob("*")) if path.suffix != ".log"} == {user}


def test_skipped_test_fails() -> None:
    report: Any = pytest.TestReport("test_x", ("file", 1, "x"), {}, "skipped", ("file", 1, "no server"), "setup")
    given: Any = pytest.Function
    hook = pytest_runtest_makereport(given, given)
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(report)
    assert (ended.value.value.outcome, "no server" in str(report.longrepr)) == ("failed", True)


@pytest.mark.parametrize("arguments", [["tests/servers"], ["tests/servers/test_processes.py"]])
def test_these_tests_run_only_where_they_are_asked_for(arguments: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TEST_SERVERS"}
    done = _collected(arguments, environment)
    assert (done.returncode, "make test-servers" in done.stderr) == (pytest.ExitCode.USAGE_ERROR, True)


def test_all_other_tests_say_that_these_are_left_out() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TEST_SERVERS"}
    done = _collected(["tests/typing"], environment)
    assert "left out: tests/browser and tests/servers; make test-servers runs them" in done.stdout.splitlines()


def _collected(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
