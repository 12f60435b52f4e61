"""Telling a person that their passcodes go to another number: the old number and their mail address, once each.

It happens in the background: the request does not wait for it, and a failure is only logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from directory.mobile import E164
from directory.principal import Principal
from proxy.delivery.channel import Delivery, Notifier, Outcome
from proxy.secrets.tokens import new_token

_Telling = Callable[[Notifier], Awaitable[Delivery]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told. The SMS is one line; the mail may be longer."""

    sms: str
    subject: str
    mail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """Notices on their way. `notifier` None: nobody can be told, which is logged."""

    notifier: Notifier | None
    log: FilteringBoundLogger
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def tell(self, principal: Principal, old_number: E164 | None, notice: Notice, *, incident: str) -> None:
        """Start telling both; returns at once."""
        facts = {"realm": principal.realm, "guid": principal.guid, "incident": incident}
        if old_number is not None:
            number = old_number
            self._begin(lambda notifier: notifier.tell_number(number, notice.sms, new_token()), "old_phone", facts)
        if principal.mail:
            mail = principal.mail
            self._begin(
                lambda notifier: notifier.tell_mail(mail, notice.subject, notice.mail, new_token()), "mail", facts
            )

    async def settled(self) -> None:
        """Return once all notices that were begun are sent, or have failed."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _begin(self, telling: _Telling, to: str, facts: dict[str, str]) -> None:
        task = asyncio.create_task(self._tell(telling, to, facts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, telling: _Telling, to: str, facts: dict[str, str]) -> None:
        if self.notifier is None:
            self.log.warning("notice.not_sent", to=to, reason="there is no way to send it", **facts)
            return
        try:
            delivery = await telling(self.notifier)
        except Exception:  # the border of a background task
            self.log.exception("notice.failed", to=to, **facts)
            return
        sent = delivery.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        event = "notice.sent" if sent else "notice.not_sent"
        self.log.info(event, to=to, outcome=delivery.outcome.value, reason=delivery.reason, **facts)
