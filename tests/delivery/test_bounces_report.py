"""What a mail says about a message of ours: reports in their usual forms, plain refusals, and neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.bounces.report import MAX_REPORT_BYTES, read_report
from proxy.delivery.bounces.wording import clean_line
from proxy.delivery.delivery_store import BounceReport, FailureReason
from tests.support.bounces import (
    DOMAIN,
    MESSAGE_ID,
    NUMBER,
    PASSCODE,
    SUBJECT,
    exchange_report,
    exim_report,
    kapow_refusal,
    plain_mail,
    postfix_report,
)

DOMAINS = frozenset((DOMAIN,))


def reported(content: bytes) -> BounceReport:
    found = read_report(content, domains=DOMAINS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (postfix_report(), FailureReason.NUMBER_REFUSED),
        (postfix_report(envelope_id=True, quoted=False), FailureReason.NUMBER_REFUSED),
        (postfix_report(status="5.4.7", diagnostic="smtp; 451 4.4.1 timed out"), FailureReason.GAVE_UP),
        (postfix_report(status="4.4.7", diagnostic="X-Postfix; delivery expired"), FailureReason.GAVE_UP),
        (
            postfix_report(status="5.7.1", diagnostic="smtp; 554 5.7.1 Relay access denied"),
            FailureReason.SENDER_NOT_TRUSTED,
        ),
        (
            postfix_report(status="5.0.0", diagnostic="smtp; 550 You have no credits left"),
            FailureReason.NO_CREDIT,
        ),
        (postfix_report(status="5.6.0", diagnostic="smtp; 554 Nothing doing"), FailureReason.UNKNOWN),
        (exim_report(), FailureReason.NUMBER_REFUSED),
        (exchange_report(), FailureReason.SENDER_NOT_TRUSTED),
        (kapow_refusal("Your SMS was not sent: insufficient credits."), FailureReason.NO_CREDIT),
        (kapow_refusal("This email address is not a trusted email address."), FailureReason.SENDER_NOT_TRUSTED),
        (kapow_refusal("USERPASS"), FailureReason.SENDER_NOT_TRUSTED),
        (kapow_refusal(f"{NUMBER} is not a number: invalid mobile number."), FailureReason.NUMBER_REFUSED),
    ],
)
def test_a_report_is_tied_to_its_message_and_has_a_reason(content: bytes, reason: FailureReason) -> None:
    report = reported(content)
    assert (report.message_id, report.reason) == (MESSAGE_ID, reason)


@pytest.mark.parametrize(
    "content",
    [
        postfix_report(diagnostic=f'smtp; 550 5.1.1 <{NUMBER}@kapow.co.uk>: no such user "{SUBJECT}"'),
        postfix_report(diagnostic=f"smtp; 550 5.1.1 {SUBJECT}"),
        exim_report(),
        exchange_report(),
        kapow_refusal(f'Your message "{SUBJECT}" to {NUMBER} was not sent: no credit'),
        kapow_refusal(f"No credit for {PASSCODE[:3]} {PASSCODE[3:]} to +44 (0)7400 123 456"),
        kapow_refusal("No credit for ١٢٣٤٥٦ to ７４００１２３４５６"),
    ],
)
def test_what_is_kept_of_a_report_holds_no_passcode_number_address_or_quotation(content: bytes) -> None:
    report = reported(content)
    shown = repr(report).replace(MESSAGE_ID, "")
    assert not [secret for secret in (PASSCODE, NUMBER, NUMBER[2:], "7400", "@", "١", "７") if secret in shown]
    assert "is your Wiki" not in report.detail or '"' not in report.detail
    assert len(report.detail) <= 160
    assert report.detail.isprintable()


def test_reply_codes_stay_readable() -> None:
    assert reported(postfix_report()).detail == "550 5.1.1 …: Recipient address rejected: User unknown"


def test_the_code_of_the_cited_answer_is_the_only_one() -> None:
    content = postfix_report(status="5.0.0", diagnostic="smtp; 550 5.1.1 User unknown")
    assert reported(content).detail == "550 5.1.1 User unknown"
    content = postfix_report(status="5.0.0", diagnostic="smtp; 550 User unknown")
    assert reported(content).detail == "550 5.0.0 User unknown"


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_other_actions_than_failed_are_no_failure(action: str) -> None:
    assert read_report(postfix_report(action=action), domains=DOMAINS) is None


@pytest.mark.parametrize(
    "text",
    [
        f"Message to {NUMBER} delivered.",  # a gateway's delivery report
        "I am on holiday until Monday. Please write to my colleague.",
        "",
        f"> {SUBJECT}\n> no credit\n",
        f'Thank you for "{PASSCODE} is your No Credit sign-in code"',
        f"Hello,\n\n----- Original message -----\nSubject: {SUBJECT} for no credit\n",
    ],
)
def test_an_answer_that_speaks_of_no_refusal_is_none(text: str) -> None:
    assert read_report(plain_mail(text, in_reply_to=True), domains=DOMAINS) is None


def test_what_our_own_subject_says_is_not_the_gateways_word() -> None:
    """An app may be called No Credit; its name comes back in the subject, with a passcode in front."""
    mail = plain_mail("It did not work.", in_reply_to=True, subject=f"{PASSCODE} is your No Credit sign-in code")
    assert read_report(mail, domains=DOMAINS) is None


@pytest.mark.parametrize(
    "content",
    [
        postfix_report(message_id="short"),
        postfix_report(message_id="A" * 44),
        postfix_report(domain="elsewhere.example"),
        postfix_report(domain=f"{DOMAIN}.evil.example"),
        b"",
        b"\x00\xff" * 500,
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x",
        b"Content-Type: message/delivery-status\r\n\r\nAction: failed",
    ],
)
def test_a_mail_without_an_id_of_ours_says_nothing(content: bytes) -> None:
    assert read_report(content, domains=DOMAINS) is None


def test_parts_within_parts_without_end_are_not_read() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000))
    assert read_report(nested + postfix_report(), domains=DOMAINS) is None
    assert read_report(b"Content-Type: message/rfc822\r\n\r\n" * 1500, domains=DOMAINS) is None


def test_a_report_is_read_up_to_its_bound() -> None:
    assert read_report(b"X-Filler: " + b"x" * MAX_REPORT_BYTES + b"\r\n" + postfix_report(), domains=DOMAINS) is None


@given(st.binary(max_size=400), st.integers(0, 2000))
def test_no_damage_to_a_report_raises(noise: bytes, at: int) -> None:
    whole = postfix_report()
    for content in (noise, whole[:at], whole[:at] + noise + whole[at:], whole[:at] + noise):
        found = read_report(content, domains=DOMAINS)
        assert found is None or (found.detail.isprintable() and len(found.detail) <= 160)


@given(st.text(max_size=300))
def test_no_line_keeps_a_digit_but_for_reply_codes(text: str) -> None:
    kept = clean_line("550 5.1.1 " + text)
    assert kept.startswith("550 5.1.1")
    assert not [char for char in kept.removeprefix("550 5.1.1") if char.isdecimal()]
    assert not [char for char in kept if char != "…" and not " " <= char <= "~"]


def test_words_are_found_in_time_whatever_they_are_among() -> None:
    for text in ('"' * 100_000, "<" * 100_000, "user " * 20_000, "a@" * 50_000, "1-" * 50_000):
        clean_line(text)
        read_report(plain_mail(text), domains=DOMAINS)
