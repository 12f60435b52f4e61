"""The session that is added to what passes: kept alive by use alone, told of before its end, begun again in place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from proxy.connect.api_client import APIClient, CallDeclined, NotServed, SignedInThere
from proxy.connect.conversation import NobodySignedIn, sign_in
from proxy.connect.kept_token import KeptTokens
from proxy.connect.terminal import Questioner

WARN_SECONDS = 120.0
LOOK_SECONDS = 60.0
"""Asking how long it lasts is a use of it. So that is asked after a use, and no more often than this."""


class HeldSession:
    """One, of one person at one app. Instants are those of `monotonic`."""

    def __init__(
        self,
        api: APIClient,
        questioner: Questioner,
        kept: KeptTokens | None,
        *,
        app_origin: str,
        app_host: str,
        username: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`kept` None: the token is kept nowhere. `username` empty: it is asked for."""
        self._api = api
        self._questioner = questioner
        self._kept = kept
        self._origin = app_origin
        self._host = app_host
        self._username = username
        self._monotonic = monotonic
        self._ends_at = 0.0
        self._warn_at = 0.0
        self._looked_at = 0.0
        self._is_over = False
        self._is_kept = False
        self._news = asyncio.Event()
        self._token = ""

    @property
    def token(self) -> str:
        return self._token

    @property
    def ends_at(self) -> float:
        """As far as is known: a use that was not looked at has moved it on."""
        return self._ends_at

    async def begin(self, default_name: str) -> None:
        """By a token that is kept and still stands, or else by a sign-in. Raises as `sign_in` does."""
        if await self._takes_kept():
            return
        if not self._username:
            typed = await self._questioner.ask(f"User name [{default_name}]", is_hidden=False)
            self._username = typed.strip() or default_name
        self._take_new(await sign_in(self._api, self._questioner, self._host, self._username))

    async def _takes_kept(self) -> bool:
        """Whether there is a session of another connect that still stands."""
        token = "" if self._kept is None else self._kept.read(self._origin)
        if token in ("", self.token):
            return False
        found = await self._api.session(token)
        if isinstance(found, CallDeclined) or self._username not in ("", found[0]):
            return False
        self._username, seconds = found
        self._is_kept = True
        self._take(token, seconds)
        self._questioner.say(f"Signed in as {self._username}, by the session of another connect.")
        return True

    def used(self) -> None:
        """Something was passed on."""
        if self._monotonic() - self._looked_at >= LOOK_SECONDS:
            self._news.set()

    def is_refused(self, token: str) -> None:
        """Gatepost does not know this token any more."""
        if token == self.token and not self._is_over:
            self._is_over = True
            self._news.set()

    async def watch(self) -> None:
        """Until the terminal is closed (`NobodyThere`): look how long it lasts, warn before its end, begin again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.0 if self._is_over else max(0.0, self._warn_at - self._monotonic())):
                    await self._news.wait()
            self._news.clear()
            try:
                if not self._is_over and self._monotonic() < self._warn_at:
                    await self._look()
                else:
                    await self._begin_again()
            except (NotServed, NobodySignedIn) as error:
                self._questioner.say(str(error))
                if not self._is_over:
                    self._looked_at = self._monotonic()

    async def end(self) -> None:
        """Sign out, where the token is not kept for the next one."""
        if not self._is_kept and self.token:
            await self._api.sign_out(self.token)

    async def _look(self) -> None:
        found = await self._api.session(self.token)
        if isinstance(found, CallDeclined):
            self.is_refused(self.token)
        else:
            self._lasts(found[1])

    async def _begin_again(self) -> None:
        if await self._takes_kept():
            return
        left = self._ends_at - self._monotonic()
        if self._is_over or left <= 0:
            self._questioner.say("The session is over. Sign in again to go on, or press Ctrl-C.")
        else:
            self._questioner.say(f"The session ends in {int(left)} seconds. Sign in again to go on, or press Ctrl-C.")
        older = "" if self._is_over else self.token
        self._take_new(await sign_in(self._api, self._questioner, self._host, self._username))
        self._questioner.say("You are signed in again.")
        if older:
            await self._api.sign_out(older)

    def _take_new(self, signed_in: SignedInThere) -> None:
        self._take(signed_in.token, signed_in.seconds)
        self._is_kept = self._kept is not None and self._kept.keep(self._origin, self.token)
        if self._kept is not None and not self._is_kept:
            self._kept.forget(self._origin)
            self._questioner.say("The session could not be kept for the next connect.")

    def _take(self, token: str, seconds: float) -> None:
        self._token, self._is_over = token, False
        self._lasts(seconds)

    def _lasts(self, seconds: float) -> None:
        self._looked_at = self._monotonic()
        self._ends_at = self._looked_at + seconds
        self._warn_at = self._ends_at - min(WARN_SECONDS, seconds / 2)
