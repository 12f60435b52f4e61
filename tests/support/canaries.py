"""Canaries for tests: through a relay of the test's own, at a time that the test sets, and what they logged."""

from __future__ import annotations

import email
import email.policy
import io
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import structlog

from config.settings import CanarySettings, Settings
from proxy.audit.audited_log import audited
from proxy.canary.canary_message import CanaryStore
from proxy.canary.create_canaries import ServedCanaries, create_canaries
from proxy.delivery.channels_in_order import Channels, Order
from proxy.delivery.create_channels import create_channels
from proxy.operations.log import redact
from proxy.operations.metrics import Metrics
from tests.support.delivery import delivery_settings, relay_settings
from tests.support.kept_events import KeptEvents
from tests.support.people import NOW
from tests.support.smtp_sink import Received

NUMBER = "07400 123456"
ADDRESS = "canary@corp.example"
SMS = {"name": "kapow", "channel": "kapow", "to": NUMBER}
MAIL = {"name": "mail", "channel": "email", "to": ADDRESS}


@dataclass(slots=True)
class Watch:
    """The time, which the test moves."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True, kw_only=True)
class Node:
    """What one node has of them."""

    served: ServedCanaries
    channels: Channels
    clock: Callable[[], float]
    metrics: Metrics
    audit: KeptEvents
    log: io.StringIO

    def told(self, event: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]


def canary_settings(port: int, *canaries: dict[str, Any], **changes: Any) -> Settings:
    """A relay on this port, Kapow and mail."""
    second_factor = {"channels": ["kapow", "email"]}
    settings = delivery_settings(relay_settings(port), **{"second_factor": second_factor, **changes})
    made = tuple(CanarySettings.model_validate(each) for each in canaries or (SMS,))
    return settings.model_copy(update={"canaries": made})


def node(settings: Settings, store: CanaryStore, clock: Callable[[], float], order: Order | None = None) -> Node:
    """`order`: the channels that people's codes go by now; None: those of the settings."""
    out, metrics, audit = io.StringIO(), Metrics(), KeptEvents()
    log = structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=[redact, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    channels = create_channels(settings, clock=clock, log=log, metrics=metrics, order=order)
    served = create_canaries(settings, store, channels, clock=clock, log=audited(log, audit), metrics=metrics)
    assert served is not None
    return Node(served=served, channels=channels, clock=clock, metrics=metrics, audit=audit, log=out)


def text_of(received: Received) -> str:
    """What a phone or a person reads: Kapow takes an SMS from the Subject."""
    mail = email.message_from_bytes(received.content, policy=email.policy.SMTP)
    assert isinstance(mail, EmailMessage)
    content = mail.get_content() if received.recipients == (ADDRESS,) else mail["Subject"]
    return str(content)


def forwarded(text: str) -> bytes:
    """A mail by which a phone hands on an SMS."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "phone@corp.example", ADDRESS
    mail["Subject"] = "SMS from +447700900123"
    mail.set_content(f"Received at 12:03:\n\n{text}\n\n-- \nThe phone in the server room")
    return mail.as_bytes()
