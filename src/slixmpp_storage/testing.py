"""What must every store do? `StoreContract` is the tests of it, for pytest; a subclass says how a store is made."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from slixmpp_storage.store import Change, Place, Row, Store

OWNER: Final = "bot@capulet.example"
OTHER: Final = "bot@montague.example"
_CARDS: Final = "xep_0054/vcard"
_STRANGERS: Final = "xep_0054/vcard~"
_PAGE: Final = 5  # rows


class StoreContract(ABC):
    r"""The tests that every store must pass, one's own included: they are run by pytest in a subclass `Test…`.

    A test fails with an AssertionError that says what was found, and what was expected.

    >>> from slixmpp_storage.memory import Memory
    >>> class TestMemory(StoreContract):
    ...     def make_store(self):
    ...         return Memory()
    >>> TestMemory().test_what_is_written_is_read()
    """

    @abstractmethod
    def make_store(self) -> Store:
        """Return a new store, not opened yet. In each test it is empty; a second one in a test is of the same place.

        Memory that is of one object may return that again.
        """

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Open a store, and close it when the block ends."""
        store = self.make_store()
        store.open()
        with closing(store):
            yield store

    def test_store_is_one(self) -> None:
        """It has all methods of the protocol."""
        _require_same(isinstance(self.make_store(), Store), True)

    def test_what_is_written_is_read(self) -> None:
        """Text and time come back as they are; what is not there is left out."""
        rows = {("xep_0153/hash", "a"): Row('"5f1a"', None), (_CARDS, "a"): Row("<a/>", 1700000000.125)}
        with self.opened() as store:
            store.write(OWNER, _puts(rows))
            _require_same(dict(store.read(OWNER, [*rows, (_CARDS, "b"), ("xep_0153/hash~", "a")])), rows)
            _require_same(dict(store.read(OWNER, [])), {})

    def test_last_write_stays(self) -> None:
        """A row is replaced as a whole: its text, and when it expires."""
        place = (_CARDS, "a")
        with self.opened() as store:
            for row in (Row("1", None), Row("2", 5.0), Row("2", 6.0), Row("2", 6.0), Row("3", None)):
                store.write(OWNER, [Change(place, row)])
                _require_same(dict(store.read(OWNER, [place])), {place: row})

    def test_delete_takes_away_what_is_there(self) -> None:
        """And nothing else; it is no error if there is nothing."""
        rows = _rows("ab")
        with self.opened() as store:
            store.write(OWNER, _puts(rows))
            for _ in range(2):
                store.write(OWNER, [Change((_CARDS, "a"), None), Change((_CARDS, "c"), None)])
                _require_same(store.scan(OWNER, _CARDS, "", 9), [("b", rows[_CARDS, "b"])])

    def test_puts_and_deletes_are_one_write(self) -> None:
        """In whatever order they come."""
        with self.opened() as store:
            store.write(OWNER, _puts(_rows("bd")))
            store.write(OWNER, [Change((_CARDS, one), None if one in "db" else Row("2", None)) for one in "dcba"])
            _require_same(store.scan(OWNER, _CARDS, "", 9), [(one, Row("2", None)) for one in "ac"])

    def test_write_of_nothing(self) -> None:
        """It is no error."""
        with self.opened() as store:
            store.write(OWNER, [])
            _require_same(store.scan(OWNER, _CARDS, "", 9), [])

    def test_write_that_fails_leaves_all_as_it_was(self) -> None:
        """A text that no store takes is among others. Such an error does not pass."""
        before = _rows("ab")
        text: Any = object()
        changes = [Change((_CARDS, "a"), None), Change((_CARDS, "b"), Row("2", None)), *_puts(_rows("c"))]
        with self.opened() as store:
            store.write(OWNER, _puts(before))
            for bad in (Row(text, None), Row("2", text)):
                try:
                    store.write(OWNER, [*changes, Change((_CARDS, "d"), bad), Change((_CARDS, "e"), Row("2", None))])
                except Exception as error:  # noqa: BLE001  # the driver's
                    _require_same(store.may_pass(error), False)
                else:
                    raise AssertionError(f"{bad} was taken")
                _require_same(store.scan(OWNER, _CARDS, "", 9), _listed(before))

    def test_odd_text_comes_back_or_is_refused(self) -> None:
        """A NUL or a lone surrogate may be refused: for good, and with all that is written with it.

        The codecs write neither, and `require_key` refuses both.
        """
        for odd in ("a\0b", "\ud800"):
            rows = {(_CARDS, odd): Row("<a/>", None), (_CARDS, "z"): Row(odd, None)}
            for place, row in rows.items():
                with self.opened() as store:
                    try:
                        store.write(OWNER, [Change(place, row), *_puts(_rows("c"))])
                    except Exception as error:  # noqa: BLE001  # the driver's
                        _require_same(store.may_pass(error), False)
                        _require_same(store.scan(OWNER, _CARDS, "", 9), [])
                    else:
                        _require_same(dict(store.read(OWNER, [place])), {place: row})
                        store.write(OWNER, [Change(place, None), Change((_CARDS, "c"), None)])

    def test_text_of_all_languages(self) -> None:
        """As owner, key and text; quotes and wildcards too."""
        owner = "ботик@капулетти.example"
        rows = {(_CARDS, key): Row(f"<a>{key}</a>\r\n", None) for key in ("", "é", "e\u0301", "ジ", "𝄞", "'\"%_\\{}")}
        with self.opened() as store:
            store.write(owner, _puts(rows))
            _require_same(dict(store.read(owner, [*rows])), rows)

    def test_scan_goes_through_a_resource_in_pages(self) -> None:
        """In the order of the code points of the keys; the key after which a page begins need not be there."""
        keys = ["a", "Z", "b c", "b", "é", "z", "￥", "𝄞", "A", "10", "9", "b~"]
        with self.opened() as store:
            store.write(OWNER, _puts(_rows(keys)))
            store.write(OWNER, [Change((_STRANGERS, "a"), Row("<other/>", None))])
            found: list[str] = []
            while page := store.scan(OWNER, _CARDS, found[-1] if found else "", _PAGE):
                found += [key for key, _ in page]
                _require_same(len(page) <= _PAGE, True)
            _require_same(found, sorted(keys))
            _require_same([key for key, _ in store.scan(OWNER, _CARDS, "bb", 2)], ["b~", "z"])

    def test_owners_have_nothing_in_common(self) -> None:
        """Neither reading, nor deleting, nor what expires."""
        rows = {(_STRANGERS, "a"): Row("<mine/>", 5.0)}
        with self.opened() as store:
            store.write(OWNER, _puts(rows))
            store.write(OTHER, [Change((_STRANGERS, "a"), None)])
            _require_same(dict(store.read(OTHER, [*rows])), {})
            _require_same(store.scan(OTHER, _STRANGERS, "", 9), [])
            _require_same(store.expire(OTHER, 9.0, keep=0), 0)
            _require_same(dict(store.read(OWNER, [*rows])), rows)

    def test_what_has_expired_is_deleted(self) -> None:
        """At its second, and not before; what never expires stays."""
        times = {"a": 4.5, "b": 5.0, "c": 5.25, "d": None}
        rows = {(name, key): Row("<a/>", time) for name in (_CARDS, _STRANGERS) for key, time in times.items()}
        with self.opened() as store:
            store.write(OWNER, _puts(rows))
            _require_same(store.expire(OWNER, 5.0, keep=9), 4)
            _require_same(store.expire(OWNER, 5.0, keep=9), 0)
            for name in (_CARDS, _STRANGERS):
                _require_same([key for key, _ in store.scan(OWNER, name, "", 9)], ["c", "d"])

    def test_shelves_of_strangers_are_bounded(self) -> None:
        """Of each, those stay that expire last. Others are not bounded."""
        times = {"a": 70.0, "b": None, "c": 90.0, "d": 80.0, "e": 60.0}
        names = (_CARDS, _STRANGERS, "xep_0231/bob~")
        with self.opened() as store:
            store.write(OWNER, _puts({(name, key): Row("<a/>", time) for name in names for key, time in times.items()}))
            _require_same(store.expire(OWNER, 5.0, keep=5), 0)
            _require_same(store.expire(OWNER, 5.0, keep=3), 4)
            found = [[key for key, _ in store.scan(OWNER, name, "", 9)] for name in names]
            _require_same(found, [[*"abcde"], [*"bcd"], [*"bcd"]])

    def test_rows_are_there_when_it_is_opened_again(self) -> None:
        """By another store of the same place, and by the same one."""
        with self.opened() as store:
            store.write(OWNER, _puts(_rows("a")))
        with self.opened() as store:
            _require_same(store.scan(OWNER, _CARDS, "", 9), _listed(_rows("a")))
        store.open()
        with closing(store):
            _require_same(store.scan(OWNER, _CARDS, "", 9), _listed(_rows("a")))

    def test_two_are_open_at_once(self) -> None:
        """One sees what the other has written."""
        with self.opened() as one, self.opened() as other:
            for number in range(3):
                rows = {(_CARDS, "a"): Row(str(number), None)}
                one.write(OWNER, _puts(rows))
                _require_same(dict(other.read(OWNER, [*rows])), rows)

    def test_many_changes_at_once(self) -> None:
        """2,000 of them, put and deleted."""
        rows = _rows([f"{number:04}" for number in range(2000)])
        with self.opened() as store:
            store.write(OWNER, _puts(rows))
            _require_same(dict(store.read(OWNER, [*rows])), rows)
            store.write(OWNER, [Change(place, None) for place in rows])
            _require_same(dict(store.read(OWNER, [*rows])), {})

    def test_thread_reads_while_another_writes(self) -> None:
        """It sees all of a write or nothing of it."""
        with self.opened() as store:
            writer = _Writer(store, 50)
            writer.start()
            seen = []
            is_writing = True
            while is_writing:  # and once after that
                is_writing = writer.is_alive()
                rows = store.read(OWNER, [(_CARDS, "a"), (_CARDS, "b")])
                seen.append({row.text for row in rows.values()})
            writer.join()
            _require_same((writer.error, [texts for texts in seen if len(texts) > 1]), (None, []))
            _require_same({row.text for _, row in store.scan(OWNER, _CARDS, "", 9)}, {"49"})

    def test_error_of_a_program_does_not_pass(self) -> None:
        """To try it again would change nothing."""
        with self.opened() as store:
            _require_same([store.may_pass(error) for error in (TypeError(), LookupError())], [False, False])

    def test_what_others_changed_is_told(self) -> None:
        """If the store has `changed()`: what it wrote itself is not among that, and the first time it is everything."""
        with self.opened() as store, self.opened() as other:
            changed = getattr(store, "changed", None)
            if changed is None or store is other:
                return
            store.read(OWNER, [(_CARDS, "a")])
            _require_same(changed(), None)
            store.write(OWNER, _puts(_rows("a")))
            _require_same([*changed()], [])
            other.write(OWNER, _puts(_rows("b")))
            asked = (changed() for _ in range(1000))  # a notification may be under way
            told = next((one for one in asked if one is None or [*one]), ())
            _require_same(told is None or (_CARDS, "b") in told, True)
            _require_same([*changed()], [])


class _Writer(threading.Thread):
    """Writes two rows at once, again and again."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(daemon=True)
        self.store, self.times = store, times
        self.error: str | None = None

    def run(self) -> None:
        try:
            for number in range(self.times):
                self.store.write(OWNER, [Change((_CARDS, key), Row(str(number), None)) for key in "ab"])
        except Exception as error:  # noqa: BLE001  # the driver's; the test tells it
            self.error = repr(error)


def _require_same(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{found!r} was found; {expected!r} was expected")


def _rows(keys: str | list[str]) -> dict[Place, Row]:
    return {(_CARDS, key): Row(f"<a>{key}</a>", None) for key in keys}


def _puts(rows: dict[Place, Row]) -> list[Change]:
    return [Change(place, row) for place, row in rows.items()]


def _listed(rows: dict[Place, Row]) -> list[tuple[str, Row]]:
    return [(key, row) for (_, key), row in rows.items()]
