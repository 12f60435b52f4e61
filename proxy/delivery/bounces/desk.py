"""What a mail in the inbox leads to: its message is noted as failed, and the operator or admin is told.

A mail without a known message id only changes a counter. No mail is ever answered. Times are epoch seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import Enum

from structlog.typing import FilteringBoundLogger

from config.factors import ChannelKind
from proxy.delivery.alarms import Alarms
from proxy.delivery.bounces.report import read_report
from proxy.delivery.channel import DeliveryStatus
from proxy.delivery.delivery_store import (
    OPERATORS,
    UNCLEAR,
    BounceReport,
    DeliveryFailure,
    DeliveryStore,
    FailureReason,
    failure_of,
)
from proxy.delivery.refused_persons import RefusedPersons
from proxy.operations.metrics import Metrics

ALARM_SECONDS = 3600.0
"""How long after the last report `/readyz` still shows what the operator has to fix."""
_MOST_WAITING = 256

_SENTENCES = {
    FailureReason.NO_CREDIT: "the SMS gateway refuses messages: the account is without credit",
    FailureReason.SENDER_NOT_TRUSTED: "messages are refused because of their sender, or of the relay that brings them",
    **dict.fromkeys(
        UNCLEAR, "messages to several persons did not arrive, and it is not said why: see gatepost bounces"
    ),
}


class Taken(Enum):
    """What became of one mail."""

    NOTED = "noted"
    KNOWN = "known"
    """This failure was reported before."""
    WAITS = "waits"
    """It names no known message yet: a report can be faster than the note of its message."""
    UNRELATED = "unrelated"
    """It reports no failure of a message of ours."""


class BounceDesk:
    def __init__(
        self,
        store: DeliveryStore,
        *,
        senders: Collection[str],
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        metrics: Metrics,
    ) -> None:
        """`senders`: the addresses that our mails come from."""
        self.senders = frozenset(each.lower() for each in senders)
        self._domains = frozenset(each.rpartition("@")[2] for each in self.senders)
        self._store = store
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._alarms = Alarms(log, metrics)
        self._alarmed: dict[str, tuple[FailureReason, float]] = {}
        self._unclear: dict[str, RefusedPersons] = {}
        self._waiting: deque[BounceReport] = deque(maxlen=_MOST_WAITING)

    async def take(self, content: bytes) -> Taken:
        """Judge one mail. Raises `StoreUnavailable`: then the caller has to bring it again."""
        report = read_report(content, domains=self._domains, senders=self.senders)
        if report is None:
            self._metrics.count_bounce("unrelated")
            return Taken.UNRELATED
        taken = await self._note(report)
        if taken is Taken.WAITS:
            self._waiting.append(report)
        return taken

    async def try_again(self) -> None:
        """Try once more those that named no known message; then forget them. Raises `StoreUnavailable`."""
        while self._waiting:
            if await self._note(self._waiting[0]) is Taken.WAITS:
                self._metrics.count_bounce("unknown_message")
            self._waiting.popleft()

    def trouble(self) -> str | None:
        """What the operator has to fix, according to the reports of the last hour, for `/readyz`."""
        now = self._clock()
        for channel, (_, at) in list(self._alarmed.items()):
            if now >= at + ALARM_SECONDS:
                del self._alarmed[channel]
                self._alarms.works(channel)
        told = (f"{channel}: {_SENTENCES[reason]}" for channel, (reason, _) in sorted(self._alarmed.items()))
        return "; ".join(told) or None

    async def _note(self, report: BounceReport) -> Taken:
        now = self._clock()
        sending = await self._store.sending(report.message_id, now=now)
        if sending is None:
            return Taken.WAITS
        if sending.status is DeliveryStatus.FAILED:
            return Taken.KNOWN
        failure = failure_of(sending, reason=report.reason, detail=report.detail, failed_at=now)
        await self._store.put_failure(failure)
        # The note that makes it known comes last: if the store fails in between, everything is done again.
        await self._store.put_sending(replace(sending, status=DeliveryStatus.FAILED, reason=report.reason.value))
        self._tell(failure, is_for_operator=self._is_for_operator(failure, sending.kind))
        return Taken.NOTED

    def _is_for_operator(self, failure: DeliveryFailure, kind: ChannelKind | None) -> bool:
        """A reason that fails every message, or one that says nothing about the fault and hit several persons."""
        if kind is not ChannelKind.SMS:
            return False  # people know the id of their own mail and could forge its report
        if failure.reason in OPERATORS:
            return True
        if failure.reason not in UNCLEAR or failure.channel in self._alarmed:
            return False
        return self._unclear.setdefault(failure.channel, RefusedPersons(clock=self._clock)).met_by(failure.guid)

    def _tell(self, failure: DeliveryFailure, *, is_for_operator: bool) -> None:
        self._metrics.count_bounce(failure.reason.value)
        self._log.warning(
            "passcode.bounced",
            realm=failure.realm,
            guid=failure.guid,
            channel=failure.channel,
            destination=failure.destination,
            reason=failure.reason.value,
            detail=failure.detail,
            message_id=failure.message_id,
        )
        if is_for_operator:
            self._alarmed[failure.channel] = (failure.reason, failure.failed_at)
            self._alarms.misconfigured(failure.channel, _SENTENCES[failure.reason])
