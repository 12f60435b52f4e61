"""One relay: mail is handed to it over verified TLS, on a few connections that are kept warm.

Times are seconds of the event loop's clock. Whether the final dot was sent is known for certain, because the
message is written here and not inside the library: that is what makes a second attempt safe or not.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from config.certificates import client_context
from config.settings import SMTPSettings
from proxy.delivery.alarms import Alarms
from proxy.delivery.breaker import Breaker
from proxy.delivery.channel import Blame, Delivery, Outcome, SendResult
from proxy.delivery.mail import Mail
from proxy.delivery.own_login import SharedLogins
from proxy.delivery.refusals import JUDGED_LATE, Stage
from proxy.delivery.refused_persons import BesideOthers
from proxy.delivery.relay_login import RelayLogin
from proxy.delivery.smtp_outcome import SERVICE_CLOSING, verdict_on
from proxy.delivery.smtp_pool import IDLE_SECONDS, SMTPPool, drop
from proxy.delivery.under_way import UnderWay

REUSED_SECONDS = 2.5
"""How long a kept connection may take to answer up to DATA before it counts as dead."""
_NO_SUCH_OPTION = (501, 504, 555)
"""RFC 5321 sections 4.1.1.11 and 4.2.2."""
_LEADING_DOT = re.compile(rb"(?m)^\.")


class SMTPRelay:
    """Hands over one mail at a time per connection. Opens nothing before the first mail."""

    def __init__(
        self,
        settings: SMTPSettings,
        *,
        alarms: Alarms | None = None,
        wants_reports: bool = False,
        logins: SharedLogins | None = None,
        idle_seconds: float = IDLE_SECONDS,
        reused_seconds: float = REUSED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wants_reports`: whether there is an inbox for reports of failed deliveries. `logins`: what other workers
        know of refused ones. `clock`: of refused logins and of unclear refusals.

        Raises `UnusableFile`.
        """
        self.name = f"{settings.host}:{settings.port}"
        self.timeout = settings.timeout
        self.sender = settings.sender
        """From and envelope sender of what goes through this relay."""
        self._settings = settings
        self._wants_reports = wants_reports
        self._alarms = alarms if alarms is not None else Alarms()
        self._mail_is_refused = False
        self._beside_others = BesideOthers(clock=clock)
        self.breaker = Breaker()
        # With a CA file nothing else is trusted. A context for "none" is never made, so nobody can use it by mistake.
        self._tls = None if settings.security == "none" else client_context(settings.ca_file)
        self._pool = SMTPPool(idle_seconds=idle_seconds)
        self._places = asyncio.Semaphore(settings.connections)
        self._under_way = UnderWay[Delivery]()
        self._reused_seconds = reused_seconds
        self.connections_opened = 0
        self._login = RelayLogin(settings, shared=logins, clock=clock)

    @property
    def is_busy(self) -> bool:
        """Whether the next mail has to wait for a connection."""
        return self._places.locked()

    @property
    def misconfiguration(self) -> str:
        """What the operator has to fix, or nothing."""
        return self._alarms.wrong_with(self.name)

    async def send(self, mail: Mail, *, deadline: float, answer_by: float | None = None) -> Delivery:
        """Hand `mail` over by `deadline`. Raises nothing for what the relay or the network does.

        `answer_by`: how long the answer to the whole message may take; None: no longer than `deadline`.

        Someone who stops waiting doesn't stop the mail: its own task alone decides whether the connection is kept.
        """
        return await self._under_way.run(self._send(mail, deadline, max(deadline, answer_by or deadline)))

    async def check(self, *, deadline: float) -> Delivery:
        """Connect, verify and log in on a connection of its own: ACCEPTED or UNAVAILABLE."""
        if held_back := await self._login.held_back():
            return self._unavailable(held_back)
        connection = self._new_connection()
        stage = Stage.CONNECTING
        try:
            async with asyncio.timeout_at(deadline):
                await connection.connect()
                stage = Stage.LOGIN
                await self._login.log_in(connection)
        except (SMTPException, OSError) as error:
            drop(connection)
            verdict = verdict_on(error, stage)
            self._learn(verdict, stage)
            return self._delivery(verdict)
        except BaseException:
            drop(connection)
            raise
        self._pool.part(connection)
        if self._mail_is_refused:  # which only a mail can disprove
            return self._unavailable(self.misconfiguration)
        accepted = SendResult(outcome=Outcome.ACCEPTED)
        self._learn(accepted, stage)
        return self._delivery(accepted)

    async def close(self) -> None:
        """Give mails in flight a moment to end, then close every connection."""
        await self._under_way.finish()
        await self._pool.close()

    async def _send(self, mail: Mail, deadline: float, answer_by: float) -> Delivery:
        now = asyncio.get_running_loop().time()
        try:
            # Half of the time is for the mail itself: if it began at the last moment, its outcome would be unknown.
            async with asyncio.timeout_at(now + (deadline - now) / 2):
                await self._places.acquire()
        except TimeoutError:
            return self._unavailable("all connections stayed busy")
        try:
            kept = self._pool.take()
            if kept is None and (held_back := await self._login.held_back()):
                return self._unavailable(held_back)
            self.breaker.begin()
            verdict, stage = await _Attempt(self, mail, kept).run(deadline, answer_by)
            if kept is not None and _died_of_age(verdict, stage):
                verdict, stage = await _Attempt(self, mail, None).run(deadline, answer_by)
            verdict = self._beside_others.judge(verdict, mail.recipient)
            self._learn(verdict, stage)
            return self._delivery(verdict)
        finally:
            self._places.release()

    def _learn(self, verdict: SendResult, stage: Stage) -> None:
        """What this outcome says about the relay itself."""
        if verdict.blame.is_not_the_service or (stage in JUDGED_LATE and verdict.blame is Blame.SETTINGS):
            self.breaker.answered()  # a refusal of somebody's mail address says nothing about other people's messages
        else:
            self.breaker.failed()
        if verdict.blame is Blame.SETTINGS:
            self._mail_is_refused = stage is Stage.SENDER or stage in JUDGED_LATE
            self._alarms.misconfigured(self.name, verdict.reason)
        elif verdict.outcome is Outcome.ACCEPTED:
            self._mail_is_refused = False
            self._alarms.works(self.name)

    def _new_connection(self) -> SMTP:
        settings = self._settings
        self.connections_opened += 1
        return SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=_local_name(settings.sender),
            timeout=settings.timeout,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",  # True insists on it; None would accept its absence
            tls_context=self._tls,
        )

    def _unavailable(self, reason: str) -> Delivery:
        return self._delivery(SendResult(outcome=Outcome.UNAVAILABLE, reason=reason))

    def _delivery(self, verdict: SendResult) -> Delivery:
        return Delivery(
            outcome=verdict.outcome, channel="smtp", relay=self.name, code=verdict.code, reason=verdict.reason
        )


class _Attempt:
    """One mail on one connection, a kept one or (None) a new one; the stage reached is part of the result."""

    def __init__(self, relay: SMTPRelay, mail: Mail, kept: SMTP | None) -> None:
        self._relay = relay
        self._mail = mail
        self._is_new = kept is None
        self._connection = kept if kept is not None else relay._new_connection()
        self._stage = Stage.CONNECTING if self._is_new else Stage.SENDER

    async def run(self, deadline: float, answer_by: float) -> tuple[SendResult, Stage]:
        try:
            async with asyncio.timeout_at(deadline) as limit:
                verdict = await self._run(limit, answer_by)
        except (SMTPException, OSError) as error:
            drop(self._connection)
            verdict = verdict_on(error, self._stage, sender=self._mail.sender, recipient=self._mail.recipient)
            return verdict, self._stage
        except BaseException:  # after a cancellation an answer is still on its way, so nobody can use this connection
            drop(self._connection)
            raise
        self._relay._pool.give_back(self._connection)
        return verdict, self._stage

    async def _run(self, limit: asyncio.Timeout, answer_by: float) -> SendResult:
        connection = self._connection
        if self._is_new:
            await connection.connect()
            self._stage = Stage.LOGIN
            await self._relay._login.log_in(connection)
            self._stage = Stage.SENDER
            await self._announce()
        else:
            async with asyncio.timeout(self._relay._reused_seconds):
                await self._announce()

        protocol = connection.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        content = _LEADING_DOT.sub(b"..", self._mail.content)
        if not content.endswith(b"\r\n"):
            content += b"\r\n"  # otherwise the final dot would end an ordinary line
        if limit.expired():  # `asyncio.wait_for`, which the library awaits, may swallow that (Python 3.11)
            raise TimeoutError
        protocol.write(content + b".\r\n")
        self._stage = Stage.END_SENT
        limit.reschedule(answer_by)
        reply = await protocol.read_response()
        if not 200 <= reply.code <= 299:
            raise SMTPDataError(reply.code, reply.message)
        return SendResult(outcome=Outcome.ACCEPTED, code=reply.code)

    async def _announce(self) -> None:
        """The envelope: our sender, one recipient, and what to report (RFC 3461 section 4).

        Nothing, because reports quote the text; or, where they are read, failures, with the header at most.
        """
        connection = self._connection
        if connection.is_ehlo_or_helo_needed:
            with suppress(SMTPHeloError):  # of before ESMTP: the library says HELO then
                await connection.ehlo()
        has_reports = connection.supports_extension("dsn")
        is_wanted = has_reports and self._relay._wants_reports
        named = [f"ENVID={self._mail.message_id}"] if self._mail.message_id else []
        await _with_options(connection.mail, self._mail.sender, ["RET=HDRS", *named] if is_wanted else [])
        self._stage = Stage.RECIPIENT
        notify = "NOTIFY=FAILURE" if is_wanted else "NOTIFY=NEVER"
        await _with_options(connection.rcpt, self._mail.recipient, [notify] if has_reports else [])
        self._stage = Stage.DATA
        reply = await connection.execute_command(b"DATA")
        if reply.code != 354:
            raise SMTPDataError(reply.code, reply.message)


async def _with_options(command: Callable[..., Awaitable[SMTPResponse]], address: str, options: list[str]) -> None:
    """Once more without them where they are refused: some fronts offer DSN, and what stands behind them knows none."""
    try:
        await command(address, options=options)
    except SMTPResponseException as error:
        if not options or error.code not in _NO_SUCH_OPTION:
            raise
        await command(address, options=[])


def _died_of_age(verdict: SendResult, stage: Stage) -> bool:
    """Whether only a kept connection proved dead, so that a new one may be tried without a word about it."""
    return (
        verdict.outcome is Outcome.UNAVAILABLE
        and stage is not Stage.END_SENT
        and verdict.code in (None, SERVICE_CLOSING)
    )


def _local_name(sender: str) -> str:
    """The name for EHLO (RFC 5321 section 4.1.1.1): this host's, or the sender's domain where that has no dot.

    `socket.getfqdn`, the library's default, asks DNS and can block for seconds.
    """
    name = socket.gethostname()
    return name if "." in name and name.isascii() and name.isprintable() else sender.rpartition("@")[2]
