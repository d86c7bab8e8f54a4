"""Who may ask: known hosts and origins, with a token from elsewhere, and bodies of some size."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "isthmus-token"
MOST_BYTES = 64 * 2**20
# Nothing is fetched from elsewhere, nothing may frame the page, and no script stands in the page.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline';"
        " frame-src 'self'; frame-ancestors 'self'; object-src 'none'; base-uri 'none';"
        " form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes
    ----------
    hosts
        Names that the ``Host`` header may give, without port. A page elsewhere that points a name
        of its own at this machine gives another one.
    token
        What must come with every request, as ``Authorization: Bearer``, in the cookie, or once as
        ``?token=``; ``None`` asks for none.
    most_bytes
        The longest body.
    """

    hosts: frozenset[str]
    token: str | None = None
    most_bytes: int = MOST_BYTES

    @classmethod
    def at(cls, host: str, more: Iterable[str] = (), most_bytes: int = MOST_BYTES) -> Access:
        """Of a server bound to `host`: away from this machine a new token is asked for.

        Parameters
        ----------
        more
            Further names under which the machine is reached.
        """
        every = {"0.0.0.0", "::"}  # noqa: S104  # all addresses, which is no name of any
        names = {"127.0.0.1", "localhost", "::1", host, *more} - every
        token = None if is_loopback(host) else secrets.token_urlsafe(32)
        return cls(frozenset(names), token, most_bytes)


class Guard:
    """ASGI middleware: refuses who may not ask, before any route sees the request."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 400, 401, 403 or 413."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        body = _Body(receive, self._access.most_bytes)
        await self._app(scope, body, _with_headers(send))

    def _refused(self, scope: Scope, headers: Headers) -> Any:
        """The answer to a request that is refused."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if _name(host) not in self._access.hosts:
            return _answer(403, f"The host '{host}' is not one of this server; see --allow-host.")
        if origin is not None and urlsplit(origin).netloc != host:
            return _answer(403, f"Pages of {origin} may not ask this server.")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return _answer(400, "The header Content-Length is not a number.")
        if int(length) > self._access.most_bytes:
            return _too_long(self._access.most_bytes)
        if self._access.token is not None:
            return self._untold(scope, headers, self._access.token)
        return None

    def _untold(self, scope: Scope, headers: Headers, token: str) -> Any:
        """The answer to one without the token; who has it in the address gets a cookie."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if any(_same(one, token) for one in given):
            answer = RedirectResponse(scope["path"], 303)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return answer
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if _same(bearer, token) or (cookie is not None and _same(cookie.value, token)):
            return None
        return _answer(401, "A token is needed: open the address that the server printed.")


class _Body:
    """Receives a body, and stops one that is longer than it may be, whatever its header says."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive, self._most, self._seen = receive, most_bytes, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._most:
            raise BodyTooLong(self._most)
        return message


class BodyTooLong(Exception):
    """A body turned out longer than it may be."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(
            f"The body is longer than {most_bytes / 2**20:.0f} MiB; send less at once."
        )


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _name(host: str) -> str:
    """Of ``name:port``, ``[::1]:port`` or a bare name."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _too_long(most_bytes: int) -> JSONResponse:
    return _answer(413, str(BodyTooLong(most_bytes)))


def _answer(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)
