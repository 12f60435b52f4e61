"""`gatepost send-test`: one marked SMS without a passcode, and advice where it fails."""

import argparse
import io
from pathlib import Path

import pytest
from aiohttp import web

from config.problems import ConfigurationError
from config.settings import Settings
from proxy.commands import send_test
from tests.support.delivery import delivery_settings, relay_settings
from tests.support.sms_http import kapow_table, sms_http_gateway
from tests.support.smtp_sink import Script, scripted_smtp, smtp_sink


async def run(number: str, settings: Settings, *more: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    send_test.add_arguments(parser)
    stdout = io.StringIO()

    async def no_wait(seconds: float) -> None:
        return None

    code = await send_test.run(parser.parse_args([number, *more]), settings, stdout, sleep=no_wait)
    return code, stdout.getvalue()


async def test_a_test_message_goes_out_as_typed_in_the_directory() -> None:
    async with smtp_sink() as sink:
        code, told = await run("07400 123456", delivery_settings(relay_settings(sink.port)))
        received = await sink.next_message()
    assert code == 0
    assert received.recipients == ("447400123456@kapow.co.uk",)
    assert b"Subject: This is a test message from Gatepost (signin.corp.example).\r\n" in received.content
    assert "accepted" in told
    assert "7400123456" not in told
    assert "456" in told


async def test_an_unusable_number_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("020 7946 0018", delivery_settings()) == (2, "")
    told = capsys.readouterr().err
    assert told == "gatepost send-test: the number is a valid number, but not a mobile one\n"
    assert await run("07700 900123", delivery_settings()) == (2, "")
    assert "the number is not a valid number (mobile.home_region says" in capsys.readouterr().err


async def test_a_relay_that_is_away_is_told_with_advice() -> None:
    async with smtp_sink() as sink:
        port = sink.port
    code, told = await run("07400 123456", delivery_settings(relay_settings(port)))
    assert code == 1
    assert "was not sent: unavailable" in told
    assert "Check host, port, security" in told


async def test_a_refusal_is_told_with_its_code() -> None:
    async with smtp_sink() as sink:
        sink.rcpt = "550 5.1.1 unknown"
        code, told = await run("07400 123456", delivery_settings(relay_settings(sink.port)))
    assert code == 1
    assert "refused (reply code 550), the relay answered 550 5.1.1" in told


async def test_an_open_end_is_told_as_such() -> None:
    async with scripted_smtp(Script(answers={".": b""})) as script:
        code, told = await run("07400 123456", delivery_settings(relay_settings(script.port)))
    assert code == 1
    assert "The relay may have taken it" in told


async def test_where_all_channels_fail_there_is_advice_for_each_kind(tmp_path: Path) -> None:
    async with smtp_sink() as sink, sms_http_gateway(tmp_path) as gateway:
        gateway.answers["sendsms.php"] = "USERPASS"
        settings = delivery_settings(
            relay_settings(sink.port),
            second_factor={"channels": ["kapow", "kapow_http"]},
            sms={"http": {"kapow_http": kapow_table(gateway)}},
        )
        sink.mail = "550 not you"
        code, told = await run("07400 123456", settings)
    assert code == 1
    assert "in [smtp]" in told
    assert "in [sms.http]" in told


async def test_wrong_settings_are_told_as_problems() -> None:
    with pytest.raises(ConfigurationError, match='unknown SMS gateway "pigeon"'):
        await run("07400 123456", delivery_settings(gateway="pigeon"))


async def test_one_channel_alone_can_be_tested_and_says_what_became_of_it(tmp_path: Path) -> None:
    async with smtp_sink() as sink, sms_http_gateway(tmp_path) as gateway:
        settings = delivery_settings(
            relay_settings(sink.port),
            second_factor={"channels": ["kapow", "kapow_http", "email"]},
            sms={"http": {"kapow_http": kapow_table(gateway)}},
        )
        statuses = iter("NNSD")

        async def next_status(request: web.Request) -> web.StreamResponse:
            return web.Response(text=next(statuses))

        gateway.answers["chk_status.php"] = next_status
        code, told = await run("07400 123456", settings, "--channel", "kapow_http")
        assert sink.messages == []
        assert gateway.sent[0].form["sms"] == "This is a test message from Gatepost (signin.corp.example)."
    assert code == 0
    assert "kapow_http accepted the test message" in told
    assert "kapow_http says about it: delivered." in told
    assert "7400123456" not in told


async def test_a_failed_delivery_is_told(tmp_path: Path) -> None:
    async with sms_http_gateway(tmp_path) as gateway:
        settings = delivery_settings(
            second_factor={"channels": ["kapow_http"]}, sms={"http": {"kapow_http": kapow_table(gateway)}}
        )
        gateway.answers["chk_status.php"] = "X"
        code, told = await run("07400 123456", settings)
        assert (code, "kapow_http says about it: failed." in told) == (1, True)
        gateway.answers["sendsms.php"] = "USERPASS"
        code, told = await run("07400 123456", settings)
    assert code == 1
    assert "Check url, ca_file, username and password in [sms.http]" in told


async def test_the_email_channel_is_tested_with_an_address() -> None:
    async with smtp_sink() as sink:
        settings = delivery_settings(relay_settings(sink.port), second_factor={"channels": ["kapow", "email"]})
        code, told = await run("anna.smith@corp.example", settings, "--channel", "email")
        received = await sink.next_message()
    assert (code, received.recipients) == (0, ("anna.smith@corp.example",))
    assert "a•••@corp.example" in told
    assert "anna.smith" not in told


async def test_a_number_is_no_address_and_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    settings = delivery_settings(second_factor={"channels": ["kapow", "email"]})
    assert await run("07400 123456", settings, "--channel", "email") == (2, "")
    told = capsys.readouterr().err
    assert "give a mail address" in told
    assert "123456" not in told


async def test_an_unknown_channel_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    settings = delivery_settings(second_factor={"channels": ["kapow", "email"]})
    assert await run("07400 123456", settings, "--channel", "pigeon") == (2, "")
    told = capsys.readouterr().err
    assert told == "gatepost send-test: second_factor.channels names no pigeon; there is kapow, email\n"
