"""Which mutants show nothing, however good the tests are?

Those of annotations, which nobody evaluates; of code that only type checkers or other versions of Python read; of `*`
and `/` where they are no operators; and most of those that put another operator in the place of `|`, since types, sets
and dicts answer them with TypeError alike. Docstrings are text, which cosmic-ray leaves alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[int, int]
"""Line, from 1, and column, from 0."""

_ALIKE = {f"ReplaceBinaryOperator_BitOr_{other}" for other in ("Add", "Mul", "Div", "FloorDiv", "Mod", "Pow")}
_ALIKE |= {"ReplaceBinaryOperator_BitOr_RShift", "ReplaceBinaryOperator_BitOr_LShift"}


def idle(source: str) -> Callable[[str, Place], bool]:
    """Return what tells, for an operator of cosmic-ray and a place in `source`, whether that mutant shows nothing."""
    tree = ast.parse(source)
    never_run = [_span(node) for node in _never_run(tree)]
    operations = [_span(node) for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.AugAssign)]

    def is_idle(operator: str, place: Place) -> bool:
        is_operation = any(begin <= place < end for begin, end in operations)
        return (
            any(begin <= place < end for begin, end in never_run)
            or (operator.startswith("ReplaceBinaryOperator") and not is_operation)
            or operator in _ALIKE
        )

    return is_idle


def _never_run(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        yield from filter(None, [getattr(node, "annotation", None), getattr(node, "returns", None)])
        if isinstance(node, ast.If):
            test = ast.unparse(node.test)
            if test == "TYPE_CHECKING":
                yield node
            elif test.startswith("sys.version_info "):
                is_so = eval(test, {"sys": sys})
                yield from [node.test, *(node.orelse if is_so else node.body)]


def _span(node: Any) -> tuple[Place, Place]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
