"""The app on loopback: what comes in from welcome visitors goes to the app with the session added, and back.

Bodies and WebSockets stream through; nothing is kept, followed or unpacked.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from proxy.connect.api_client import said_of
from proxy.connect.app_address import AppAddress
from proxy.connect.fields import OWN_COOKIES, request_fields, response_fields
from proxy.connect.visitors import WhyNotHere, judge_visitor, password_of

_STATUS = {WhyNotHere.HOST: 421, WhyNotHere.ORIGIN: 403, WhyNotHere.SECRET: 401}
_OVER = "The session is over: sign in again on the terminal where gatepost connect runs.\n"
_LIMIT = 64 * 1024
"""Of one line or field."""
_NO_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class AddedSession(Protocol):
    """What is added to requests (`HeldSession`)."""

    @property
    def token(self) -> str: ...

    def used(self) -> None: ...

    def is_refused(self, token: str) -> None: ...


class LocalProxy:
    def __init__(self, http: ClientSession, app: AppAddress, session: AddedSession, *, is_open: bool) -> None:
        """`http`: without cookies, and unpacking nothing. `is_open`: to every user of this machine."""
        self._http = http
        self._app = app
        self._session = session
        self.secret = "" if is_open else secrets.token_urlsafe(24)
        self._origin = ""
        self._cookie = ""

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """The address to open: with the secret. Raises `OSError` if it cannot be listened on."""
        server = web.Server(
            self._answer, access_log=None, auto_decompress=False, max_line_size=_LIMIT, max_field_size=_LIMIT
        )
        runner = web.ServerRunner(server, handle_signals=False, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            name, number = runner.addresses[0][:2]
            authority = f"[{name}]:{number}" if ":" in name else f"{name}:{number}"
            self._origin, self._cookie = f"http://{authority}", f"{OWN_COOKIES}{number}"
            userinfo = f"gatepost:{self.secret}@" if self.secret else ""
            yield f"http://{userinfo}{authority}{self._app.target}"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        why_not = judge_visitor(
            own_origin=self._origin,
            secret=self.secret,
            hosts=request.headers.getall("Host", []),
            origin=request.headers.get("Origin"),
            referer=request.headers.get("Referer"),
            fetch_site=request.headers.get("Sec-Fetch-Site"),
            authorization=request.headers.get("Authorization", ""),
            cookie=request.cookies.get(self._cookie, ""),
        )
        if why_not is not None:
            return _refusal(_STATUS[why_not], why_not.value)
        target = request.raw_path
        if not target.startswith("/"):
            return _refusal(400, "This is no proxy for other addresses.")
        url = URL(self._app.origin + target, encoded=True)
        token = self._session.token
        sent = CIMultiDict(
            request_fields(
                request.headers.items(),
                own_origin=self._origin,
                app_origin=self._app.origin,
                token=token,
            )
        )
        try:
            if "websocket" in request.headers.get("Upgrade", "").lower():
                return await self._tunnel(request, url, sent, token)
            return await self._pass_on(request, url, sent, token)
        except (ClientError, OSError, TimeoutError) as error:
            return _refusal(502, f"{self._app.host} cannot be reached: {said_of(error)}")

    async def _pass_on(
        self, request: web.BaseRequest, url: URL, sent: CIMultiDict[str], token: str
    ) -> web.StreamResponse:
        body = request.content if request.body_exists else None
        async with self._http.request(
            request.method, url, headers=sent, data=body, allow_redirects=False, skip_auto_headers=_NO_AUTOMATIC
        ) as answer:
            if self._is_over(answer.status, answer.headers.getall("WWW-Authenticate", []), token):
                return _refusal(401, _OVER)
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            response.headers.extend(self._fields_back(request, answer.headers.items()))
            await response.prepare(request)
            try:
                async for piece in answer.content.iter_any():
                    await response.write(piece)
            except ClientError:
                if request.transport is not None:  # the answer has begun: its client has to see that it is not whole
                    request.transport.abort()
                raise
            await response.write_eof()
        self._session.used()
        return response

    async def _tunnel(
        self, request: web.BaseRequest, url: URL, sent: CIMultiDict[str], token: str
    ) -> web.StreamResponse:
        offered = [
            each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if each.strip()
        ]
        try:
            theirs = await self._http.ws_connect(
                url, headers=sent, protocols=offered, autoclose=False, autoping=False, max_msg_size=0
            )
        except WSServerHandshakeError as error:
            challenges = error.headers.getall("WWW-Authenticate", []) if error.headers is not None else []
            is_over = self._is_over(error.status, challenges, token)
            return _refusal(error.status, _OVER if is_over else "The app does not open a WebSocket here.")
        async with theirs:
            chosen = [theirs.protocol] if theirs.protocol else []
            ours = web.WebSocketResponse(protocols=chosen, autoclose=False, autoping=False, max_msg_size=0)
            await ours.prepare(request)
            pumps = [asyncio.create_task(self._pump(ours, theirs)), asyncio.create_task(self._pump(theirs, ours))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                await ours.close()
        return ours

    async def _pump(self, source: Any, sink: web.WebSocketResponse | ClientWebSocketResponse) -> None:
        """Message by message, until one side closes: then the other hears the same."""
        async for message in _messages(source):
            match message.type:
                case WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
                case WSMsgType.PING:
                    await sink.ping(message.data)
                case WSMsgType.PONG:
                    await sink.pong(message.data)
            self._session.used()
        code = source.close_code
        await sink.close(code=code if code is not None and code not in (1005, 1006) else 1000)

    def _is_over(self, status: int, challenges: list[str], token: str) -> bool:
        """Whether Gatepost says so of the token; an app may say 401 for reasons of its own."""
        is_over = status == 401 and any(
            each.startswith("Bearer ") and 'error="invalid_token"' in each for each in challenges
        )
        if is_over:
            self._session.is_refused(token)
        return is_over

    def _fields_back(self, request: web.BaseRequest, fields: Any) -> list[tuple[str, str]]:
        found = list(response_fields(fields, own_origin=self._origin, app_origin=self._app.origin))
        if self.secret and password_of(request.headers.get("Authorization", "")):
            # What a page loads by script, and a WebSocket, comes without Basic in some browsers.
            found.append(("Set-Cookie", f"{self._cookie}={self.secret}; Path=/; HttpOnly; SameSite=Strict"))
        return found


async def _messages(source: Any) -> AsyncIterator[Any]:
    while True:
        message = await source.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return
        yield message


def _refusal(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=text.rstrip("\n") + "\n", headers={"Cache-Control": "no-store"})
    if status == 401 and text == WhyNotHere.SECRET.value:
        response.headers["WWW-Authenticate"] = 'Basic realm="gatepost connect"'
    return response
