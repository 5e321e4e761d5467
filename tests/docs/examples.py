"""How is an example of the documentation run? As a script would be, and what is shown as its output is compared."""

from __future__ import annotations

import asyncio
import re
from contextlib import redirect_stdout
from difflib import ndiff
from io import StringIO
from typing import TYPE_CHECKING, Any

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator, pad
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

if TYPE_CHECKING:
    from sybil import Example


class ScriptEvaluator(PythonEvaluator):
    """Run a block as a script would."""

    def open(self, namespace: dict[str, Any]) -> None:
        """Make the document's loop: the current one, so that a client made in one block is served in the next."""
        namespace["__name__"] = "__main__"  # dataclasses and typing look the module up
        self.runner = asyncio.Runner()
        self.runner.get_loop()
        self.output = StringIO()  # one for all of a document: a logger keeps the stream that it found

    def close(self, namespace: dict[str, Any]) -> None:
        """End the document's loop, with what its examples left running."""
        del namespace
        self.runner.close()

    def __call__(self, example: Example) -> None:
        """Run one block; what it raises is how it fails."""
        source = pad(example.parsed, example.line + example.parsed.line_offset)
        code = compile(source, example.path, "exec", flags=self.flags, dont_inherit=True)
        self.output.seek(0)
        self.output.truncate()
        with redirect_stdout(self.output):
            exec(code, example.namespace)  # our own documentation

    def compare(self, example: Example) -> None:
        """Compare a block of output with what the Python block before it printed, but for what no two runs share."""
        shown, printed = without_chance(example.parsed), without_chance(self.output.getvalue())
        if shown.split() != printed.split():
            raise AssertionError("\n".join(ndiff(shown.splitlines(), printed.splitlines())))


def without_chance(output: str) -> str:
    """Return `output` without what differs from run to run: times, measured numbers, files, lines, colours, ids, ports.

    >>> without_chance("get took 0.0502 s, bot.py:12")
    'get took <number> s, <place>'
    """
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>", output)
    output = re.sub(r"(trace_id|span_id)=[0-9a-f]+", r"\1=<id>", output)
    output = re.sub(r"127\.0\.0\.1:\d+", "<host>", output)
    output = re.sub(r"\d+\.\d+(e-\d+)?", "<number>", output)
    return re.sub(r"\S+\.(py|md):\d+", "<place>", output)


def examples(*patterns: str, path: str) -> Sybil:
    """Return the examples of the pages below `path` that match one of `patterns`.

    The Python blocks of a page run in order, in one namespace and on one event loop. Blocks that begin with `>>>` are
    doctests. A block of language `output` is what the Python block before it has to print, but for what differs from
    run to run.
    """
    evaluator = ScriptEvaluator()
    python = PythonCodeBlockParser()
    python.codeblock_parser = CodeBlockParser("python", evaluator)
    output = CodeBlockParser("output", evaluator.compare)
    return Sybil([python, output], patterns=patterns, path=path, setup=evaluator.open, teardown=evaluator.close)
