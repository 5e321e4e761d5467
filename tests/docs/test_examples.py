"""The examples of a page are run, and what is shown as their output is what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.examples import examples, without_chance


def run(folder: Path, page: str) -> None:
    """Run the examples of a page, as pytest does."""
    path = folder / "page.md"
    path.write_text(page, encoding="utf-8")
    sybil = examples("page.md", path=str(folder))
    document = sybil.parse(path)
    assert sybil.setup is not None
    assert sybil.teardown is not None
    sybil.setup(document.namespace)
    try:
        for example in document.examples():
            example.evaluate()
    finally:
        sybil.teardown(document.namespace)


def block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n\n"


def test_blocks_share_names_and_a_loop(tmp_path: Path) -> None:
    run(
        tmp_path,
        block("python", "from slixmpp import ClientXMPP\nfirst = ClientXMPP('juliet@capulet.example', 'secret').loop")
        + block("python", "assert ClientXMPP('juliet@capulet.example', 'secret').loop is first"),
    )


def test_output_that_was_printed_passes(tmp_path: Path) -> None:
    run(tmp_path, block("python", "print('a', 1)\nprint('b')") + block("output", "a 1\nb"))


@pytest.mark.parametrize("shown", ["a 2", "a", "a 1 b", ""])
def test_output_that_was_not_printed_fails(tmp_path: Path, shown: str) -> None:
    with pytest.raises(AssertionError):
        run(tmp_path, block("python", "print('a', 1)") + block("output", shown))


def test_output_is_that_of_the_last_block(tmp_path: Path) -> None:
    run(tmp_path, block("python", "print('a')") + block("python", "print('b')") + block("output", "b"))


def test_what_a_block_raises_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, block("python", "1 / 0"))


def test_what_differs_from_run_to_run_is_not_compared() -> None:
    shown = "2026-11-23 00:51:33 [warning] took 0.0502 s, 1.2e-05 s at tour.py:30"
    printed = "2031-01-02 10:00:00 [\x1b[33mwarning\x1b[0m] took 0.07 s, 9.93e-06 s at docs/tutorial/index.md:104"
    assert without_chance(shown) == without_chance(printed)
    assert without_chance("took 3 calls") != without_chance("took 4 calls")
