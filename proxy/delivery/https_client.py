"""One HTTPS request at a time to one gateway: verified, bounded, never redirected, and honest about what was sent.

Every request has a connection of its own. If the other side has closed a kept one, nobody would know whether the
message arrived. No reason ever quotes URL, body or headers: they hold number, passcode and login.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import aiohttp
from yarl import URL

from config.certificates import client_context
from config.system_errors import connection_reason, tls_reason

MAX_ANSWER_BYTES = 64 * 1024
"""How much of an answer is read; gateways send a line or a little JSON."""
_CONNECTIONS = 16
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Gatepost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPSAnswer:
    """A whole answer, whatever it means."""

    status: int
    text: str = field(repr=False)
    """The body, as far as it is UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    was_sent: bool
    """Whether there was a connection, so that the request may have arrived."""
    reason: str
    is_certificate: bool = False
    """TLS failed: another try does not help."""


class HTTPSClient:
    """Opens nothing before the first request."""

    def __init__(self, *, ca_file: Path | None) -> None:
        """Raises `UnusableFile`."""
        self._tls = client_context(ca_file)
        self._session: aiohttp.ClientSession | None = None

    async def reach(self, url: str, *, deadline: float) -> NoAnswer | None:
        """Connect and verify the certificate, and send nothing; None if that works."""
        parts = URL(url)
        tls = self._tls if parts.scheme == "https" else None
        try:
            async with asyncio.timeout_at(deadline):
                _, writer = await asyncio.open_connection(parts.host, parts.port, ssl=tls)
        except OSError as error:  # a time-out and ssl.SSLError are such too
            return _failed(error, was_sent=False)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, request: Request, *, deadline: float) -> HTTPSAnswer | NoAnswer:
        """The answer by `deadline`, an instant of the event loop's clock. Raises nothing for what the network does."""
        if self._session is None:
            self._session = self._open()
        line = SimpleNamespace(stands=False)
        try:
            async with (
                asyncio.timeout_at(deadline),
                self._session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=request.body,
                    headers={**_HEADERS, **request.headers},
                    allow_redirects=False,
                    trace_request_ctx=line,
                ) as response,
            ):
                body = await _bounded(response.content)
                if body is None:
                    return NoAnswer(was_sent=True, reason="the gateway's answer is far too long")
                return HTTPSAnswer(status=response.status, text=body.decode("utf-8", "replace"))
        except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError
            return _failed(error, was_sent=line.stands)

    def _open(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()

        async def stands(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
            context.trace_request_ctx.stands = True

        trace.on_connection_create_end.append(stands)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True, limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
        )


async def _bounded(content: aiohttp.StreamReader) -> bytes | None:
    """All of a body, or None if it is too long."""
    pieces = bytearray()
    async for piece in content.iter_any():
        pieces += piece
        if len(pieces) > MAX_ANSWER_BYTES:
            return None
    return bytes(pieces)


def _failed(error: aiohttp.ClientError | OSError, *, was_sent: bool) -> NoAnswer:
    """What happened, in words of our own: the library's name the URL."""
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        tls = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorSSLError):  # one of both families, without the facts of either
        tls = error.os_error
    if isinstance(tls, ssl.SSLCertVerificationError) or (isinstance(tls, ssl.SSLError) and not was_sent):
        return NoAnswer(was_sent=False, reason=f"the gateway: {tls_reason(tls)}", is_certificate=True)
    if isinstance(error, TimeoutError):
        reason = "the gateway did not answer in time" if was_sent else "the gateway can't be reached in time"
        return NoAnswer(was_sent=was_sent, reason=reason)
    if not was_sent:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        return NoAnswer(was_sent=False, reason=f"the gateway can't be reached: {connection_reason(cause)}")
    return NoAnswer(was_sent=True, reason="the gateway's answer broke off")
