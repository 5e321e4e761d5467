"""Where does a page listen? At a port of this host, or at a socket of the file system that only its owner may open."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[\w-]+(\.[\w-]+)*\.?", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine alone: `localhost`, or an address such as 127.0.0.1 or ::1."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Return a name or an address as a browser writes it in `Host`; ValueError, which says why, if it is none."""
    with suppress(ValueError):
        return str(ip_address(host.removeprefix("[").removesuffix("]")))
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError as error:
        raise ValueError(f"{host!r} is not allowed ({error}); a name or an address without a port is") from error
    if not _NAME.fullmatch(name):
        raise ValueError(f"{host!r} is not allowed; a name or an address without a port is")
    return name


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at `port` of `host`; 0 takes a free one.

    OSError, which names the port, if that cannot be.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = error.strerror or str(error)
        text = f"Inspector: nobody can listen at port {port} of {host} ({why}); port=0 takes a free one"
        raise OSError(error.errno, text) from error


def listen_at(path: str) -> socket.socket:
    """Return a socket that listens at `path`, with mode 0600.

    What a program that was killed has left there is replaced. OSError, which names the path, if that cannot be.
    """
    listening = socket.socket(socket.AF_UNIX)
    try:
        _remove_unused(path)
        os.fchmod(listening.fileno(), 0o600)  # so Linux makes it with that mode: there is no moment without
        listening.bind(path)
        Path(path).chmod(0o600)
        listening.listen()
    except OSError as error:
        listening.close()
        text = f"Inspector: nobody can listen at {path} ({error.strerror or error})"
        raise OSError(error.errno or errno.ENAMETOOLONG, text) from error
    return listening


def remover(path: str) -> Callable[[], None]:
    """Return what removes the socket that is at `path` now, and nothing that comes there later."""
    made = Path(path).stat()

    def remove() -> None:
        with suppress(FileNotFoundError):
            if os.path.samestat(made, Path(path).stat()):
                Path(path).unlink()

    return remove


def _remove_unused(path: str) -> None:
    """Remove a socket at which nobody listens."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(Path(path).stat().st_mode):
            with socket.socket(socket.AF_UNIX) as other, suppress(ConnectionRefusedError):
                other.setblocking(False)  # a program that is stuck takes no connection, and has it all the same
                with suppress(BlockingIOError):
                    other.connect(path)
                return
            Path(path).unlink()
