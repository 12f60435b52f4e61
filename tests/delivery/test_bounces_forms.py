"""Reports of failures in the form of every mail server, and the mails that are none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.bounces.mail_parts import without_comments
from proxy.delivery.bounces.report import read_report
from proxy.delivery.bounces.status_fields import statuses_of
from tests.support.bounce_samples import FORMS, NO_FAILURES, TO, Sample, fields, plain, report
from tests.support.bounces import DOMAIN, MESSAGE_ID, NUMBER, PASSCODE, SENDER

NOISE = (
    b"\r\n",
    b"=?\xff?b?!?=",
    b"; charset*=x''%ff",
    b"\r\nContent-Transfer-Encoding: base64",
    b"\r\nContent-Type: message/delivery-status\r\n\r\n",
    b"(" * 50,
    b'"',
)


@pytest.mark.parametrize("sample", [*FORMS, *NO_FAILURES], ids=lambda sample: sample.name)
def test_each_form_is_read(sample: Sample) -> None:
    found = read_report(sample.content, domains={DOMAIN}, senders={SENDER})
    assert (found.reason if found is not None else None) is sample.reason
    if found is not None:
        assert found.message_id == MESSAGE_ID
        shown = repr(found).replace(MESSAGE_ID, "")
        assert not [secret for secret in (PASSCODE, NUMBER, "@") if secret in shown]


@pytest.mark.parametrize("sample", FORMS, ids=lambda sample: sample.name)
def test_a_forms_line_endings_do_not_matter(sample: Sample) -> None:
    found = read_report(sample.content.replace(b"\r\n", b"\n"), domains={DOMAIN}, senders={SENDER})
    assert (found.reason if found is not None else None) is sample.reason


def test_our_own_address_in_a_report_is_not_the_recipients() -> None:
    """Of one domain with the recipient's, as where passcodes go by mail."""
    status = fields(
        status="5.1.1", diagnostic=f"smtp; 550 5.1.1 <{SENDER}>: user unknown", to="rfc822; anna@corp.example"
    )
    found = read_report(report(status), domains={DOMAIN}, senders={SENDER})
    assert found is not None
    assert found.reason.value == "sender_not_trusted"


def test_a_returned_mail_is_nobodys_word() -> None:
    """What our own text says (an app may be called No Credit) comes back in the report."""
    quoted = plain(
        "Something went wrong.\n\n----- Original message -----\n\nNo credit, unknown user", subject="Returned mail"
    )
    content = quoted + f"\r\nMessage-ID: <{MESSAGE_ID}@{DOMAIN}>\r\n".encode()
    found = read_report(content, domains={DOMAIN})
    assert found is not None
    assert found.reason.value == "gave_up"


@pytest.mark.parametrize(
    "subject",
    [
        b"=?ut\xff-8?q?x?=",
        b"=?nonsense?q?x?=",
        b"=?utf-8?b?!!!?=",
        b"=?utf-8?b?A?=",
        b"=?utf-8?q?=FF=FE?=",
        b"\xff\xfe",
    ],
)
def test_a_subject_that_cannot_be_decoded_stops_nothing(subject: bytes) -> None:
    content = plain(f"Undeliverable.\n\nMessage-ID: <{MESSAGE_ID}@{DOMAIN}>", subject="here")
    found = read_report(content.replace(b"Subject: here", b"Subject: " + subject), domains={DOMAIN})
    assert found is not None
    assert found.reason.value == "gave_up"


@given(st.data())
def test_no_damage_to_any_form_raises(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(FORMS)).content
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        noise = data.draw(st.binary(max_size=8) | st.sampled_from(NOISE))
        content = content[:at] + noise + content[at + data.draw(st.integers(0, 40)) :]
    found = read_report(content, domains={DOMAIN}, senders={SENDER})
    assert found is None or found.detail.isprintable()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (f"The following list of recipients:\n\n{TO}: Envelope expired", "gave_up"),
        ("192.0.2.3 does not like recipient.\nRemote host said: 550 5.1.1 no such mailbox", "number_refused"),
        (f"Connection to kapow.co.uk[192.0.2.3] refused; {TO} could not be delivered.", "gave_up"),
    ],
)
def test_addresses_and_hosts_amid_the_words_change_nothing(said: str, reason: str) -> None:
    found = read_report(plain(f"{said}\n\nMessage-ID: <{MESSAGE_ID}@{DOMAIN}>", subject="Mail"), domains={DOMAIN})
    assert found is not None
    assert found.reason.value == reason


def test_dots_in_an_address_end_no_sentence() -> None:
    said = f"Message to {TO} was rejected by the operator.\n\nMessage-ID: <{MESSAGE_ID}@{DOMAIN}>"
    found = read_report(plain(said, subject="SMS", author="noreply@kapow.co.uk"), domains={DOMAIN})
    assert found is not None
    assert found.reason.value == "gave_up"


def test_a_mail_that_the_library_cannot_read_is_no_report() -> None:
    """Its parser raises a UnicodeError for a parameter in this charset, in every Python from 3.11 to 3.15."""
    content = FORMS[0].content.replace(b"; boundary=", b"; boundary*=undefined''")
    assert content != FORMS[0].content
    assert read_report(content, domains={DOMAIN}) is None


@pytest.mark.parametrize("piece", ["<", "<style>", "<p ", "<br "])
def test_tags_without_an_end_cost_no_time(piece: str) -> None:
    content = plain(f"Message-ID: <{MESSAGE_ID}@{DOMAIN}>\n" + piece * 15_000, subject="x")
    began = time.process_time()
    read_report(content.replace(b"text/plain", b"text/html"), domains={DOMAIN})
    assert time.process_time() - began < 1.0


def test_comments_may_be_nested() -> None:
    assert without_comments("failed (for (good) reasons)") == "failed"
    (recipient,) = statuses_of(
        f"Final-Recipient: rfc822; {TO}\nAction: (it) failed (so)\nStatus: 5.1.1 (9.9.9)"
    ).recipients
    assert (recipient.is_failure, recipient.status, recipient.recipient) == (True, "5.1.1", TO)


def test_the_envelope_id_may_carry_a_comment() -> None:
    assert statuses_of(f"Original-Envelope-Id: {MESSAGE_ID} (ours)\n\nAction: failed").envelope_id == MESSAGE_ID
