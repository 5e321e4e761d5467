"""PostgreSQL passes the contract; a connection that is lost comes back, and others are told what was changed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from slixmpp_storage.postgres import Postgres, upgrade
from slixmpp_storage.schema import STEPS, SchemaTooNew
from slixmpp_storage.store import Change, Row, Store, StoreError
from slixmpp_storage.testing import OTHER, OWNER, StoreContract
from tests.middleware.clock import Clock
from tests.servers.conftest import MakeFolder
from tests.servers.processes import SECRET, free_port, postgres, wait_until

CARDS = "xep_0054/vcard"
PLACE = (CARDS, "romeo@montague.example")
ROW = Row("<vCard xmlns='vcard-temp'/>", None)
WRITING = """
import sys
from slixmpp_storage.postgres import Postgres
from slixmpp_storage.store import Change, Row

store = Postgres(sys.argv[1])
sys.stdin.readline()
store.open()
store.write("bot@capulet.example", [Change(("xep_0054/vcard", sys.argv[2]), Row("<vCard/>", None))])
store.close()
"""


@pytest.fixture(scope="module")
def server(make_folder: MakeFolder) -> Iterator[str]:
    with postgres(make_folder(), free_port()) as conninfo:
        yield conninfo


@pytest.fixture
def conninfo(server: str) -> str:
    with psycopg.connect(server) as connection:
        connection.execute("DROP TABLE IF EXISTS slixmpp_entry, slixmpp_schema, slixmpp_more")
    return server


def opened(conninfo: str, listen: bool = True, **settings: Any) -> Postgres:
    store = Postgres(conninfo, listen, **settings)
    store.open()
    return store


def terminate(conninfo: str, but: int = 0) -> None:
    """End all other connections."""
    ending = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'bot' AND pid NOT IN (%s, %s)"
    )
    with psycopg.connect(conninfo) as connection:
        connection.execute(ending, (connection.info.backend_pid, but))


def told(store: Postgres) -> Any:
    """Return what is told once something is."""
    found: list[Any] = [()]

    def asked() -> bool:
        found[0] = store.changed()
        return found[0] is None or len(found[0]) > 0

    wait_until(asked, "something is told")
    return found[0]


class TestPostgres(StoreContract):
    @pytest.fixture(autouse=True)
    def database(self, conninfo: str) -> None:
        self.conninfo = conninfo

    def make_store(self) -> Store:
        return Postgres(self.conninfo)


def test_lost_connection_may_pass_and_is_opened_again(conninfo: str) -> None:
    with closing(opened(conninfo)) as store:
        store.write(OWNER, [Change(PLACE, ROW)])
        terminate(conninfo)
        with pytest.raises(psycopg.OperationalError) as raised:
            store.read(OWNER, [PLACE])
        assert store.may_pass(raised.value)
        assert store.read(OWNER, [PLACE]) == {PLACE: ROW}
        assert len(store._connections) == 1


def test_server_that_stopped_may_pass_and_comes_back(make_folder: MakeFolder) -> None:
    folder, port, clock = make_folder(), free_port(), Clock()
    with postgres(folder, port) as conninfo:
        store = opened(conninfo, clock=clock)
        store.write(OWNER, [Change(PLACE, ROW)])
        assert [store.changed(), store.changed()] == [None, []]
        terminate(conninfo, store._connection().info.backend_pid)
    wait_until(lambda: store.changed() == (), "the loss is seen")
    assert [store.changed(), store.changed()] == [(), ()]
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError) as raised:
            store.write(OWNER, [Change(PLACE, None)])
        assert store.may_pass(raised.value)
        assert SECRET not in str(raised.value)
    with postgres(folder, port):
        assert store.read(OWNER, [PLACE]) == {PLACE: ROW}
        assert store.changed() == ()  # it is asked again a second later
        clock.now += 1
        assert [store.changed(), store.changed()] == [None, []]
        store.close()


def test_others_are_told_what_was_changed_and_nothing_else(conninfo: str) -> None:
    with closing(opened(conninfo)) as store, closing(opened(conninfo)) as other:
        store.read(OWNER, [PLACE])
        assert store.changed() is None
        other.write(OTHER, [Change(PLACE, ROW)])
        other.write(OWNER, [Change(PLACE, ROW), Change((CARDS, "x"), None), Change((CARDS, "a"), Row("1", 5.0))])
        assert told(store) == [(CARDS, "a"), PLACE]
        other.write(OWNER, [Change(PLACE, ROW), Change((CARDS, "x"), None)])
        other.expire(OWNER, 5.0, keep=9)
        assert told(store) == [(CARDS, "a")]
        other.write(OWNER, [Change((CARDS, f"{number}" * 100), ROW) for number in range(100)])
        assert told(store) is None


def test_after_a_reconnect_it_is_everything(conninfo: str) -> None:
    with closing(opened(conninfo)) as store:
        assert store.changed() is None
        terminate(conninfo)
        assert told(store) is None
        assert store.changed() == []


def test_who_does_not_listen_is_told_nothing(conninfo: str) -> None:
    with closing(opened(conninfo, listen=False)) as store, closing(opened(conninfo)) as other:
        other.write(OWNER, [Change(PLACE, ROW)])
        assert store.changed() == ()
        assert store._listener is None


def test_two_that_write_the_same_places_never_wait_for_each_other(conninfo: str) -> None:
    errors: list[Exception] = []

    def hammer(number: int) -> None:
        store = opened(conninfo)
        keys = [f"{key}" for key in range(20)][:: 1 if number else -1]
        try:
            for batch in range(150):
                row = Row(f"{number} {batch}", None)
                store.write(OWNER, [Change((CARDS, key), None if (int(key) + batch) % 3 else row) for key in keys])
        except Exception as error:
            errors.append(error)
        store.close()

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []


def test_six_processes_open_a_new_database_at_once(conninfo: str) -> None:
    command = [sys.executable, "-W", "error", "-c", WRITING, conninfo]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    processes: list[Any] = [subprocess.Popen([*command, f"{one}"], text=True, **pipes) for one in range(6)]  # type: ignore[call-overload]  # of a dict
    for one in processes:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate(timeout=60)[0] for one in processes] == [""] * 6
    with closing(opened(conninfo)) as store:
        assert [key for key, _ in store.scan(OWNER, CARDS, "", 9)] == [*"012345"]


def test_step_that_fails_leaves_the_old_version(conninfo: str) -> None:
    steps = (*STEPS, "CREATE TABLE slixmpp_more (x int)", "CREATE TABLE slixmpp_entry (x int)")
    with closing(opened(conninfo)) as store:
        with pytest.raises(psycopg.errors.DuplicateTable):
            upgrade(store._connection(), "x", steps)
        upgrade(store._connection(), "x", steps[:-1])
        assert store._connection().execute("SELECT version FROM slixmpp_schema").fetchall() == [(len(STEPS) + 1,)]


def test_newer_schema_is_told_with_both_numbers(conninfo: str) -> None:
    opened(conninfo).close()
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE slixmpp_schema SET version = 99")
    with pytest.raises(
        SchemaTooNew, match=r"the database at 127\.0\.0\.1 has schema 99, and this release knows 2: upd"
    ):
        Postgres(conninfo).open()


@pytest.mark.parametrize("change", [("dbname=postgres", "dbname=none"), (SECRET, "hunter2"), ("port=", "port=1 x")])
def test_database_that_cannot_be_opened_is_told_without_the_password(server: str, change: tuple[str, str]) -> None:
    conninfo = server.replace(*change).replace("port=1 x", "port=1 application_name=")
    with pytest.raises(StoreError, match=r"^the database at 127\.0\.0\.1 cannot be opened: ") as raised:
        Postgres(conninfo).open()
    assert isinstance(raised.value.__cause__, psycopg.Error)
    for secret in (SECRET, "hunter2"):
        assert secret not in f"{raised.value} {raised.value.__cause__}"


@pytest.mark.parametrize(
    "conninfo", ["host=a hunter2", "postgresql://u:p@hunter2@h/db", "postgresql://u:hunter2/x@h/db"]
)
def test_conninfo_that_is_wrong_is_told_without_any_part_of_it(conninfo: str) -> None:
    with pytest.raises(StoreError, match=r"the conninfo of Postgres\(\) cannot be read") as raised:
        Postgres(conninfo).open()
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


def test_driver_that_is_missing_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"psycopg: pip install 'slixmpp-pipeline\[postgres\]'") as raised:
        Postgres("host=a").open()
    assert isinstance(raised.value.__cause__, ImportError)


@pytest.mark.parametrize("setting", ["conninfo", "listen", "clock"])
def test_setting_of_another_type_is_refused(setting: str) -> None:
    settings: dict[str, Any] = {"conninfo": "host=a", setting: 5}
    with pytest.raises(TypeError, match=f"Postgres: {setting}"):
        Postgres(**settings)
