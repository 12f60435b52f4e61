"""From the settings to the inbox for reports: what is wrong is told at once, and nothing is connected to yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from config.authorities import UnusableAuthorities
from config.settings import Settings
from config.tables.bounces import BouncesSettings
from proxy.delivery.bounces.desk import BounceDesk
from proxy.delivery.bounces.imap_inbox import IMAPInbox
from proxy.delivery.bounces.mailbox import InboxUnavailable, connect, tls_context
from proxy.delivery.delivery_store import DeliveryStore
from proxy.delivery.misconfigured import DeliveryMisconfigured
from proxy.operations.metrics import Metrics


class Inbox(Protocol):
    async def run(self) -> None:
        """Read reports until cancelled. Raises nothing for what a network, a store or a mail does."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why reports cannot be read here just now, or None."""
        ...


class Bounces:
    """The inbox, and what was learnt from it."""

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
) -> Bounces | None:
    """None where no inbox is configured. `clock` in epoch seconds. Raises `DeliveryMisconfigured`."""
    if not settings.bounces.is_on:
        return None
    if problems := wrong_with_bounces(settings):
        raise DeliveryMisconfigured(problems)
    senders = [relay.sender for relay in settings.smtp]
    desk = BounceDesk(store, senders=senders, clock=clock, log=log, metrics=metrics)
    return Bounces(_inbox(settings.bounces, desk), desk)


def wrong_with_bounces(settings: Settings) -> list[str]:
    """What the values do not show: files that cannot be used, a library that is not there."""
    bounces = settings.bounces
    try:
        if bounces.inbox == "imap":
            tls_context(bounces)
        elif bounces.inbox == "smtp":
            # aiosmtpd is an extra: who reads a mailbox, or nothing, does without it.
            from proxy.delivery.bounces.smtp_inbox import server_tls

            server_tls(bounces)
    except ImportError:
        return ['bounces.inbox: "smtp" needs aiosmtpd, which is not installed: install gatepost[bounces]']
    except UnusableAuthorities as error:
        return [f"bounces.ca_file: {error}"]
    except OSError:  # ssl.SSLError is one
        return [
            f"bounces.tls_certificate: {bounces.tls_certificate}: holds no certificate in PEM that tls_key"
            f" ({bounces.tls_key}) belongs to"
        ]
    return []


def _inbox(bounces: BouncesSettings, desk: BounceDesk) -> Inbox:
    if bounces.inbox == "imap":
        return IMAPInbox(bounces, desk)
    from proxy.delivery.bounces.smtp_inbox import SMTPInbox

    return SMTPInbox(bounces, desk)


async def check_mailbox(settings: Settings) -> str | None:
    """For `gatepost check`: what is wrong with the mailbox, after trying it. Nothing in it is touched."""

    def attempt() -> str | None:
        try:
            mailbox = connect(settings.bounces)
            mailbox.unseen()
            mailbox.close()
        except (InboxUnavailable, OSError) as error:
            return str(error)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="bounces") as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, attempt)
