"""From the settings to the canaries: every problem is reported at once, and nothing is sent or connected yet."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from structlog.typing import FilteringBoundLogger

from config.checks import canary_findings
from config.factors import ChannelKind, Factor
from config.named_files import canary_file_problems
from config.problems import ConfigurationError, told
from config.settings import Settings
from config.tables.schemes import factors_of
from directory.directory import CheckResult
from directory.mail_address import mask_mail
from directory.mobile import mask
from proxy.canary.board import CanaryBoard
from proxy.canary.canaries import Canaries, CanaryWords
from proxy.canary.canary_message import CanaryStore
from proxy.canary.recipients import canary_of, recipient_problems
from proxy.delivery.bounces.imap_inbox import IMAPInbox, check_mailbox
from proxy.delivery.channel import EMAIL_ONLY
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.own_login import SharedLogins
from proxy.operations.health import Check, Need
from proxy.operations.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCanaries:
    """All of it: what one worker of all nodes does, and what each knows."""

    board: CanaryBoard
    canaries: Canaries
    inboxes: dict[str, IMAPInbox]
    """By the canary's name."""

    async def run(self) -> None:
        """Send, and read the mailboxes, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for each in (self.canaries.run, *(inbox.run for inbox in self.inboxes.values())):
                tasks.create_task(each())

    @property
    def checks(self) -> dict[str, Check]:
        """For `/readyz`: of each canary, and of its mailbox."""

        async def trouble(inbox: IMAPInbox) -> str | None:
            return inbox.trouble

        return self.board.checks | {
            f"mailbox of canary {name}": Check(need=Need.HELPFUL, ask=partial(trouble, inbox))
            for name, inbox in self.inboxes.items()
        }


def create_canaries(
    settings: Settings,
    store: CanaryStore,
    channels: Channels,
    *,
    clock: Callable[[], float],
    log: FilteringBoundLogger,
    metrics: Metrics,
    logins: SharedLogins | None = None,
) -> ServedCanaries | None:
    """None where none is configured. `clock` in epoch seconds; `logins`: what other workers know of refused ones.

    Raises `ConfigurationError`.
    """
    if not settings.canaries:
        return None
    wrong = told(canary_findings(settings), canary_file_problems(settings), recipient_problems(settings))
    if problems := list(wrong):
        raise ConfigurationError.of(problems)
    every = [canary_of(each, settings) for each in settings.canaries]
    host = settings.server.public_url.host
    words = CanaryWords(
        host=host,
        minutes=math.ceil(settings.passcode.lifetime / 60),
        digits=settings.passcode.digits,
        language=settings.message_language,
    )
    inboxes: dict[str, IMAPInbox] = {}
    canaries = Canaries(
        every,
        words=words,
        store=store,
        channels=channels,
        clock=clock,
        log=log,
        is_unread=lambda name: name in inboxes and inboxes[name].trouble is not None,
    )
    board = CanaryBoard(every, store=store, orders=lambda: _orders(settings, channels), clock=clock)
    metrics.registry.register(board)
    for each in settings.canaries:
        if each.inbox is not None:
            inboxes[each.name] = IMAPInbox(each.inbox, canaries, logins=logins)
    return ServedCanaries(board=board, canaries=canaries, inboxes=inboxes)


def _orders(settings: Settings, channels: Channels) -> list[dict[str, ChannelKind]]:
    """As they count now: a rung of `[[degrade]]` may have put others in their place."""
    asked = factors_of(settings.schemes)
    every = ((Factor.SMS, channels.names()), (Factor.EMAIL, channels.names(EMAIL_ONLY)))
    kinds = [[(name, channels.kind_of(name)) for name in names] for factor, names in every if factor in asked]
    return [{name: kind for name, kind in each if kind is not None} for each in kinds]


async def check_canaries(settings: Settings) -> list[CheckResult]:
    """For `gatepost check`: where each goes, and whether its mailbox can be read. Nothing is sent, nothing touched."""
    found = []
    for each in settings.canaries:
        canary = canary_of(each, settings)
        to = mask(canary.number) if canary.number is not None else mask_mail(canary.mail or "")
        detail = f"through {each.channel} to {to}, every {_interval(each.every_seconds)}"
        if each.inbox is None:
            detail += f"; gatepost canary arrived {each.name} CODE says when it is there"
        found.append(CheckResult(subject=f"canary {each.name}", ok=True, detail=detail))
        if each.inbox is not None:
            found.append(await check_mailbox(each.inbox, f"mailbox of canary {each.name}"))
    return found


def _interval(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if rest or not minutes:
        return f"{seconds:g} seconds"
    return "minute" if minutes == 1 else f"{minutes} minutes"
