"""Mails that report failures, in the forms of RFC 3464 as mail servers write them, and in a gateway's plain words."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from typing import Any

import structlog

from config.factors import ChannelKind
from proxy.delivery.bounces.desk import BounceDesk
from proxy.delivery.channel import Outcome
from proxy.delivery.delivery_store import Sending
from proxy.operations.log import redact
from proxy.operations.metrics import Metrics
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW

DOMAIN = "corp.example"
SENDER = f"otp@{DOMAIN}"
MESSAGE_ID = "Zm9yIHRlc3RzOiA0MyBjaGFyYWN0ZXJzIG9mIGEtejA"
NUMBER = "447400123456"
PASSCODE = "493817"
SUBJECT = f"{PASSCODE} is your Wiki sign-in code"


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _returned(message_id: str, domain: str) -> str:
    return f"""Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Received: from gatepost (localhost [127.0.0.1]) by relay.{domain}; Sun, 1 Nov 2026 10:00:00 +0000
From: {SENDER}
To: {NUMBER}@kapow.co.uk
Subject: {SUBJECT}
Message-ID: <{message_id}@{domain}>
Auto-Submitted: auto-generated
"""


def postfix_report(
    *,
    message_id: str = MESSAGE_ID,
    domain: str = DOMAIN,
    status: str = "5.1.1",
    action: str = "failed",
    diagnostic: str = f"smtp; 550 5.1.1 <{NUMBER}@kapow.co.uk>: Recipient address rejected: User unknown",
    envelope_id: bool = False,
    quoted: bool = True,
) -> bytes:
    returned = f"--B/relay\n{_returned(message_id, domain)}" if quoted else ""
    return crlf(
        f"""Return-Path: <>
From: MAILER-DAEMON@relay.{DOMAIN} (Mail Delivery System)
To: {SENDER}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B/relay"

This is a MIME-encapsulated message.

--B/relay
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host relay.{DOMAIN}.

<{NUMBER}@kapow.co.uk>: host kapow.co.uk said: 550 5.1.1 User unknown

--B/relay
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.{DOMAIN}
{f"Original-Envelope-Id: {message_id}" if envelope_id else "X-Postfix-Queue-ID: 4Xyz"}

Final-Recipient: rfc822; {NUMBER}@kapow.co.uk
Action: {action}
Status: {status}
Remote-MTA: dns; kapow.co.uk
Diagnostic-Code: {diagnostic}

{returned}--B/relay--
"""
    )


def exim_report() -> bytes:
    return crlf(
        f"""Return-path: <>
X-Failed-Recipients: {NUMBER}@kapow.co.uk
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.{DOMAIN}>
To: {SENDER}
References: <{MESSAGE_ID}@{DOMAIN}>
Content-Type: multipart/report; report-type=delivery-status; boundary=1700000000-eximdsn-123456
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--1700000000-eximdsn-123456
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

  {NUMBER}@kapow.co.uk
    host kapow.co.uk [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<{NUMBER}@kapow.co.uk>:
    550 Unknown user

--1700000000-eximdsn-123456
Content-type: message/delivery-status

Reporting-MTA: dns; mx.{DOMAIN}

Action: failed
Final-Recipient: rfc822;{NUMBER}@kapow.co.uk
Status: 5.0.0
Remote-MTA: dns; kapow.co.uk
Diagnostic-Code: smtp; 550 Unknown user

--1700000000-eximdsn-123456
Content-type: message/rfc822

Return-path: <{SENDER}>
From: {SENDER}
To: {NUMBER}@kapow.co.uk
Subject: {SUBJECT}
Message-ID: <{MESSAGE_ID}@{DOMAIN}>


--1700000000-eximdsn-123456--
"""
    )


def exchange_report() -> bytes:
    """Base64 around the words for people, the original as message/rfc822, and the id in In-Reply-To."""
    return crlf(
        f"""From: postmaster@{DOMAIN}
To: {SENDER}
Date: Sun, 1 Nov 2026 10:00:05 +0000
Content-Type: multipart/report; report-type=delivery-status; boundary="_f1e2_"
MIME-Version: 1.0
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-GB
Message-ID: <c0ffee@EXCH1.{DOMAIN}>
In-Reply-To: <{MESSAGE_ID}@{DOMAIN}>
References: <{MESSAGE_ID}@{DOMAIN}>
Subject: Undeliverable: {SUBJECT}

--_f1e2_
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: base64

RGVsaXZlcnkgaGFzIGZhaWxlZCB0byB0aGVzZSByZWNpcGllbnRzLg==

--_f1e2_
Content-Type: message/delivery-status

Reporting-MTA: dns;EXCH1.{DOMAIN}
Received-From-MTA: dns;gatepost.{DOMAIN}
Arrival-Date: Sun, 1 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822;{NUMBER}@kapow.co.uk
Action: failed
Status: 5.7.60
Diagnostic-Code: smtp;550 5.7.60 SMTP; Client does not have permissions to send as this sender

--_f1e2_
Content-Type: message/rfc822

From: {SENDER}
To: {NUMBER}@kapow.co.uk
Subject: {SUBJECT}
Message-ID: <{MESSAGE_ID}@{DOMAIN}>


--_f1e2_--
"""
    )


def kapow_refusal(text: str, *, message_id: str = MESSAGE_ID) -> bytes:
    """A gateway's own answer: plain words, and what it was about quoted behind them."""
    return plain_mail(f"{text}\n\n> Subject: {SUBJECT}\n> no credit, invalid number\n", message_id=message_id)


def plain_mail(
    text: str, *, message_id: str = MESSAGE_ID, in_reply_to: bool = True, subject: str = f"Re: {SUBJECT}"
) -> bytes:
    answers = f"In-Reply-To: <{message_id}@{DOMAIN}>\n" if in_reply_to else ""
    return crlf(
        f"""From: support@kapow.co.uk
To: {SENDER}
Subject: {subject}
{answers}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{text}
"""
    )


def sending(**changes: Any) -> Sending:
    """A message that a relay took."""
    values: dict[str, Any] = {
        **{
            "message_id": MESSAGE_ID,
            "challenge_id": "challenge",
            "guid": "guid-anna",
            "realm": "corp",
            "username": "anna",
            "channel": "kapow",
        },
        **{"kind": ChannelKind.SMS, "destination": "•••456", "outcome": Outcome.ACCEPTED, "sent_at": NOW},
    }
    return Sending(**{**values, **changes})


@dataclass(slots=True, kw_only=True)
class Desk:
    """A desk on a store in memory, at `now`, and what it logged."""

    desk: BounceDesk
    store: MemoryStore
    metrics: Metrics
    log: io.StringIO
    now: float = NOW

    def told(self, event: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]


def desk() -> Desk:
    store, metrics, out = MemoryStore(), Metrics(), io.StringIO()
    log = structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=[redact, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    made = BounceDesk(store.deliveries, senders=[SENDER], clock=lambda: at.now, log=log, metrics=metrics)
    at = Desk(desk=made, store=store, metrics=metrics, log=out)
    return at
