"""SMS over HTTPS: the shell around an interface (`KapowInterface`, `GenericInterface`) that is pure.

Instants are of the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

from config.factors import ChannelKind
from config.tables.sms_gateways import NumberFormat
from directory.mobile import E164, mask
from proxy.delivery.alarms import Alarms
from proxy.delivery.breaker import Breaker
from proxy.delivery.channel import Blame, Delivery, DeliveryStatus, Outcome, PasscodeMessage, SendResult
from proxy.delivery.fitting import fitting
from proxy.delivery.https_client import HTTPSAnswer, HTTPSClient, NoAnswer, Request
from proxy.delivery.number_format import UnsafeNumber, formatted
from proxy.delivery.refused_persons import BesideOthers
from proxy.delivery.templates import MessageTexts
from proxy.delivery.text_rules import TextRules, wrong_with
from proxy.delivery.under_way import UnderWay

CREDIT_SECONDS = 600.0
"""How long a known credit counts: readiness is checked every few seconds, the gateway is not asked as often."""
CREDIT_RETRY_SECONDS = 60.0
_MAY_HAVE_ACTED = frozenset((302, 303, 500, 502, 504))
"""Statuses that a request may get although it was carried out (RFC 9110 section 15): a redirect to a page, a program
that crashed at its end, a front that lost the server behind it or stopped waiting."""
_STATUS_AT_ONCE = 4
"""Far fewer than the connections, so that status questions never keep anybody from sending a message."""


class Interface(Protocol):
    """What requests one gateway expects, and what its answers mean. Pure; holds the login.

    Unless it says otherwise, the gateway reports neither the fate of a message nor the credit.
    """

    @property
    def url(self) -> str:
        """Where it is, to test whether it can be reached."""
        ...

    @property
    def can_report(self) -> bool:
        return False

    def message(self, number: str, text: str, message_id: str) -> Request: ...

    def judge(self, answer: HTTPSAnswer) -> SendResult: ...

    def status_request(self, report_id: str) -> Request | None:
        return None

    def judge_status(self, answer: HTTPSAnswer) -> DeliveryStatus:
        return DeliveryStatus.UNKNOWN

    def credit_request(self) -> Request | None:
        return None

    def judge_credit(self, answer: HTTPSAnswer) -> int | SendResult:
        """The credits left, or why they are not known."""
        return SendResult(outcome=Outcome.UNAVAILABLE, reason="this gateway does not tell")


class SMSByHTTP:
    """An `SMSChannel` by one HTTPS gateway."""

    kind = ChannelKind.SMS

    def __init__(
        self,
        name: str,
        interface: Interface,
        client: HTTPSClient,
        texts: MessageTexts,
        rules: TextRules,
        *,
        number_format: NumberFormat,
        home_region: str,
        timeout: float,
        warn_credit_below: int = 0,
        alarms: Alarms | None = None,
    ) -> None:
        self.name = name
        parts = urlsplit(interface.url)
        self.place = f"{parts.hostname}:{parts.port or {'https': 443, 'http': 80}[parts.scheme]}"
        self.can_report = interface.can_report
        self.rules = rules
        self._interface = interface
        self._client = client
        self._texts = texts
        self._number_format = number_format
        self._home_region = home_region
        self._timeout = timeout
        self._warn_credit_below = warn_credit_below
        self._alarms = alarms if alarms is not None else Alarms()
        self._breaker = Breaker()
        self._message_is_refused = False
        self._beside_others = BesideOthers()
        self._under_way = UnderWay[SendResult]()
        self._credit: int | None = None
        self._credit_due_at = 0.0
        self._asking_credit = asyncio.Lock()
        self._asking_status = asyncio.Semaphore(_STATUS_AT_ONCE)

    def reaches(self, message: PasscodeMessage) -> bool:
        return message.number is not None

    def is_down(self) -> bool:
        return self._breaker.is_down()

    @property
    def is_up(self) -> bool:
        """Whether it answered when it was last asked."""
        return self._breaker.is_closed

    def said(self, message: PasscodeMessage) -> str:
        """As it is to arrive on the phone."""
        return self._texts.sms(message, self.rules)

    async def send(self, message: PasscodeMessage, *, deadline: float | None = None) -> Delivery:
        if message.number is None:
            return Delivery(outcome=Outcome.REFUSED, channel=self.name, kind=self.kind, reason="there is no number")
        return await self.send_text(message.number, self.said(message), message.message_id, deadline=deadline)

    async def send_text(
        self,
        number: E164,
        text: str,
        message_id: str,
        *,
        instead: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Delivery:
        """`instead`: what is sent where the gateway does not pass `text` on; then each may also lose its marks."""
        told = Delivery(
            outcome=Outcome.UNAVAILABLE, channel=self.name, kind=self.kind, destination=mask(number), relay=self.place
        )
        if instead:
            text = fitting((text, *instead), self.rules) or text
        wrong = wrong_with(text, self.rules)
        if wrong is not None:
            return replace(told, reason=f"the text can't be sent: {wrong}")
        try:
            written = formatted(number, self._number_format, self._home_region)
        except UnsafeNumber as error:
            return replace(told, outcome=Outcome.REFUSED, destination="", reason=str(error))
        verdict = await self._under_way.run(
            self._send(self._interface.message(written, text, message_id), deadline, number=number)
        )
        can_report = verdict.outcome is Outcome.ACCEPTED and bool(verdict.report_id) and self.can_report
        return replace(
            told,
            outcome=verdict.outcome,
            code=verdict.code,
            reason=verdict.reason,
            can_report=can_report,
            report_id=f"{self.name}:{verdict.report_id}" if can_report else "",
        )

    async def _send(self, request: Request, deadline: float | None, *, number: E164) -> SendResult:
        until = self._until(deadline)
        self._breaker.begin()
        answer = await self._client.ask(request, deadline=until)
        verdict = verdict_on_failure(answer) if isinstance(answer, NoAnswer) else self._interface.judge(answer)
        verdict = self._beside_others.judge(verdict, number)
        self._learn(verdict)
        self._message_is_refused = verdict.blame is Blame.SETTINGS
        return verdict

    async def status(self, report_id: str) -> DeliveryStatus:
        """`report_id` as the gateway gave it. UNKNOWN at once if too many are asked for at the same time."""
        request = self._interface.status_request(report_id)
        if request is None or self._asking_status.locked():
            return DeliveryStatus.UNKNOWN
        async with self._asking_status:
            answer = await self._client.ask(request, deadline=self._until(None))
        return DeliveryStatus.UNKNOWN if isinstance(answer, NoAnswer) else self._interface.judge_status(answer)

    async def credit(self) -> int | None:
        """How many messages the account can still pay for; None if unknown. Asked for at intervals only."""
        async with self._asking_credit:
            now = asyncio.get_running_loop().time()
            request = self._interface.credit_request()
            if request is not None and now >= self._credit_due_at:
                self._credit_due_at = now + CREDIT_RETRY_SECONDS
                answer = await self._client.ask(request, deadline=self._until(None))
                known = (
                    verdict_on_failure(answer) if isinstance(answer, NoAnswer) else self._interface.judge_credit(answer)
                )
                if isinstance(known, SendResult):
                    self._credit = None
                    self._learn(known)
                else:
                    self._breaker.answered()
                    if not self._message_is_refused:  # only a message can disprove it
                        self._alarms.works(self.name)
                    self._know_credit(known)
            return self._credit

    def low_credit(self) -> str:
        """A sentence if the last known credit is low, or nothing."""
        if self._credit is None or self._credit >= self._warn_credit_below:
            return ""
        return f"{self._credit} credits are left, fewer than {self._warn_credit_below}: buy more"

    async def check(self) -> Delivery:
        """Whether it can be reached, accepts the login (if it says so), and has credit; sends nothing."""
        told = Delivery(outcome=Outcome.UNAVAILABLE, channel=self.name, kind=self.kind, relay=self.place)
        unreachable = await self._client.reach(self._interface.url, deadline=self._until(None))
        if unreachable is not None:
            self._learn(verdict_on_failure(unreachable))
            return replace(told, reason=unreachable.reason)
        if self._interface.credit_request() is not None and await self.credit() is None:
            return replace(told, reason=self.misconfiguration or "it does not tell the credit")
        return replace(told, outcome=Outcome.ACCEPTED)

    @property
    def misconfiguration(self) -> str:
        """What the operator has to fix, or nothing."""
        return self._alarms.wrong_with(self.name)

    async def trouble(self) -> str:
        """What readiness should show, or nothing. Asks the gateway at long intervals only."""
        await self.credit()
        if self.misconfiguration or self.low_credit():
            return self.misconfiguration or self.low_credit()
        return "" if self._breaker.is_closed else "it did not answer recently"

    async def close(self) -> None:
        """Give requests in flight a moment to end, then close every connection."""
        await self._under_way.finish()
        await self._client.close()

    def _until(self, deadline: float | None) -> float:
        own = asyncio.get_running_loop().time() + self._breaker.patience(self._timeout)
        return own if deadline is None else min(own, deadline)

    def _learn(self, verdict: SendResult) -> None:
        if verdict.blame.is_not_the_service:
            self._breaker.answered()
        else:
            self._breaker.failed()
        if verdict.blame is Blame.SETTINGS:
            self._alarms.misconfigured(self.name, verdict.reason)
        elif verdict.outcome is Outcome.ACCEPTED:
            self._alarms.works(self.name)
        if verdict.credit is not None:
            self._know_credit(verdict.credit)

    def _know_credit(self, credits: int) -> None:
        self._credit = credits
        self._credit_due_at = asyncio.get_running_loop().time() + CREDIT_SECONDS
        self._alarms.credit(self.name, credits, warn_below=self._warn_credit_below)


def verdict_on_failure(answer: NoAnswer) -> SendResult:
    """What a missing answer means: a request that may have arrived is never sent again automatically."""
    return SendResult(
        outcome=Outcome.UNKNOWN if answer.was_sent else Outcome.UNAVAILABLE,
        reason=answer.reason,
        blame=Blame.SETTINGS if answer.is_certificate else Blame.SERVICE,
    )


def verdict_on_status(status: int) -> SendResult | None:
    """What the status alone means, for an answer that is not 2xx; None if the body has to be read."""
    if 200 <= status <= 299:
        return None
    blame = Blame.UNCLEAR
    if status >= 500 or status in (408, 429):
        blame = Blame.SERVICE
    elif status < 400 or status in (401, 402, 403, 404, 405, 407):
        blame = Blame.SETTINGS
    outcome = Outcome.UNKNOWN if status in _MAY_HAVE_ACTED else Outcome.UNAVAILABLE
    return SendResult(outcome=outcome, code=status, reason=f"the gateway answered {status}", blame=blame)
