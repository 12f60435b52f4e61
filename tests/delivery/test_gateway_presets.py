"""Each preset makes the mail that its gateway documents, and no number can do anything but be a number."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import SMSSettings
from config.tables.sms_gateways import gateway_presets
from directory.mobile import E164
from proxy.delivery.channel import Outcome
from proxy.delivery.gateway_preset import GatewayPreset, preset_named
from proxy.delivery.mail import gateway_mail
from proxy.delivery.number_format import UnsafeNumber, formatted
from proxy.delivery.sms_gateway import recipient, subject_and_body_for
from proxy.delivery.smtp_relay import SMTPRelay
from proxy.delivery.text_rules import wrong_with
from tests.support.delivery import NUMBER, relay_settings
from tests.support.smtp_sink import smtp_sink

TEXT = "493817 is your code"
LOGIN = {"username": "user", "password": "s3cret", "account": "7788"}

# name, login keys, recipient, Subject, body: as the gateway's own pages have it.
FORMS: list[tuple[str, tuple[str, ...], str, str, str]] = [
    ("kapow", (), "447400123456@kapow.co.uk", TEXT, ""),
    ("kapow", ("username", "password"), "447400123456@kapow.co.uk", TEXT, "user\ns3cret\n"),
    ("aql", (), "447400123456@text.aql.com", "", TEXT),
    ("bulksms", (), "447400123456@bulksms.net", "", TEXT),
    ("bulksms", ("password",), "447400123456@bulksms.net", "s3cret", TEXT),
    (
        "clickatell",
        ("username", "password", "account"),
        "sms@messaging.clickatell.com",
        "",
        f"api_id:7788\nuser:user\npassword:s3cret\nto:447400123456\ntext:{TEXT}\n",
    ),
    ("clicksend", (), "+447400123456@sms.clicksend.com", "", TEXT),
    ("esendex", (), "00447400123456@echoemail.net", "", TEXT),
    ("gatewayapi", (), "447400123456@smtp.gatewayapi.com", "", TEXT),
    ("gatewayapi", ("password",), "447400123456@smtp.gatewayapi.com", "s3cret", TEXT),
    ("iflow", (), "447400123456@iflowtech.com", "", TEXT),
    ("intellisoftware", (), "sendsms@messaging.intellisoftware.co.uk", "To:447400123456", TEXT),
    (
        "intellisoftware",
        ("username", "password"),
        "sendsms@messaging.intellisoftware.co.uk",
        "Username:user Password:s3cret To:447400123456",
        TEXT,
    ),
    ("puzzel", ("account",), "447400123456-7788@smsmail.intele.com", "", TEXT),
    ("telecomstats", ("password",), "07400123456@sms.telecomstats.co.uk", "s3cret", TEXT),
    ("textanywhere", (), "+447400123456@sms160.textapp.net", "", f"{TEXT}$$"),
    ("textlocal", (), "447400123456@txtlocal.co.uk", "", f"{TEXT}##"),
    ("textmarketer", (), "447400123456@textmarketer.biz", "", f"{TEXT}##"),
    ("textmarketer", ("username", "password"), "447400123456@textmarketer.biz", "user%s3cret", f"{TEXT}##"),
    ("totext", (), "447400123456@totext.net", "", TEXT),
    ("world-text", (), "447400123456@sms.world-text.com", "", TEXT),
    ("world-text", ("password",), "447400123456@sms.world-text.com", "s3cret", TEXT),
]


def gateway(name: str, **table: Any) -> GatewayPreset:
    sms = SMSSettings.model_validate({"gateways": {name: table}} if table else {})
    preset = preset_named(name, sms)
    assert preset is not None
    return preset


def test_every_preset_has_its_form_here() -> None:
    assert {form[0] for form in FORMS} == set(gateway_presets())
    assert len(gateway_presets()) >= 13


@pytest.mark.parametrize(("name", "login", "to", "subject", "body"), FORMS)
def test_a_preset_makes_the_documented_mail(
    name: str, login: tuple[str, ...], to: str, subject: str, body: str
) -> None:
    preset = gateway(name, **{key: LOGIN[key] for key in login})
    assert recipient(preset, NUMBER) == to
    assert subject_and_body_for(preset, NUMBER, TEXT) == (subject, body)
    mail = gateway_mail(sender="otp@corp.example", recipient=to, subject=subject, body=body, message_id="x" * 20, now=0)
    head, _, rest = mail.content.partition(b"\r\n\r\n")
    assert rest == (body and body.removesuffix("\n").replace("\n", "\r\n") + "\r\n").encode()
    assert b"Content-Transfer-Encoding: 7bit" in head
    parsed = message_from_bytes(mail.content, policy=default)
    assert parsed["Subject"] == subject
    assert getaddresses([parsed["To"]]) == [("", to)]
    for shown in (repr(preset), repr(mail)):
        assert "s3cret" not in shown
        assert "7400123456" not in shown


@pytest.mark.parametrize("body", ["493817", "493817\n", ".", ".\n.", "£5", "{text}"])
async def test_any_body_arrives_whole_and_ends_where_it_ends(body: str) -> None:
    async with smtp_sink() as sink:
        relay = SMTPRelay(relay_settings(sink.port, timeout="2s"))
        mail = gateway_mail(
            sender="otp@corp.example",
            recipient="1@x.example",
            subject="",
            body=body,
            message_id="x" * 20,
            now=0,
        )
        deadline = asyncio.get_running_loop().time() + 2
        assert (await relay.send(mail, deadline=deadline)).outcome is Outcome.ACCEPTED
        received = await sink.next_message()
        await relay.close()
    parsed = message_from_bytes(received.content, policy=default)
    assert parsed.get_content().replace("\r\n", "\n").rstrip("\n") == body.rstrip("\n")


@pytest.mark.parametrize("name", sorted(gateway_presets()))
def test_no_preset_lets_a_text_end_early_or_start_a_line_of_its_own(name: str) -> None:
    rules = gateway(name, **LOGIN).rules
    assert wrong_with(TEXT, rules) is None
    assert wrong_with("493817\r\nto:1", rules) is not None
    if not rules.several_lines:
        assert wrong_with("493817\nto:1", rules) is not None
    if rules.terminator:
        assert wrong_with(f"493817 {rules.terminator} more", rules) is not None


def test_an_own_gateway_needs_no_preset() -> None:
    own = gateway("modem", address="sms@modem.corp.example", subject="{number}", body="{text}", number_format="idd")
    assert recipient(own, NUMBER) == "sms@modem.corp.example"
    assert subject_and_body_for(own, NUMBER, TEXT) == ("00447400123456", TEXT)


def test_an_own_gateway_may_be_like_a_known_one() -> None:
    own = gateway("second", preset="kapow", address="{number}@kapow.example")
    assert recipient(own, NUMBER) == "447400123456@kapow.example"
    assert subject_and_body_for(own, NUMBER, TEXT) == (TEXT, "")


def test_what_is_put_into_a_template_is_never_read_again() -> None:
    own = gateway("own", address="{number}@x.example", body="{username} {text}", username="{password}", password="p")
    assert subject_and_body_for(own, NUMBER, "{username}{number}")[1] == "{password} {username}{number}"


def test_a_body_outside_ascii_is_sent_as_utf_8_on_request() -> None:
    own = gateway("own", address="{number}@x.example", seven_bit=False)
    assert wrong_with("£5 für Ä", own.rules) is None
    mail = gateway_mail(
        sender="otp@corp.example", recipient="1@x.example", subject="", body="£5", message_id="x" * 20, now=0
    )
    assert message_from_bytes(mail.content, policy=default).get_content().strip() == "£5"


@pytest.mark.parametrize(
    ("form", "home", "number", "written"),
    [
        ("e164", "GB", "+447400123456", "+447400123456"),
        ("digits", "GB", "+447400123456", "447400123456"),
        ("idd", "GB", "+447400123456", "00447400123456"),
        ("national", "GB", "+447400123456", "07400123456"),
        ("national", "GB", "+447781123456", "07781123456"),
        ("national", "GB", "+33612345678", "33612345678"),
        ("national", "DE", "+4915112345678", "015112345678"),
        ("national", "DE", "+447400123456", "447400123456"),
        ("national", "US", "+12025550123", "12025550123"),
    ],
)
def test_a_number_is_written_as_asked(form: Any, home: str, number: str, written: str) -> None:
    assert formatted(E164(number), form, home) == written


@given(st.sampled_from(["e164", "digits", "idd", "national"]), st.text(max_size=40))
def test_whatever_the_number_it_is_digits_in_every_form(form: Any, number: str) -> None:
    try:
        written = formatted(E164(number), form, "GB")
    except UnsafeNumber:
        return
    assert written.removeprefix("+").isascii()
    assert written.removeprefix("+").isdigit()


@pytest.mark.parametrize("form", ["e164", "digits", "idd", "national"])
@pytest.mark.parametrize(
    "number",
    [
        "+447400123456,+447400123457",
        "+447400123456@evil.example",
        "+447400123456\r\nBcc: evil@example.com",
        "+447400123456\n",
        "+٤٤٧٤٠٠١٢٣٤٥٦",
        "447400123456",
        "++447400123456",
        "",
    ],
)
def test_an_attack_is_refused_in_every_form(form: Any, number: str) -> None:
    with pytest.raises(UnsafeNumber):
        formatted(E164(number), form, "GB")
