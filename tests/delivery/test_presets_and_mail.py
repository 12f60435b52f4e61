"""The mail that Kapow gets: one recipient of digits, the text in a Subject on one line, nothing else."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.mail_address import is_plain_address, mask_mail
from directory.mobile import E164
from proxy.delivery.mail import gateway_mail, notice_mail
from proxy.delivery.number_format import UnsafeNumber
from proxy.delivery.sms_gateway import recipient
from proxy.delivery.text_rules import wrong_with
from tests.support.delivery import KAPOW

ATTACKS = [
    "+447400123456,+447400123457",
    "+447400123456@evil.example,x",
    "+447400123456@evil.example",
    "+447400123456\r\nBcc: evil@example.com",
    "+447400123456>\r\nRCPT TO:<evil@example.com",
    "+447400123456\n",
    "+447400123456 NOTIFY=SUCCESS",
    "+(0)7400123456",
    '+"447400123456"',
    "+٤٤٧٤٠٠١٢٣٤٥٦",
    "+４４７４００１２３４５６",
    "+44740012345\x00",
    "447400123456",
    "++447400123456",
    "+123456",
    "+1234567890123456",
    "+",
    "",
]


@pytest.mark.parametrize("number", ATTACKS)
def test_a_number_cannot_add_a_recipient_a_header_or_a_command(number: str) -> None:
    with pytest.raises(UnsafeNumber) as raised:
        recipient(KAPOW, E164(number))
    assert "7400123456" not in str(raised.value)


@given(st.text(max_size=40))
def test_whatever_the_number_the_address_is_one_of_digits_at_kapow(number: str) -> None:
    try:
        address = recipient(KAPOW, E164(number))
    except UnsafeNumber:
        return
    local, _, domain = address.partition("@")
    assert local.isascii()
    assert local.isdigit()
    assert domain == "kapow.co.uk"
    assert len(getaddresses([address])) == 1


def test_the_mail_byte_by_byte() -> None:
    mail = gateway_mail(
        sender="otp@corp.example",
        recipient="447400123456@kapow.co.uk",
        subject="493817 is your Wiki sign-in code. It is valid for 5 minutes.",
        message_id="aR4nd0mMessageId",
        now=1_700_000_000.5,
    )
    assert mail.content == (
        b"From: otp@corp.example\r\n"
        b"To: 447400123456@kapow.co.uk\r\n"
        b"Subject: 493817 is your Wiki sign-in code. It is valid for 5 minutes.\r\n"
        b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        b"Message-ID: <aR4nd0mMessageId@corp.example>\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: text/plain; charset="us-ascii"\r\n'
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
    )
    assert "447400123456" not in repr(mail)
    assert "493817" not in repr(mail)


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=160).filter(
        lambda t: not wrong_with(t, KAPOW.rules)
    )
)
def test_every_text_that_passes_stands_on_one_line_as_it_is(text: str) -> None:
    mail = gateway_mail(
        sender="otp@corp.example", recipient="447400123456@kapow.co.uk", subject=text, message_id="x" * 20, now=0
    )
    assert b"\r\nSubject: " + text.encode() + b"\r\n" in mail.content
    assert message_from_bytes(mail.content, policy=default)["Subject"] == text


def test_the_longest_text_is_not_folded() -> None:
    text = "493817 " + "words and " * 15 + "end"
    mail = gateway_mail(
        sender="otp@corp.example", recipient="1234567@k.example", subject=text, message_id="x" * 20, now=0
    )
    assert len(text) == 160, len(text)
    assert b"\r\nSubject: " + text.encode() + b"\r\n" in mail.content


@pytest.mark.parametrize("length", [989, 990, 991, 3000])
def test_no_line_is_longer_than_a_mail_may_have(length: int) -> None:
    subject = "x" * length
    mail = notice_mail(
        "otp@corp.example", recipient="alice@corp.example", subject=subject, text="", message_id="x" * 20, now=0
    )
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998
    assert message_from_bytes(mail.content, policy=default)["Subject"] == subject


@pytest.mark.parametrize("text", ["a\r\nBcc: x", "a\nb", "a\r", "a\n", "é\x85b", "a\u2028b"])
@pytest.mark.parametrize("field", ["sender", "recipient", "subject"])
def test_a_line_break_in_the_text_is_refused_by_the_mail_too(field: str, text: str) -> None:
    texts = {"sender": "otp@corp.example", "recipient": "1234567@kapow.co.uk", "subject": "a"} | {field: text}
    with pytest.raises(ValueError, match=r"linefeed|header"):
        gateway_mail(**texts, message_id="x" * 20, now=0)


@given(
    text=st.text(), subject=st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=80)
)
def test_a_mail_to_read_says_what_it_was_given(text: str, subject: str) -> None:
    mail = notice_mail(
        "otp@corp.example", recipient="alice@corp.example", subject=subject, text=text, message_id="x" * 20, now=0
    )
    read = message_from_bytes(mail.content, policy=default)
    assert isinstance(read, EmailMessage)
    assert read["Subject"].split() == subject.split()
    assert read.get_content().encode().splitlines() == text.encode().splitlines()
    assert (read["To"], read["Bcc"], len(read)) == ("alice@corp.example", None, 9)


@pytest.mark.parametrize("message_id", ["", "short", "a b c d e f", "x" * 65, "12345678>", "12345678\r\n"])
def test_a_message_id_is_plain(message_id: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        gateway_mail(sender="otp@corp.example", recipient="r@k.example", subject="t", message_id=message_id, now=0)


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("otp@corp.example", True),
        ("o.t-p+sms@corp.example", True),
        ("OTP <otp@corp.example>", False),
        ("otp@corp.example, evil@example.com", False),
        ("otp@corp.example\r\n", False),
        ("ötp@corp.example", False),
        ("otp", False),
        ("", False),
    ],
)
def test_only_a_bare_mailbox_can_be_the_sender(address: str, plain: bool) -> None:
    assert is_plain_address(address) is plain


@pytest.mark.parametrize(
    ("address", "shown"),
    [("anna.smith@corp.example", "a•••@corp.example"), ("07400 123456", "•••"), ("", "•••"), ("@x", "•••@x")],
)
def test_of_an_address_the_first_letter_and_the_domain_are_shown(address: str, shown: str) -> None:
    assert mask_mail(address) == shown
