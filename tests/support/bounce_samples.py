"""Reports of failures as each mail server writes them, about a message of ours: written here, in the form of theirs.

`{to}` is whom it was for, `{id}` the message id with its domain, `{subject}` our subject; all of them are filled in.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.delivery.delivery_store import FailureReason
from tests.support.bounces import DOMAIN, MESSAGE_ID, NUMBER, SENDER, SUBJECT, crlf

TO = f"{NUMBER}@kapow.co.uk"
ORIGINAL = f"""Return-Path: <{SENDER}>
Received: from gatepost (localhost [127.0.0.1]) by relay.{DOMAIN}; Sun, 1 Nov 2026 10:00:00 +0000
From: {SENDER}
To: {TO}
Subject: {SUBJECT}
Message-ID: <{MESSAGE_ID}@{DOMAIN}>
"""
NUMBER_REFUSED, SENDER_NOT_TRUSTED = FailureReason.NUMBER_REFUSED, FailureReason.SENDER_NOT_TRUSTED
NO_CREDIT, GAVE_UP, UNKNOWN = FailureReason.NO_CREDIT, FailureReason.GAVE_UP, FailureReason.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    content: bytes
    reason: FailureReason | None
    """None: it reports no failure."""


def plain(text: str, *, subject: str, author: str = f"MAILER-DAEMON@relay.{DOMAIN}", fields: str = "") -> bytes:
    return crlf(
        f"""From: {author}
To: {SENDER}
Subject: {subject}
{fields}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{text}"""
    )


def report(
    status: str,
    *,
    words: str = "Your message could not be delivered.",
    kind: str = "message/delivery-status",
    encoding: str = "7bit",
    returned: str = "message/rfc822",
    subject: str = "Undelivered Mail Returned to Sender",
    wrapper: str = "multipart/report; report-type=delivery-status",
) -> bytes:
    return crlf(
        f"""From: MAILER-DAEMON@relay.{DOMAIN} (Mail Delivery System)
To: {SENDER}
Subject: {subject}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: {wrapper}; boundary="B/relay"

This is a MIME-encapsulated message.

--B/relay
Content-Type: text/plain; charset=us-ascii

{words}

--B/relay
Content-Type: {kind}
Content-Transfer-Encoding: {encoding}

{status}

--B/relay
Content-Type: {returned}

{ORIGINAL}
--B/relay--
"""
    )


def fields(*, action: str = "failed", status: str = "5.0.0", diagnostic: str = "", to: str = f"rfc822; {TO}") -> str:
    said = f"\nDiagnostic-Code: {diagnostic}" if diagnostic else ""
    return (
        f"Reporting-MTA: dns; relay.{DOMAIN}\nArrival-Date: Sun, 1 Nov 2026 10:00:00 +0000\n\n"
        f"Final-Recipient: {to}\nAction: {action}\nStatus: {status}{said}"
    )


def _sample(name: str, reason: FailureReason | None, content: bytes) -> Sample:
    return Sample(name=name, content=content, reason=reason)


QMAIL = f"""Hi. This is the qmail-send program at relay.{DOMAIN}.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{TO}>:
%s

--- Below this line is a copy of the message.

{ORIGINAL}
"""

FORMS = (
    # RFC 3464 and 6533: what stands in the fields.
    _sample(
        "comments in the fields",
        NUMBER_REFUSED,
        report(
            fields(
                action="failed (permanently)",
                status="5.1.1 (bad destination mailbox address)",
                diagnostic="smtp (as it was said); 550 5.1.1 no such user",
                to=f"rfc822 (as given); {TO} (the only one)",
            )
        ),
    ),
    _sample("a status only in a comment's company", NUMBER_REFUSED, report(fields(status="(permanent) 5.1.1"))),
    _sample(
        "expired",
        GAVE_UP,
        report(fields(action="expired", status="4.4.7", diagnostic="smtp; 451 4.4.1 connection timed out")),
    ),
    _sample("expired, without a code", GAVE_UP, report(fields(action="expired", status="5.0.0"))),
    _sample(
        "the real code in the diagnostic",
        NUMBER_REFUSED,
        report(fields(diagnostic="smtp; 550 5.1.1 <x@kapow.co.uk>: gone")),
    ),
    _sample("a real code about us", SENDER_NOT_TRUSTED, report(fields(diagnostic="smtp; 550 5.7.1 Relaying denied"))),
    _sample(
        "Status 5.1.1 of a refused relay",
        SENDER_NOT_TRUSTED,
        report(fields(status="5.1.1", diagnostic="SMTP; 550 relay not permitted")),
    ),
    _sample("full", GAVE_UP, report(fields(status="5.2.2", diagnostic="smtp; 552 5.2.2 mailbox is full"))),
    _sample("too large", GAVE_UP, report(fields(status="5.2.3", diagnostic="smtp; 552 5.2.3 message too long"))),
    _sample(
        "a blacklisted address of ours",
        SENDER_NOT_TRUSTED,
        report(fields(status="5.0.0", diagnostic="smtp; 550 IP address blacklisted")),
    ),
    _sample(
        "Office 365, of whom it does not know",
        NUMBER_REFUSED,
        report(
            fields(
                status="5.4.1",
                diagnostic="smtp;550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [x.outlook.com]",
            )
        ),
    ),
    _sample(
        "RFC 6533",
        NUMBER_REFUSED,
        report(
            fields(status="5.1.1", diagnostic="smtp; 550 5.1.1 no such user", to=f"utf-8; {TO}"),
            kind="message/global-delivery-status",
            returned="message/global",
        ),
    ),
    _sample(
        "RFC 6533 in Base64",
        NUMBER_REFUSED,
        report(
            "UmVwb3J0aW5nLU1UQTogZG5zOyByZWxheS5jb3JwLmV4YW1wbGUKCkZpbmFsLVJlY2lwaWVudDogdXRmLTg7IHhAa2Fwb3cuY28udWsK\n"
            "QWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQpEaWFnbm9zdGljLUNvZGU6IHNtdHA7IDU1MCA1LjEuMSBVc2VyIHVua25vd24K",
            kind="message/global-delivery-status",
            encoding="base64",
            returned="message/global-headers",
        ),
    ),
    _sample(
        "fields in Quoted-Printable",
        SENDER_NOT_TRUSTED,
        report(
            fields(status="5.0.0", diagnostic="smtp; 550 relay=20not=20permit=\nted"),
            encoding="quoted-printable",
        ),
    ),
    _sample(
        "no empty line between the groups",
        NUMBER_REFUSED,
        report(fields(status="5.1.1", diagnostic="smtp; 550 no such user").replace("\n\n", "\n")),
    ),
    _sample("no Action at all", NUMBER_REFUSED, report(fields(status="5.1.1").replace("Action: failed\n", ""))),
    _sample(
        "several recipients, one of whom failed",
        NUMBER_REFUSED,
        report(
            fields(action="delivered", status="2.0.0")
            + "\n\nFinal-Recipient: rfc822; y@kapow.co.uk\nAction: failed\nStatus: 5.1.1"
        ),
    ),
    _sample("delayed", None, report(fields(action="delayed", status="4.4.1"), subject="Delayed Mail")),
    _sample("delivered", None, report(fields(action="delivered", status="2.1.5"), subject="Delivery report")),
    # By maker.
    _sample(
        "Postfix",
        SENDER_NOT_TRUSTED,
        report(
            fields(
                status="5.7.1",
                diagnostic=f"smtp; 554 5.7.1 <{TO}>: Relay\n    access denied",
            ),
            words=f"<{TO}>: host kapow.co.uk said: 554 5.7.1 Relay access denied (in reply to RCPT TO command)",
        ),
    ),
    _sample(
        "Postfix, of the envelope's sender",
        SENDER_NOT_TRUSTED,
        report(
            fields(status="5.0.0", diagnostic="smtp; 550 Not today"),
            words=f"<{TO}>: host kapow.co.uk[192.0.2.1] said: 550 Not today (in reply to MAIL FROM command)",
        ),
    ),
    _sample(
        "Exim without RFC 3464",
        NUMBER_REFUSED,
        plain(
            f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {TO}
    host kapow.co.uk [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<{TO}>:
    550 5.1.1 User
    unknown

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}""",
            subject="Mail delivery failed: returning message to sender",
            author=f"Mail Delivery System <Mailer-Daemon@mx.{DOMAIN}>",
            fields=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
        ),
    ),
    _sample(
        "Exim, of the sender",
        SENDER_NOT_TRUSTED,
        plain(
            f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {TO}
    SMTP error from remote mail server after MAIL FROM:<{SENDER}> SIZE=1600:
    550 no such user here

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}""",
            subject="Mail delivery failed: returning message to sender",
            author=f"Mail Delivery System <Mailer-Daemon@mx.{DOMAIN}>",
            fields=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
        ),
    ),
    _sample(
        "Exim, retried for too long",
        GAVE_UP,
        plain(
            f"""A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {TO}
    retry timeout exceeded

------ This is a copy of the message's headers. ------

{ORIGINAL}""",
            subject="Mail delivery failed: returning message to sender",
            fields=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
        ),
    ),
    _sample(
        "Exim's warning",
        None,
        plain(
            f"""A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.{DOMAIN}.

The message identifier is <{MESSAGE_ID}@{DOMAIN}>.
The address to which the message has not yet been delivered is:

  {TO}

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals.
""",
            subject="Warning: message 1abcde-000001-AB delayed 24 hours",
            author=f"Mail Delivery System <Mailer-Daemon@mx.{DOMAIN}>",
            fields="Auto-Submitted: auto-replied\n",
        ),
    ),
    _sample(
        "qmail, unknown",
        NUMBER_REFUSED,
        plain(QMAIL % "Sorry, no mailbox here by that name. (#5.1.1)", subject="failure notice"),
    ),
    _sample(
        "qmail, relaying",
        SENDER_NOT_TRUSTED,
        plain(
            QMAIL
            % "192.0.2.1 does not like recipient.\nRemote host said: 553 sorry, that domain isn't in my list of allowed"
            " rcpthosts (#5.7.1)\nGiving up on 192.0.2.1.",
            subject="failure notice",
        ),
    ),
    _sample(
        "qmail, after too long",
        GAVE_UP,
        plain(
            QMAIL % "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
            "I'm not going to try again; this message has been in the queue too long.",
            subject="failure notice",
        ),
    ),
    _sample("qmail, odd words", GAVE_UP, plain(QMAIL % "Something went wrong.", subject="failure notice")),
    _sample(
        "Sendmail of old, plain",
        NUMBER_REFUSED,
        plain(
            f"""The original message was received at Sun, 1 Nov 2026 10:00:00 GMT
from gatepost.{DOMAIN} [192.0.2.7]

   ----- The following addresses had permanent fatal errors -----
<{TO}>

   ----- Transcript of session follows -----
... while talking to kapow.co.uk.:
>>> RCPT To:<{TO}>
<<< 550 5.1.1 unknown or illegal alias: {TO}
550 5.1.1 <{TO}>... User unknown

   ----- Original message follows -----

{ORIGINAL}""",
            subject="Returned mail: see transcript for details",
            author=f"Mail Delivery Subsystem <MAILER-DAEMON@relay.{DOMAIN}>",
        ),
    ),
    _sample(
        "Sendmail's status for a refused relay",
        SENDER_NOT_TRUSTED,
        report(
            fields(status="5.1.1", diagnostic="SMTP; 550 Must authenticate first"),
            words=f"   ----- Transcript of session follows -----\n550 5.1.1 <{TO}>... User unknown",
        ),
    ),
    _sample(
        "Sendmail's warning",
        None,
        plain(
            f"""    **********************************************
    **      THIS IS A WARNING MESSAGE ONLY      **
    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **
    **********************************************

The original message <{MESSAGE_ID}@{DOMAIN}> was received at Sun, 1 Nov 2026 10:00:00 GMT

   ----- Transcript of session follows -----
451 kapow.co.uk: Name server timeout
Warning: message still undelivered after 4 hours
Will keep trying until message is 5 days old
""",
            subject="Warning: could not send message for past 4 hours",
        ),
    ),
    _sample(
        "Exchange on-premises",
        NUMBER_REFUSED,
        report(
            fields(
                status="5.1.1", diagnostic="smtp;550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found", to=f"rfc822;{TO}"
            ),
            subject=f"Undeliverable: {SUBJECT}",
        ),
    ),
    _sample(
        "Exchange, not allowed to send as",
        SENDER_NOT_TRUSTED,
        report(
            fields(
                status="5.7.60",
                diagnostic="smtp;550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            )
        ),
    ),
    _sample(
        "Exchange 2003, plain",
        NUMBER_REFUSED,
        plain(
            f"""Your message

      To:      {TO}
      Subject: {SUBJECT}
      Sent:    Sun, 1 Nov 2026 10:00:00 -0000

did not reach the following recipient(s):

{TO} on Sun, 1 Nov 2026 10:00:02 -0000
    The recipient name is not recognized
        The MTS-ID of the original message is: c=GB;a= ;p=Corp;l=EXCH-261101100002Z-1
    MSEXCH:IMS:Corp:HQ:EXCH 0 (000C05A6) Unknown Recipient
""",
            subject="Undeliverable: sign-in",
            author=f"System Administrator <postmaster@{DOMAIN}>",
            fields=f"In-Reply-To: <{MESSAGE_ID}@{DOMAIN}>\n",
        ),
    ),
    _sample(
        "Office 365, tenant over its limit",
        SENDER_NOT_TRUSTED,
        report(
            fields(
                status="5.7.233",
                diagnostic="smtp;550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit",
            )
        ),
    ),
    _sample(
        "Gmail of old",
        NUMBER_REFUSED,
        plain(
            f"""Delivery to the following recipient failed permanently:

     {TO}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient domain kapow.co.uk.

The error that the other server returned was:
550 5.1.1 <{TO}>: Email address could not be found, or was misspelled

----- Original message -----

{ORIGINAL}""",
            subject="Delivery Status Notification (Failure)",
            author="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            fields=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
        ),
    ),
    _sample(
        "Gmail, delayed",
        None,
        plain(
            f"""This is an automatically generated Delivery Status Notification

THIS IS A WARNING MESSAGE ONLY.

YOU DO NOT NEED TO RESEND YOUR MESSAGE.

Delivery to the following recipient has been delayed:

     {TO}

Message will be retried for 2 more day(s)

----- Original message -----

{ORIGINAL}""",
            subject="Delivery Status Notification (Delay)",
            author="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            fields=f"X-Failed-Recipients: {TO}\nAuto-Submitted: auto-replied\n",
        ),
    ),
    _sample(
        "Google Workspace's relay limit",
        SENDER_NOT_TRUSTED,
        report(fields(status="5.4.5", diagnostic="smtp; 550-5.4.5 Daily SMTP relay sending limit exceeded.")),
    ),
    _sample(
        "OpenSMTPD",
        NUMBER_REFUSED,
        report(
            fields(status="5.0.0", diagnostic=""),
            words=f"""    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

{TO}: 550 5.1.1 <{TO}>: Recipient address rejected: User unknown""",
            wrapper="multipart/mixed",
            subject="Delivery status notification: error",
            returned="text/rfc822-headers",
        ),
    ),
    _sample(
        "OpenSMTPD, delayed",
        None,
        report(
            fields(action="delayed", status="4.0.0"),
            wrapper="multipart/mixed",
            subject="Delivery status notification: delayed",
            returned="text/rfc822-headers",
        ),
    ),
    _sample(
        "Notes of old",
        NUMBER_REFUSED,
        plain(
            f"""------- Failure Reasons  --------

User not listed in public Name & Address Book
{TO}


------- Returned Message --------

{ORIGINAL}""",
            subject="DELIVERY FAILURE",
            author=f"Postmaster@notes.{DOMAIN}",
        ),
    ),
    _sample(
        "Domino",
        NUMBER_REFUSED,
        report(
            fields(status="5.1.1", diagnostic="X-Notes; User x (x@kapow.co.uk) not listed in Domino Directory"),
            words=f"Your message\n\n  Subject: {SUBJECT}\n\nwas not delivered to:\n\n  {TO}\n\nbecause:\n\n Not listed",
            subject="DELIVERY FAILURE: User not listed in Domino Directory",
        ),
    ),
    _sample(
        "MDaemon",
        NUMBER_REFUSED,
        plain(
            f"{TO} - no such user here.\n\nThere is no user by that name at this server.\n\n{ORIGINAL}",
            subject="Warning: somebody - User unknown!",
            author=f"MDaemon@mail.{DOMAIN}",
        ),
    ),
    _sample(
        "in a language that is not known here",
        GAVE_UP,
        plain(
            f"Ihre Nachricht an {TO} ist leider nicht angekommen.\n\n{ORIGINAL}",
            subject="Unzustellbar",
        ),
    ),
    _sample(
        "as HTML alone",
        NUMBER_REFUSED,
        plain(
            f"<html><head><style>p {{}}</style></head><p>Sorry.</p><p>550 5.1.1 User <b>unknown</b></p>"
            f"<!-- {MESSAGE_ID}@{DOMAIN} --></html>",
            subject="Undeliverable mail",
        ).replace(b"text/plain", b"text/html"),
    ),
    _sample(
        "a gateway's own words, without a reason",
        GAVE_UP,
        plain(
            "Your text message could not be delivered.",
            subject="Re: sign-in",
            author="support@kapow.co.uk",
            fields=f"In-Reply-To: <{MESSAGE_ID}@{DOMAIN}>\n",
        ),
    ),
    _sample(
        "whose subject begins with a word and ends with ours",
        GAVE_UP,
        plain(
            "See the details below.",
            subject=f"Undeliverable: {SUBJECT}",
            author="Microsoft Outlook <MicrosoftExchange@corp.example>",
            fields=f"In-Reply-To: <{MESSAGE_ID}@{DOMAIN}>\n",
        ),
    ),
    _sample(
        "a gateway's report that it was delivered",
        None,
        plain(
            f"Message to {NUMBER} was delivered.",
            subject="Delivery receipt",
            author="support@kapow.co.uk",
            fields=f"In-Reply-To: <{MESSAGE_ID}@{DOMAIN}>\n",
        ),
    ),
)

_ANSWERS = f"In-Reply-To: <{MESSAGE_ID}@{DOMAIN}>\n"
AWAY = (
    "I am away until Monday. My mailbox is not read, messages to it are not delivered to anybody, and the user you"
    " write to is unknown to my colleagues: mail could not be sent on.\n"
)
NO_FAILURES = (
    _sample(
        "RFC 3834",
        None,
        plain(
            AWAY, subject="Re: sign-in", author="anna@corp.example", fields=f"{_ANSWERS}Auto-Submitted: auto-replied\n"
        ),
    ),
    _sample(
        "RFC 3834 with a comment and a parameter",
        None,
        plain(
            AWAY,
            subject="Re: sign-in",
            author="anna@corp.example",
            fields=f"Return-Path: <>\n{_ANSWERS}Auto-Submitted: auto-replied (vacation); owner-email=a@corp.example\n",
        ),
    ),
    _sample(
        "Exchange's",
        None,
        plain(
            AWAY,
            subject="Automatic reply: sign-in",
            author="anna@corp.example",
            fields=f"{_ANSWERS}Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n",
        ),
    ),
    _sample(
        "Exchange's in another language",
        None,
        plain(
            AWAY,
            subject="Automatische Antwort: sign-in",
            author="anna@corp.example",
            fields=f"{_ANSWERS}X-Auto-Response-Suppress: All\n",
        ),
    ),
    _sample(
        "of before RFC 3834",
        None,
        plain(AWAY, subject="sign-in", author="anna@corp.example", fields=f"{_ANSWERS}Precedence: auto_reply\n"),
    ),
    _sample(
        "that a mail was read, or thrown away",
        None,
        report(
            f"Final-Recipient: rfc822; {TO}\nDisposition: automatic-action/MDN-sent-automatically; deleted",
            kind="message/disposition-notification",
            wrapper="multipart/report; report-type=disposition-notification",
            subject="Not read: sign-in",
        ),
    ),
    _sample(
        "a complaint",
        None,
        report(
            "Feedback-Type: abuse\nUser-Agent: Some/1.0\nVersion: 1",
            kind="message/feedback-report",
            wrapper="multipart/report; report-type=feedback-report",
            subject="Complaint",
        ),
    ),
)
