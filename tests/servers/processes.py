"""How does a test get a real server? As a process of its own, on free ports of the loopback; it ends with the test."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

HOST = "127.0.0.1"
SECRET = "wherefore"
_PATIENCE = 30.0  # seconds until a server answers, and until it has ended


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on a port of the loopback."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def serves(url: str) -> bool:
    """Whether there is a page at `url`."""
    try:
        with urlopen(url, timeout=1):
            return True
    except (OSError, HTTPException):
        return False


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    answers: Callable[[], bool],
    *,
    user: str | None = None,
    end: int = signal.SIGTERM,
) -> Iterator[None]:
    """Run a command in `folder` until the block ends; the block begins when `answers()`.

    Root gives the folder and what is in it to `user`, and is that user for the command. What the command prints is in a
    file in the folder. The end of that is told if the command ends too early.
    """
    name = Path(command[0]).name
    if shutil.which(command[0]) is None:
        pytest.fail(f"{name} is not installed: `make test-servers` installs what is missing")
    log = folder / f"{name}.log"
    as_user: dict[str, Any] = {}
    if user is not None and os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **as_user
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(), f"{name} answers")
        if process.poll() is not None:
            pytest.fail(f"{name} ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Ask until it is so, for 30 seconds at most."""
    deadline = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {_PATIENCE:.0f} s in vain until {what}")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Prosody:
    """A server for clients of the domain `localhost`, and for components below it; all have the password `SECRET`."""

    client_port: int
    component_port: int


@contextmanager
def prosody(folder: Path, accounts: Sequence[str], components: Sequence[str]) -> Iterator[Prosody]:
    """Run Prosody with these accounts and components, by the first part of their JIDs. There is no TLS."""
    server = Prosody(free_port(), free_port())
    for account in accounts:
        stored = folder / "data" / "localhost" / "accounts" / f"{account}.dat"
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(f'return {{ ["password"] = "{SECRET}" }};\n')
    lines = [
        f'interfaces = {{ "{HOST}" }}; component_interfaces = {{ "{HOST}" }}',
        f"c2s_ports = {{ {server.client_port} }}; component_ports = {{ {server.component_port} }}",
        f'data_path = "{folder}/data"; pidfile = "{folder}/prosody.pid"; certificates = "{folder}"',
        'log = { info = "*console" }',
        'modules_enabled = { "saslauth", "disco", "roster" }; modules_disabled = { "s2s" }',
        'authentication = "internal_plain"; c2s_require_encryption = false; allow_unencrypted_plain_auth = true',
        'VirtualHost "localhost"',
        *(f'Component "{name}.localhost"\n    component_secret = "{SECRET}"' for name in components),
    ]
    config = folder / "prosody.cfg.lua"
    config.write_text("\n".join(lines) + "\n")
    command = ["prosody", "-F", "--config", str(config)]
    ports = (server.client_port, server.component_port)
    with running(command, folder, lambda: all(map(listens, ports)), user="prosody"):
        yield server


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that answers at `url`."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data that its API has at `path`."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Return what it says of an expression now: labels and number of each sample."""
        found = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]


@contextmanager
def prometheus(folder: Path, target: str, rules: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that asks `target`, a host and a port, each second, and evaluates `rules` as often."""
    address = f"{HOST}:{free_port()}"
    config = folder / "prometheus.yml"
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "bot", "static_configs": [{"targets": [target]}]}],
    }
    config.write_text(json.dumps(settings))  # which is YAML
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    with running([*command, f"--web.listen-address={address}"], folder, lambda: serves(f"http://{address}/-/ready")):
        yield Prometheus(f"http://{address}")


@contextmanager
def postgres(folder: Path, port: int) -> Iterator[str]:
    """Run PostgreSQL, with its data in `folder`; what it gives is the conninfo of a database of the user `bot`.

    The data is kept: it can be run again. The password of `bot` is `SECRET`.
    """
    data = folder / "data"
    programs = _postgres_programs()
    if not data.exists():
        secret = folder / "secret"
        secret.write_text(SECRET)
        options = ["--username=bot", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
        _run_as(folder, [str(programs / "initdb"), f"--pgdata={data}", "--locale=C.UTF-8", *options])
    settings = {"listen_addresses": HOST, "port": port, "unix_socket_directories": folder, "fsync": "off"}
    command = [str(programs / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
    pidfile = data / "postmaster.pid"
    # SIGTERM would wait for those who are connected.
    with running(
        command, folder, lambda: pidfile.exists() and "ready" in pidfile.read_text(), user="postgres", end=signal.SIGINT
    ):
        yield f"host={HOST} port={port} dbname=postgres user=bot password={SECRET}"


def _postgres_programs() -> Path:
    """Return the folder of Debian's newest PostgreSQL, whose programs are not in the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        pytest.fail("postgresql is not installed: `make test-servers` installs what is missing")
    return found[-1]


def _run_as(folder: Path, command: Sequence[str], user: str = "postgres") -> None:
    """Run a command to its end, as `running()` does."""
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **as_user)
    if done.returncode:
        pytest.fail(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
