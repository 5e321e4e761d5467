"""The stores that need no server: the contract, and what is SQLite's own: modes, the log, other processes, trouble."""

from __future__ import annotations

import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slixmpp_storage.memory import Memory
from slixmpp_storage.schema import STEPS, SchemaTooNew, missing
from slixmpp_storage.sqlite import SQLite, _switch_to_wal, upgrade
from slixmpp_storage.store import Change, Row, Store, StoreError
from slixmpp_storage.testing import OWNER, StoreContract

PLACE = ("xep_0054/vcard", "romeo@montague.example")
ROW = Row("<vCard xmlns='vcard-temp'/>", None)
WRITING = """
import sys
from slixmpp_storage.sqlite import SQLite
from slixmpp_storage.store import Change, Row

store = SQLite(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store.open()
store.write("bot@capulet.example", [Change(("xep_0054/vcard", sys.argv[2]), Row("<vCard/>", None))])
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLite]:
    store = SQLite(path)
    store.open()
    with closing(store):
        yield store


class TestMemory(StoreContract):
    @pytest.fixture(autouse=True)
    def memory(self) -> None:
        self.store = Memory()

    def make_store(self) -> Store:
        return self.store

    # It takes what it is given, and so does not fail.
    def test_write_that_fails_leaves_all_as_it_was(self) -> None:
        assert not self.store.may_pass(OSError())


class TestSQLite(StoreContract):
    @pytest.fixture(autouse=True)
    def folder(self, path: Path) -> None:
        self.path = path

    def make_store(self) -> Store:
        return SQLite(self.path, synchronous="normal")


def process(path: Path, key: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITING, str(path), key]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Let them all write, once all are ready; return what they complained of."""
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    return [one.communicate(timeout=60)[1] for one in processes]


def pragma(path: Path, name: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_file_and_those_beside_it_are_their_owners(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        store = SQLite(path)
        store.open()
        store.write(OWNER, [Change(PLACE, ROW)])
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == {"bot.db": 0o600, "bot.db-wal": 0o600, "bot.db-shm": 0o600}


def test_file_that_is_there_keeps_its_mode(path: Path) -> None:
    path.touch()
    path.chmod(0o640)
    store = SQLite(path)
    store.open()
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_target_of_a_link_is_made_with_the_same_mode(path: Path) -> None:
    target = path.parent / "target.db"
    path.symlink_to(target)
    store = SQLite(path)
    store.open()
    store.close()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_path_is_that_of_the_construction(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    store = SQLite("bot.db")
    monkeypatch.chdir("/")
    store.open()
    store.close()
    assert path.exists()


@pytest.mark.parametrize(("synchronous", "number"), [("full", 2), ("normal", 1)])
def test_each_connection_has_the_settings(path: Path, synchronous: str, number: int) -> None:
    store = SQLite(path, synchronous)
    found: list[Any] = []
    store.open()

    def look() -> None:
        names = ("journal_mode", "synchronous", "busy_timeout")
        found.extend(store._connection().execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    store.close()
    assert found == ["wal", number, 2000] * 2


def test_connections_of_all_threads_are_closed(store: SQLite, path: Path) -> None:
    """The last one that is closed removes the log."""
    thread = threading.Thread(target=store.read, args=(OWNER, [PLACE]))
    thread.start()
    thread.join()
    assert len(store._connections) == 2
    store.close()
    assert [one.name for one in path.parent.iterdir()] == ["bot.db"]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [Change(PLACE, ROW)],
        [Change(("xep_0153/hash", f"juliet{number}@capulet.example"), None) for number in range(10)],
    ],
    ids=["nothing", "the same", "deletes of nothing"],
)
def test_what_changes_nothing_writes_nothing(store: SQLite, path: Path, changes: list[Change]) -> None:
    store.write(OWNER, [Change(PLACE, ROW)])
    log = path.with_name("bot.db-wal")
    before = (log.stat().st_size, log.stat().st_mtime_ns)
    for _ in range(10):
        store.write(OWNER, changes)
        assert store.expire(OWNER, 5.0, keep=10) == 0
    assert (log.stat().st_size, log.stat().st_mtime_ns) == before


def test_six_processes_open_a_new_database_at_once(path: Path) -> None:
    assert ended([process(path, f"{number}") for number in range(6)]) == [""] * 6
    store = SQLite(path)
    store.open()
    with closing(store):
        assert [key for key, _ in store.scan(OWNER, "xep_0054/vcard", "", 9)] == [*"012345"]


def test_threads_open_a_new_database_at_once(path: Path) -> None:
    errors: list[Exception] = []
    barrier = threading.Barrier(6)

    def run() -> None:
        store = SQLite(path)
        barrier.wait()
        try:
            store.open()
            store.write(OWNER, [Change(PLACE, ROW)])
        except Exception as error:
            errors.append(error)
        store.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []


def test_another_process_changes_everything_and_this_one_nothing(store: SQLite, path: Path) -> None:
    asked = [store.changed()]
    store.write(OWNER, [Change(PLACE, ROW)])
    asked.append(store.changed())
    assert ended([process(path, "juliet@capulet.example")]) == [""]
    asked += [store.changed(), store.changed()]
    assert asked == [None, (), None, ()]


def test_another_process_that_writes_is_waited_for_and_then_it_may_pass(store: SQLite, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store._connection().execute("PRAGMA busy_timeout = 1")
        with pytest.raises(sqlite3.OperationalError, match="locked") as raised:
            store.write(OWNER, [Change(PLACE, ROW)])
        assert store.may_pass(raised.value)
        other.execute("COMMIT")
    store.write(OWNER, [Change(PLACE, ROW)])
    assert store.read(OWNER, [PLACE]) == {PLACE: ROW}


def test_disk_that_is_full_may_pass_and_reads_go_on(store: SQLite) -> None:
    store.write(OWNER, [Change(PLACE, ROW)])
    connection = store._connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = [Change(PLACE, None), Change((PLACE[0], "juliet@capulet.example"), Row("x" * 100_000, None))]
    with pytest.raises(sqlite3.OperationalError, match="full") as raised:
        store.write(OWNER, large)
    assert store.may_pass(raised.value)
    assert store.read(OWNER, [PLACE]) == {PLACE: ROW}
    connection.execute(f"PRAGMA max_page_count = {pages + 100}")
    store.write(OWNER, large)
    assert len(store.scan(OWNER, PLACE[0], "", 9)) == 1


def test_schema_is_made_step_by_step(store: SQLite, path: Path) -> None:
    assert pragma(path, "user_version") == len(STEPS)
    assert [len(missing(version, "x", text="TEXT")) for version in range(len(STEPS) + 1)] == [2, 1, 0]


def test_schema_lives_beside_tables_of_an_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (number TEXT)")
    store = SQLite(path)
    store.open()
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    assert names == {"alembic_version", "slixmpp_entry", "slixmpp_entry_expires"}


def test_step_that_fails_leaves_the_old_version(store: SQLite, path: Path) -> None:
    steps = (*STEPS, "CREATE TABLE slixmpp_more (x)", "CREATE TABLE slixmpp_entry (x)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        upgrade(store._connection(), "bot.db", steps)
    assert pragma(path, "user_version") == len(STEPS)
    upgrade(store._connection(), "bot.db", steps[:-1])
    assert pragma(path, "user_version") == len(STEPS) + 1


def test_newer_schema_is_told_with_both_numbers(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SchemaTooNew, match=rf"{path} has schema 99, and this release knows {len(STEPS)}: update"):
        SQLite(path).open()
    assert pragma(path, "user_version") == 99
    assert pickle.loads(pickle.dumps(SchemaTooNew("x"))).message == "x"


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"/none/bot\.db cannot be opened: .*No such file") as raised:
        SQLite(tmp_path / "none" / "bot.db").open()
    assert isinstance(raised.value.__cause__, FileNotFoundError)


def test_folder_in_place_of_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path} cannot be opened: unable to open database file"):
        SQLite(tmp_path).open()


def test_file_that_is_something_else_is_told_and_left_as_it_is(path: Path) -> None:
    path.write_text("To whom it may concern. " * 100)
    with pytest.raises(StoreError, match=r"bot\.db cannot be opened: file is not a database") as raised:
        SQLite(path).open()
    assert isinstance(raised.value.__cause__, sqlite3.DatabaseError)
    assert path.read_text().startswith("To whom")


def test_database_that_is_held_at_the_first_time_is_told(path: Path) -> None:
    """Two seconds of patience are SQLite's own: there is no other way to be refused the switch to WAL."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE x (x)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="cannot be opened: database is locked"):
            SQLite(path).open()


@pytest.mark.parametrize("path", [":memory:", ""])
def test_database_that_threads_do_not_share_is_refused(path: str) -> None:
    with pytest.raises(
        ValueError, match=r"SQLite: path: .* is not allowed, as threads do not share it; use Memory\(\)"
    ):
        SQLite(path)


@pytest.mark.parametrize("path", [None, 5, b"bot.db"])
def test_path_of_another_type_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match=r"SQLite: path: .* text or a path is allowed"):
        SQLite(path)


@pytest.mark.parametrize("synchronous", [None, 2, "off", "FULL", ["full"]])
def test_other_setting_is_refused(path: Path, synchronous: Any) -> None:
    with pytest.raises(ValueError, match=r"SQLite: synchronous: .* is not allowed; one of full, normal is"):
        SQLite(path, synchronous)


class Broken(Memory):
    """A store that does what a test of the contract must notice."""

    def write(self, owner: str, changes: Any) -> None:
        for change in changes:
            super().write(owner, [change])
        raise sqlite3.OperationalError


class TestBroken:
    class Contract(StoreContract):
        def make_store(self) -> Store:
            return Broken()

    def test_contract_tells_a_store_that_keeps_half(self) -> None:
        with pytest.raises(AssertionError, match="was found"):
            self.Contract().test_odd_text_comes_back_or_is_refused()

    def test_contract_tells_a_thread_that_cannot_write(self) -> None:
        with pytest.raises(AssertionError, match="OperationalError"):
            self.Contract().test_thread_reads_while_another_writes()

    def test_contract_tells_a_store_that_takes_anything(self) -> None:
        contract = TestMemory()
        contract.store = Memory()
        with pytest.raises(AssertionError, match="was taken"):
            StoreContract.test_write_that_fails_leaves_all_as_it_was(contract)


class Refusing(sqlite3.Connection):
    """A connection that is refused the switch, because another process makes it, as often as a test says."""

    times = 0

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if "journal_mode" in sql and self.times:
            self.times -= 1
            raise sqlite3.OperationalError("database is locked")
        return super().execute(sql, *arguments)


def test_switch_to_wal_is_tried_again_and_not_for_ever(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, factory=Refusing)) as connection:
        connection.times = 1000
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            _switch_to_wal(connection)
        assert connection.times == 980
        connection.times = 3
        _switch_to_wal(connection)
    assert pragma(path, "journal_mode") == "wal"


def test_error_of_a_store_says_what_and_can_be_pickled() -> None:
    error = StoreError("bot.db cannot be opened")
    assert repr(error) == "StoreError('bot.db cannot be opened')"
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), copied.etype) == (StoreError, "bot.db cannot be opened", "wait")
