"""Whose fault a refusal is, by what servers of every make say; one judge for answers at once and for later reports."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.delivery_store import FailureReason
from proxy.delivery.refusals import JUDGED_LATE, Refusal, Stage, judge, normalised, reason_of_plain_words

SENDER = "otp@corp.example"
RECIPIENT = "447400123456@kapow.co.uk"

ABOUT_US = f"""
550 relay not permitted
550 5.1.0 <{SENDER}>: Sender address rejected: User unknown in virtual mailbox table
504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname
503 This mail server requires authentication
513 Relaying denied.
555 5.5.4 Unsupported option: NOTIFY=NEVER
550 Domain corp.example has exceeded the max emails per hour (101/100 (101%)) allowed. Message discarded.
550 5.4.5 Daily SMTP relay sending limit exceeded
554 5.7.1 <{RECIPIENT}>: Relay access denied
554 5.7.1 <{RECIPIENT}>: Recipient address rejected: Relay access denied
550 5.1.1 <{SENDER}>: Sender address rejected: User unknown in local recipient table
550 5.1.1 <{SENDER}>... User unknown
550 user {SENDER} unknown
553 5.7.1 <{SENDER}>: Sender address rejected: not owned by user otp
550 5.1.8 <{SENDER}>: Sender address rejected: Domain not found
554 5.7.1 <{RECIPIENT}>: Recipient address rejected: SMTP AUTH required
554 5.7.1 <vm[192.0.2.7]>: Client host rejected: Access denied
450 4.7.1 <vm>: Helo command rejected: Host not found
554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org
550 IP address blacklisted
550 IP 192.0.2.7 blacklisted
550 Rejected because 192.0.2.7 is in a black list at bl.example
550 Sender verify failed
550-Please turn on SMTP Authentication. vm is not permitted to relay\\n550 through this server without it.
550 HELO should be a FQDN or address literal
550 Outgoing mail from corp.example has been suspended.
550 sender address does not match the authenticated id
550 5.7.1 <{RECIPIENT}>... Relaying denied. IP name lookup failed [192.0.2.7]
553 5.1.8 <{SENDER}>... Domain of sender address {SENDER} does not exist
503 5.0.0 Polite people say HELO first
501 5.5.4 Bad argument to NOTIFY
550 5.7.1 Unable to relay
550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain
550 5.7.60 SMTP; Client does not have permissions to send as this sender
530 5.7.57 Client not authenticated to send mail
550 5.7.64 TenantAttribution; Relay Access Denied
550 5.1.8 Access denied, bad outbound sender
550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP
554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException; not allowed to send as this sender
550-5.7.1 Invalid credentials for relay [192.0.2.7]. The IP address is not the\\n550 5.7.1 one that is registered
550 5.7.0 Mail relay denied [192.0.2.7].
555 5.5.2 Syntax error, cannot decode response
553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
553 sorry, your envelope sender has been denied (#5.7.1)
550 Rejected by header based Anti-Spoofing policy
550 Account outbounds disabled
554 Host network not allowed
554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.7
550 Mail rejected: rate control limit exceeded
554 Message rejected: Email address is not verified
454 Throttling failure: Maximum sending rate exceeded
554 Message rejected: Sending suspended for this account
550 The from address does not match a verified Sender Identity
550 Unauthenticated senders not allowed
525 5.7.1 Unauthorized IP address
502 5.7.0 Your SMTP account is not yet activated
550 5.7.0 Domain corp.example is not allowed to send: it is unverified
503 5.7.1 Incorrect Authentication for Specified Email Address
550 Delivery is not allowed to this address.
554 Relay rejected for policy reasons.
550-Requested action not taken: mailbox unavailable\\n550 Sender address is not allowed.
550 5.2.1 Mailbox unavailable. Your IP address has been temporarily banned
550 5.7.1 Our system has detected that this message is likely unsolicited mail
550 You must check for new mail before sending mail.
530 5.7.0 Must issue a STARTTLS command first
550 Your email address has been blacklisted
550 From: domain is invalid
550 Server access forbidden by your IP
550 authorization failed
550 Client certificate not trusted
550 Your SMS account has expired
550 Your account is inactive
550 Recipient address rejected: your account is closed
550 user otp is disabled
550 SMTP user blocked
550 API user does not exist
550 customer number unknown
550 Originating number invalid
550 Source number not valid
550 Invalid source address
550 From number not found
550 Return address does not exist
550 Sending user is deactivated
550 Submitting user unknown
550 unknown local sender
550 mailbox unavailable: sender verification
550 Address 192.0.2.7 not known
554 <{RECIPIENT}>: Recipient address rejected: 192.0.2.7 blocked
550 recipient domain not accepted from this IP
550 email submission disabled for this user
550 5.7.139 SmtpClientAuthentication is disabled for the Mailbox
550 wrong number of recipients
501 invalid number of parameters
550 bad destination for your contract
550 Destination barred for this account
550 destination is not available on a trial account
550 Destination not on your whitelist
550 SMS gateway licence expired
550 Gateway: invalid API key
550 SMS quota used up for this month
550 Your message was rejected because your country is blocked
550 5.7.27 The sender's domain corp.example has a null MX
550 Absenderadresse abgelehnt
550 Zustellung nicht erlaubt: Absender unbekannt
550 Relaying nicht erlaubt
550 Expediteur refuse
550 Remitente no permitido
550 Sorry, you are not a customer of this service
550 This account may only send to verified recipients
550 Please use your provider's smart host
"""

ABOUT_THE_RECIPIENT = f"""
550 5.4.1 Recipient address rejected: Access denied. AS(201806281)
550 5.4.1 [{RECIPIENT}]: Recipient address rejected: Access denied
550 5.1.1 unknown
550 unknown
550 no such user
550 Unknown user
553 5.1.3 bad address
501 5.1.3 Bad recipient address syntax
550 5.1.1 <{RECIPIENT}>: Recipient address rejected: User unknown in virtual alias table
550 5.1.1 <{RECIPIENT}>: Recipient address rejected: undeliverable address: host kapow.co.uk said: 550 User unknown
550 5.1.1 <{RECIPIENT}>... User unknown
550-5.1.1 The email account that you tried to reach does not exist. Please try\\n550 5.1.1 double-checking it
550 5.2.1 The email account that you tried to reach is disabled
550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
550 Requested action not taken: mailbox unavailable
511 sorry, no mailbox here by that name (#5.1.1 - chkuser)
550 Recipient Rejected: No account by that name here
550 5.1.6 Recipient has moved
554 delivery error: dd This user doesn't have an account
550 5.7.1 <{RECIPIENT}>: Recipient address rejected: User unknown in relay recipient table
550 invalid mobile number
550 number barred
550 There is no one at this address
550 not a known user
550 sorry, your envelope recipient has been denied (#5.7.1)
550 Utilisateur inconnu
550 Empfaenger unbekannt
550 Benutzer existiert nicht
550 Destinatario sconosciuto
550 5.0.0 <{RECIPIENT}>... User has left the company
550 Number not in service
550 Number has been disconnected
550 number is blacklisted
550 recipient on STOP list
550 phone number is too short
550 not a mobile number
550 number must be in international format
553 5.1.3 {RECIPIENT}... Colon illegal in host name part of a recipient
550 5.2.1 account disabled
550 account {RECIPIENT} disabled
550 no mailbox for this account
550 R=smarthost T=remote_smtp_smarthost: SMTP error from remote mail server after RCPT TO: 550 User unknown
"""

UNCLEAR = f"""
550 no
550 Administrative prohibition
554 Transaction failed
550 #5.1.0 Address rejected.
551 User not local; please try another server
553 Requested action not taken: mailbox name not allowed
554 5.6.0 Nothing doing
550 Access denied
550 Unrouteable address
550 5.1.0 Recipient address rejected: You shall not pass
550 I cannot deliver mail for you
550 Account suspended
550 account disabled
550 Recipient blocked
550 permanent failure for one or more recipients ({RECIPIENT}:blocked)
550 <{RECIPIENT}>: Recipient address rejected: Blacklisted
550 Requested action not taken: mailbox unavailable or not local
550 cannot verify user: directory unavailable
550 User database unavailable
550 recipient verification is not available
550 Destination carrier unreachable
550 error number 17 not known
550 invalid user agent
"""

NOT_THROUGH = """
550 5.1.2 <x>: Recipient address rejected: Domain not found
552 5.2.2 mailbox full
550 5.2.2 user over quota
550 5.1.1 Recipient address rejected: Mailbox full
552 5.2.3 Message exceeds maximum size
550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents it
550 5.4.4 unable to route: no mail hosts for domain
554 5.4.6 too many hops
450 4.1.1 <x>: Recipient address rejected: unverified address: User unknown
550 5.1.0 Recipient address rejected: Internal server error
550 DNS records for the destination computer could not be found
552 user would be over the allowed quota
550 subscriber temporarily unavailable
550 User lookup service unavailable
550 handset unreachable at the moment
550 mailbox unavailable, try again later
550 The quota for this account is exceeded
550 mailbox exceeded the number of messages allowed
550 Mailbox locked for maintenance
550 5.2.1 mailbox temporarily disabled
550 5.7.1 Recipient is on the suppression list
"""


def lines(block: str) -> list[str]:
    return [line.replace("\\n", "\n") for line in block.strip().splitlines()]


def answer(line: str) -> Refusal:
    """As the library gives a relay's answer: the code apart."""
    text = "\n".join(each[4:] for each in line.split("\n"))
    return Refusal(text=text, stage=Stage.RECIPIENT, code=int(line[:3]), sender=SENDER, recipient=RECIPIENT)


def report(line: str) -> Refusal:
    """As a report cites it."""
    return Refusal(text=line.replace("\n", " "), sender=SENDER, recipient=RECIPIENT)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        *((each, FailureReason.SENDER_NOT_TRUSTED) for each in lines(ABOUT_US)),
        *((each, FailureReason.NUMBER_REFUSED) for each in lines(ABOUT_THE_RECIPIENT)),
        *((each, FailureReason.UNKNOWN) for each in lines(UNCLEAR)),
        *((each, FailureReason.GAVE_UP) for each in lines(NOT_THROUGH)),
    ],
)
def test_a_refusal_is_judged_alike_at_once_and_in_a_report(line: str, reason: FailureReason) -> None:
    assert judge(answer(line)) is reason
    assert judge(report(line)) is reason


@pytest.mark.parametrize("line", lines(ABOUT_THE_RECIPIENT))
def test_before_the_recipient_is_named_nothing_is_the_numbers_fault(line: str) -> None:
    for stage in set(Stage) - JUDGED_LATE:
        refusal = Refusal(text=line, stage=stage, code=550, sender=SENDER, recipient=RECIPIENT)
        assert judge(refusal) is FailureReason.SENDER_NOT_TRUSTED


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("550 5.7.1 Relaying denied", "5.0.0", FailureReason.SENDER_NOT_TRUSTED),
        ("550 5.1.1 gone", "5.0.0", FailureReason.NUMBER_REFUSED),
        ("550 5.2.2 no more room", "5.1.1", FailureReason.GAVE_UP),
        ("550 Prohibited", "5.1.1", FailureReason.UNKNOWN),  # which Sendmail makes of every 550
        ("unknown user: somebody", "5.1.1", FailureReason.NUMBER_REFUSED),
        ("", "5.1.1", FailureReason.NUMBER_REFUSED),
        ("", "5.2.2", FailureReason.GAVE_UP),
        ("", "5.2.3", FailureReason.GAVE_UP),
        ("", "4.4.7", FailureReason.GAVE_UP),
        ("", "5.1.8", FailureReason.SENDER_NOT_TRUSTED),
        ("", "5.0.0", FailureReason.UNKNOWN),
        ("no answer (in reply to MAIL FROM command)", "5.0.0", FailureReason.SENDER_NOT_TRUSTED),
    ],
)
def test_a_reports_status_counts_as_far_as_the_cited_answer_has_none(
    text: str, status: str, reason: FailureReason
) -> None:
    assert judge(Refusal(text=text, enhanced=status, sender=SENDER, recipient=RECIPIENT)) is reason


def test_what_is_quoted_of_our_own_subject_is_nobodys_word() -> None:
    assert judge(Refusal(text='554 not like this: "No Credit: user unknown"')) is FailureReason.UNKNOWN
    assert reason_of_plain_words('Thank you for "No Credit"') is FailureReason.UNKNOWN


def test_a_refusal_shows_no_address_and_no_words() -> None:
    shown = repr(Refusal(text=f"550 <{RECIPIENT}>", sender=SENDER, recipient=RECIPIENT))
    assert "4474" not in shown
    assert "kapow" not in normalised(f"<{RECIPIENT}> {RECIPIENT}.", recipient=RECIPIENT)


@given(st.text(max_size=200), st.sampled_from([None, *Stage]), st.none() | st.integers(400, 599), st.text(max_size=12))
def test_every_refusal_has_a_reason(text: str, stage: Stage | None, code: int | None, enhanced: str) -> None:
    assert judge(Refusal(text=text, stage=stage, code=code, enhanced=enhanced, sender=SENDER)) in FailureReason


@pytest.mark.parametrize(
    "piece", ["user ", "sender ", "not ", '"', "<", "a@", "host ", "1.", "x", "relay not ", "550 ", "address not "]
)
def test_long_answers_are_judged_in_time(piece: str) -> None:
    began = time.process_time()
    judge(Refusal(text=piece * 100_000, stage=Stage.RECIPIENT, sender=SENDER, recipient=RECIPIENT))
    assert time.process_time() - began < 1.0
