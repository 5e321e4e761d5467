"""Who may look at the page? Who has the token, and asks for it by a name of this host."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from slixmpp_inspector.listening import is_loopback

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PUBLIC: Final = ("/style.css", "/icon.svg")  # the page that refuses has it, too
_LOG = logging.getLogger("slixmpp_inspector")


def guard(
    token: str, hosts: Collection[str], refusal: str, let_in: Callable[[object], object], *, is_secure: bool
) -> Middleware:
    """Return what lets in who has the `token`, as a cookie or as `Authorization: Bearer`; others get the `refusal`.

    `let_in` hears of each connection that has shown it. The first visit brings it in the query, and is sent on to the
    address without it, with a cookie; `is_secure` cookies go over TLS alone. A `Host` that is neither of loopback nor
    one of `hosts` is refused: DNS rebinding gives a page of somebody else a name that leads here.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        where = _where(request.headers.get("Host", ""))
        if where is None or not (is_loopback(where[0]) or where[0] in hosts):
            raise web.HTTPForbidden(text="This name is not one of the page's. Inspector(hosts=[...]) adds one.\n")
        cookie = f"slixmpp-pipeline-{where[1]}"  # a browser sends cookies to every port of a host
        if request.path == "/" and _is(token, request.query.get("token")):
            onward = web.HTTPSeeOther(".")
            attributes = "; HttpOnly; SameSite=Strict" + ("; Secure" if is_secure else "")
            # Without a path it is that of the request: several bots behind one proxy, each under a prefix, keep theirs.
            onward.headers["Set-Cookie"] = f"{cookie}={token}{attributes}"
            raise onward
        if request.path not in _PUBLIC and not _has(token, request, cookie):
            raise web.HTTPUnauthorized(text=refusal, content_type="text/html")
        let_in(request.protocol)
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:  # noqa: BLE001  # it is answered, whatever it is
            _LOG.exception("the inspector failed to answer %s", request.path)
            raise web.HTTPInternalServerError(text="The inspector failed; the log of the bot says how.\n") from None

    return guarded


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Say that nothing of it may be framed, kept, sent elsewhere or come from elsewhere."""
    response.headers.update(_HEADERS)
    response.headers.popall("Server", None)


def _has(token: str, request: web.Request, cookie: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _is(token, given)
    # Of a bot at `/` and one at `/bot/` a browser sends both.
    sent = (one.partition("=") for one in request.headers.get("Cookie", "").split("; "))
    return any(_is(token, value) for name, _, value in sent if name == cookie)


def _is(token: str, given: str | None) -> bool:
    """Whether it is the token; how long that takes tells nothing of it."""
    return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _where(host: str) -> tuple[str, int] | None:
    """Return the name and the port of a `Host`; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "", parts.port or 80) if parts.netloc == host and "@" not in host else None
    except ValueError:
        return None
