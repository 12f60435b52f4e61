"""The JSON API of a Gatepost, as a client of it: each call answers with a value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import ClientError, ClientSession, StreamReader
from yarl import URL

from proxy.connect.app_address import AppAddress, UnusableAddress, read_address
from proxy.http.reserved import API, SIGN_IN

USER_AGENT = "gatepost-connect"
_MOST_BYTES = 64 * 1024
"""Of one answer."""
_MOST_SECONDS = 10 * 366 * 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""RFC 6750 section 2.1."""
_Read = TypeVar("_Read")


class NotServed(Exception):
    """The other side cannot be reached, or is no Gatepost that can be used like this. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofWanted:
    flow: str = field(repr=False)
    factor: str
    factors: tuple[str, ...]
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInThere:
    token: str = field(repr=False)
    seconds: float
    """When it is over if it is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDeclined:
    error: str
    message: str
    is_over: bool
    """Whether what was named has ended: the sign-in, or the session."""


ProofStep = SignedInThere | ProofWanted | CallDeclined


async def find_sign_in(http: ClientSession, app: AppAddress) -> str:
    """The origin of the sign-in host of this app. Raises `NotServed`.

    It is asked below the prefix that is Gatepost's own on every host: what an app answers is not believed, because a
    password goes to what is found.
    """
    try:
        async with http.get(URL(app.origin + SIGN_IN, encoded=True), allow_redirects=False) as answer:
            location = answer.headers.get("Location", "")
    except (ClientError, OSError, TimeoutError) as error:
        raise NotServed(f"{app.origin} cannot be reached: {said_of(error)}") from error
    if (origin := _origin_of(location)) is None or not origin.startswith(f"{app.scheme}://"):
        raise NotServed(f"{app.origin} is no app behind a Gatepost")
    return origin


def _origin_of(location: str) -> str | None:
    """Of the sign-in page, if that is what this leads to, and a password may go there."""
    try:
        address = read_address(location)
    except UnusableAddress:
        return None
    return address.origin if address.target == SIGN_IN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class APIClient:
    """Methods raise `NotServed`."""

    http: ClientSession
    origin: str
    """Of the sign-in host."""

    @property
    def host(self) -> str:
        return self.origin.partition("//")[2]

    async def sign_in(self, username: str, password: str, app: str) -> ProofStep:
        return await self._step("sign-in", {"username": username, "password": password, "app": app})

    async def prove(self, flow: str, factor: str, passcode: str) -> ProofStep:
        return await self._step("proof", {"flow": flow, "factor": factor, "passcode": passcode})

    async def resend(self, flow: str, channel: str | None) -> ProofStep:
        return await self._step("resend", {"flow": flow} | ({"channel": channel} if channel else {}))

    async def session(self, token: str) -> tuple[str, float] | CallDeclined:
        """Whose it is, and in how many seconds it is over if it is not used. Asking is a use."""
        status, said, is_over = await self._call("GET", "session", token=token)
        if status != 200:
            return self._read(_declined, said, is_over)
        return self._read(_whose, said)

    async def sign_out(self, token: str) -> None:
        await self._call("DELETE", "session", token=token)

    async def _step(self, path: str, body: Mapping[str, str]) -> ProofStep:
        status, said, is_over = await self._call("POST", path, body=body)
        if status != 200:
            return self._read(_declined, said, is_over)
        return self._read(_step_of, said)

    def _read(self, read: Callable[..., _Read], said: Any, *more: bool) -> _Read:
        """Whoever answers may be anybody: what has not the shape of an answer is none."""
        try:
            return read(said, *more)
        except (LookupError, TypeError, ValueError):
            raise NotServed(f"{self.host} does not answer as a Gatepost does") from None

    async def _call(
        self, method: str, path: str, *, body: Mapping[str, str] | None = None, token: str = ""
    ) -> tuple[int, Any, bool]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self.http.request(
                method, self.origin + API + path, json=body, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status in (404, 405):
                    raise NotServed(f'{self.host} has no API for native clients: it needs "enabled = true" in [api]')
                is_over = 'error="invalid_token"' in answer.headers.get("WWW-Authenticate", "")
                said = json.loads(await _whole(answer.content)) if answer.status != 204 else {}
        except (ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            raise NotServed(f"{self.host} cannot be used: {said_of(error)}") from error
        return answer.status, said, is_over


def said_of(error: BaseException) -> str:
    """In one line, which a timeout has none of."""
    return str(error).partition("\n")[0] or type(error).__name__


async def _whole(content: StreamReader) -> bytes:
    """Raises `ValueError`."""
    whole = b""
    async for piece in content.iter_any():
        whole += piece
        if len(whole) > _MOST_BYTES:
            raise ValueError("its answer is too long")
    return whole


def _declined(said: Any, is_over: bool) -> CallDeclined:
    return CallDeclined(error=_text(said["error"]), message=_text(said["message"]), is_over=is_over)


def _whose(said: Any) -> tuple[str, float]:
    return _text(said["username"]), _seconds(said["expires_in"])


def _step_of(said: Any) -> SignedInThere | ProofWanted:
    if said["state"] == "signed_in":
        return SignedInThere(token=_token(said["token"]), seconds=_seconds(said["expires_in"]))
    return ProofWanted(
        flow=_token(said["flow"]),
        factor=_text(said["factor"]),
        factors=tuple(map(_text, said["factors"])),
        destination=_text(said["destination"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _token(value: Any) -> str:
    if not _TOKEN.fullmatch(_text(value)):
        raise ValueError
    return _text(value)


def _seconds(value: Any) -> float:
    if not 0 <= float(value) <= _MOST_SECONDS:
        raise ValueError
    return float(value)
