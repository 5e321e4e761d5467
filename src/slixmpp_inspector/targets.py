"""Which registry does `module:attribute` mean? A client's, a registry, or what a function makes."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slixmpp_inspector.stacks import lines
from slixmpp_pipeline import PipelineRegistry

if TYPE_CHECKING:
    from types import FrameType

_LONG: Final = 10.0  # seconds; a module that is imported for so long does not end


class WrongTarget(ValueError):
    """What was named is no registry, and has none."""


def registry_of(target: str, patience: float = _LONG) -> PipelineRegistry:
    """Return the registry that `target` names, `module:attribute`; WrongTarget says what is wrong.

    The attribute is a client, a registry, or a function without arguments that returns one. The module is imported, and
    so it runs: if that has not ended after `patience` seconds, the process says where it hangs and exits with 2.
    """
    module, _, attribute = target.partition(":")
    if not module or not attribute or module.startswith("."):
        raise WrongTarget(f"{target!r} is not allowed; module:attribute is, such as bot:xmpp")
    sys.path.insert(0, str(Path.cwd()))
    found = _got(module, attribute, patience)
    if callable(found) and not hasattr(found, "api") and not isinstance(found, PipelineRegistry):
        found = _called(target, found)
    api = found if isinstance(found, PipelineRegistry) else getattr(found, "api", None)
    if not isinstance(api, PipelineRegistry):
        raise WrongTarget(f"{target}: {type(found).__name__} has no pipeline; install(xmpp, ...) makes one")
    return api


def _called(target: str, function: Any) -> Any:
    """Return what a function returns; WrongTarget if it wants arguments, or is none."""
    try:
        signature(function).bind()
    except (TypeError, ValueError) as error:
        raise WrongTarget(f"{target}: {function!r} cannot be called without arguments") from error
    return function()


def _got(module: str, attribute: str, patience: float) -> Any:
    ended = threading.Event()
    thread = threading.Thread(
        target=_tell_if_it_hangs, args=(module, ended, patience, threading.get_ident()), daemon=True
    )
    thread.start()
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # one that the module itself wants
        raise WrongTarget(f"there is no module {module}") from error
    finally:
        ended.set()
        thread.join()
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise WrongTarget(f"{module} has no {attribute}")
        found = getattr(found, name)
    return found


def _tell_if_it_hangs(module: str, ended: threading.Event, patience: float, thread: int) -> None:
    if ended.wait(patience):
        return
    frames: list[FrameType] = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # documented
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frames.insert(0, frame)
        frame = frame.f_back
    where = "\n".join(f"    {line}" for line in lines(frames))
    sys.stderr.write(
        f"{module} was imported, and runs since {patience:g} s:\n{where}\n"
        'What starts the program belongs behind `if __name__ == "__main__":`.\n'
    )
    sys.stderr.flush()
    os._exit(2)
