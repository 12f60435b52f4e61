"""The login at one relay: by one method, and not again at once after the password is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException

from config.settings import SMTPSettings
from proxy.delivery.channel import Blame
from proxy.delivery.own_login import OwnLogin, SharedLogins
from proxy.delivery.refusals import Stage
from proxy.delivery.smtp_outcome import NotTriedNow, verdict_on

_NO_SUCH_METHOD = (500, 502, 504, 534)
"""RFC 5321 section 4.2.4, RFC 4954 section 6: another method may work. 535 is about the password."""
_REFUSED = 535


class RelayLogin:
    """While nobody knows whether the password is right, only one connection tries it: each try counts."""

    def __init__(
        self, settings: SMTPSettings, *, shared: SharedLogins | None = None, clock: Callable[[], float]
    ) -> None:
        """`clock`: a monotonic one, in seconds."""
        self._username = settings.username
        self._password = settings.password.get_secret_value() if settings.password is not None else ""
        server = f"{settings.host}:{settings.port}"
        self._own = OwnLogin(server, self._username or "", self._password, shared=shared, clock=clock)
        self._is_proven = False
        self._first = asyncio.Lock()

    async def held_back(self) -> str:
        """Why not to try it now, or nothing."""
        return await self._own.held_back()

    async def log_in(self, connection: SMTP) -> None:
        """If the relay asks for it. Raises as `SMTP.login`, which would try every method with the same wrong
        password."""
        if self._username is None:
            return
        if self._is_proven:
            await self._try(connection, self._username)
            return
        async with self._first:
            if reason := await self._own.take_turn():
                if await self._own.held_back():  # it was refused: to the one before, or to another worker
                    raise SMTPAuthenticationError(_REFUSED, reason)
                raise NotTriedNow(reason)
            await self._try(connection, self._username)

    async def _try(self, connection: SMTP, username: str) -> None:
        try:
            await self._by_one_method(connection, username)
        except SMTPAuthenticationError as error:
            verdict = verdict_on(error, Stage.LOGIN)
            if verdict.blame is Blame.SETTINGS:
                self._is_proven = False
                await self._own.refused(verdict.reason)
            else:
                await self._give_up()
            raise
        except BaseException:
            await self._give_up()
            raise
        if not self._is_proven:
            await self._own.taken()
        self._is_proven = True

    async def _give_up(self) -> None:
        if not self._is_proven:
            await self._own.given_up()

    async def _by_one_method(self, connection: SMTP, username: str) -> None:
        if connection.is_ehlo_or_helo_needed:
            await connection.ehlo()
        if not connection.supports_extension("auth"):
            raise SMTPException("the relay offers no login here: leave out username and password, or use port 587")
        # The connection is encrypted or local. Relays that keep hashed passwords cannot do the last, even if they
        # offer it.
        methods = {
            "plain": connection.auth_plain,
            "login": connection.auth_login,
            "cram-md5": connection.auth_crammd5,
        }
        offered = [method for name, method in methods.items() if name in connection.supported_auth_methods]
        if not offered:
            raise SMTPException("the relay offers no way to log in that Gatepost knows: PLAIN, LOGIN or CRAM-MD5")
        for position, method in enumerate(offered, start=1):
            try:
                await method(username, self._password)
            except SMTPAuthenticationError as error:
                if error.code not in _NO_SUCH_METHOD or position == len(offered):
                    raise
            else:
                return
