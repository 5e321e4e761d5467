"""The examples in README.md are tests: its Python blocks run in order, in one namespace and on one event loop."""

from __future__ import annotations

import ast
import asyncio
from inspect import CO_COROUTINE
from typing import TYPE_CHECKING, Any

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator, pad
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

if TYPE_CHECKING:
    from sybil import Example


class AsyncPythonEvaluator(PythonEvaluator):
    """Run a block as a script would; one with a top-level `await` runs as `python -m asyncio` would."""

    def open(self, namespace: dict[str, Any]) -> None:
        """Make the document's loop: the current one, so that a client made in one block is served in the next."""
        del namespace
        self.runner = asyncio.Runner()
        self.runner.get_loop()

    def close(self, namespace: dict[str, Any]) -> None:
        """End the document's loop, with what its examples left running."""
        del namespace
        self.runner.close()

    def __call__(self, example: Example) -> None:
        """Run one block; what it raises is how it fails."""
        source = pad(example.parsed, example.line + example.parsed.line_offset)
        flags = self.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, example.path, "exec", flags=flags, dont_inherit=True)
        running = eval(code, example.namespace)  # noqa: S307  our own README
        if code.co_flags & CO_COROUTINE:
            self.runner.run(running)


_evaluator = AsyncPythonEvaluator()
_parser = PythonCodeBlockParser()  # blocks that begin with >>> are doctests, the others are run
_parser.codeblock_parser = CodeBlockParser("python", _evaluator)

# Docstrings are left to pytest's own --doctest-modules, which also finds those of an installed package.
pytest_collect_file = Sybil(
    parsers=[_parser], filenames=["README.md"], setup=_evaluator.open, teardown=_evaluator.close
).pytest()

# Without a loop that somebody set, looptime makes one for each sync test (up to Python 3.13), and nobody closes it.
asyncio.set_event_loop(None)
