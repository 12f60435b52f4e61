"""From the settings to the inbox for reports: every problem is reported at once, and nothing is connected yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.named_files import bounces_file_problems
from config.problems import ConfigurationError, Finding, Place, told
from config.settings import Settings
from config.tables.bounces import BouncesSettings, bounces_problems
from proxy.delivery.bounces.desk import BounceDesk
from proxy.delivery.bounces.imap_inbox import IMAPInbox
from proxy.delivery.bounces.inbox_package import library_problems
from proxy.delivery.delivery_store import DeliveryStore
from proxy.delivery.own_login import SharedLogins
from proxy.operations.metrics import Metrics


class Inbox(Protocol):
    async def run(self) -> None:
        """Read reports until cancelled. Raises nothing for what a network, a store or a mail does."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why reports cannot be read now, or None."""
        ...


class Bounces:
    """The inbox, and what was learned from it."""

    def __init__(self, inbox: Inbox, desk: BounceDesk) -> None:
        self._inbox = inbox
        self._desk = desk

    async def run(self) -> None:
        await self._inbox.run()

    async def trouble(self) -> str | None:
        """For `/readyz`: nothing about persons."""
        return "; ".join(filter(None, (self._inbox.trouble, self._desk.trouble()))) or None


def create_bounces(
    settings: Settings,
    store: DeliveryStore,
    *,
    clock: Callable[[], float],
    log: FilteringBoundLogger,
    metrics: Metrics,
    logins: SharedLogins | None = None,
) -> Bounces | None:
    """None where no inbox is configured. `clock` in epoch seconds; `logins`: what other workers know of refused ones.

    Raises `ConfigurationError`."""
    if not settings.bounces.is_on:
        return None
    if problems := list(_problems(settings)):
        raise ConfigurationError.of(problems)
    senders = [relay.sender for relay in settings.smtp]
    desk = BounceDesk(store, senders=senders, clock=clock, log=log, metrics=metrics)
    return Bounces(_inbox(settings.bounces, desk, logins), desk)


def _problems(settings: Settings) -> Iterator[Finding]:
    """Of settings that need not come from a file, where all of that is told at once."""
    values = ((Place("bounces", None, key), message) for key, message in bounces_problems(settings.bounces))
    yield from told(values, bounces_file_problems(settings), library_problems(settings.bounces))


def _inbox(bounces: BouncesSettings, desk: BounceDesk, logins: SharedLogins | None) -> Inbox:
    if bounces.inbox == "imap":
        return IMAPInbox(bounces, desk, logins=logins)
    from proxy.delivery.bounces.smtp_inbox import SMTPInbox

    return SMTPInbox(bounces, desk)
