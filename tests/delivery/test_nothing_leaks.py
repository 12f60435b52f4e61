"""Every logger there is, at DEBUG, while every channel works and fails: no passcode, subject, number or credential."""

from __future__ import annotations

import asyncio
import io
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from config.tables.sms_gateways import HTTPGatewaySettings, SMSGatewaySettings
from proxy.delivery.channel import EMAIL_ONLY, Outcome, SendResult
from proxy.delivery.create_channels import create_channels
from proxy.delivery.email_channel import EmailChannel
from proxy.delivery.gateway_preset import preset_of
from proxy.delivery.http_sms import SMSByHTTP
from proxy.delivery.https_client import HTTPSAnswer, Request
from proxy.delivery.sms_gateway import SMSByMail
from proxy.operations.log import configure_log
from proxy.operations.metrics import Metrics
from tests.support.delivery import NUMBER, PASSCODE, delivery_settings, passcode_message, relay_settings
from tests.support.parts import parts_of
from tests.support.sms_http import generic_table, kapow_table, sms_http_gateway
from tests.support.smtp_sink import Script, scripted_smtp, smtp_sink

SECRETS = (
    PASSCODE,
    "is your Wiki sign-in code",  # the text, which is a Subject
    NUMBER[1:],
    "7400123456",
    "kap0w-s3cret",
    "kap0w-user",
    "t0ken-s3cret",
    "gateway-pa55word",
    "anna.smith@",
    "Anna",
    "amber river",
)
NAMED_MAIL = {"channel": "email", "subject": "For {name}: {tag}", "body": "{passcode} {name} {tag}"}
OWN = {"address": "{number}@127.0.0.1", "subject": "{username} {password}", "username": "someone"}


class EveryLogger:
    """What the root logger gets at DEBUG, rendered with tracebacks."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        self.handler = logging.StreamHandler(self.lines)
        self.handler.setLevel(logging.DEBUG)

    def __enter__(self) -> EveryLogger:
        self.root = logging.getLogger()
        self.before = self.root.level
        self.root.addHandler(self.handler)
        self.root.setLevel(logging.DEBUG)
        for name in ("aiohttp", "aiohttp.client", "aiohttp.internal", "asyncio", "aiosmtplib", "charset_normalizer"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        # The doubles' own: an SMTP sink logs all it receives.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        return self

    def __exit__(self, *_: object) -> None:
        self.root.removeHandler(self.handler)
        self.root.setLevel(self.before)
        for name in ("aiohttp", "aiohttp.client", "aiohttp.internal", "asyncio", "aiosmtplib", "charset_normalizer"):
            logging.getLogger(name).setLevel(logging.NOTSET)


async def test_no_log_line_repr_or_metric_of_any_channel_holds_a_secret(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_debug(True)
    told: list[Any] = []
    own_log = io.StringIO()
    before = logging.getLogger().handlers[:]
    log = configure_log(own_log, human=False)
    logging.getLogger().handlers[:] = before
    metrics = Metrics()
    with EveryLogger() as every:
        async with (
            smtp_sink() as sink,
            scripted_smtp(Script(answers={".": b""})) as broken,
            sms_http_gateway(tmp_path) as gateway,
            sms_http_gateway(tmp_path, name="other.example") as stranger,
        ):
            http = {
                "kapow_http": kapow_table(gateway),
                "stranger": {**kapow_table(stranger), "api": "kapow"},
                "provider": generic_table(gateway, timeout="0.2s"),
            }
            own = {"own": {**OWN, "password": "gateway-pa55word"}}
            for names in (["own", "email"], ["stranger", "kapow_http"], ["provider"], ["kapow_http", "own"]):
                for relay in (sink.port, broken.port):
                    settings = delivery_settings(
                        relay_settings(relay, timeout="2s"),
                        second_factor={"channels": names},
                        sms={
                            "gateways": own if "own" in names else {},
                            "http": {name: table for name, table in http.items() if name in names},
                            "text": "{passcode} is your {app} sign-in code, {name}: {tag}",
                        },
                        texts=[NAMED_MAIL] if "email" in names else (),
                    )
                    channels = create_channels(settings, log=log, metrics=metrics)
                    message = passcode_message(mail="anna.smith@corp.example", name="Anna", tag="amber river")
                    sink.rcpt = "250 OK"
                    for answer in (
                        "OK 5 1", "USERPASS", f"Error: {NUMBER} {PASSCODE}", gateway.hang_up, gateway.silence,
                    ):  # fmt: skip
                        gateway.answers["sendsms.php"] = gateway.answers["send"] = answer
                        if answer != gateway.silence or "provider" in names:
                            told.append(await channels.send(message))
                        told.append(await channels.send(message, kinds=EMAIL_ONLY))
                        sink.rcpt = f"550 5.1.1 <{NUMBER[1:]}@127.0.0.1> anna.smith@corp.example unknown"
                    told += [await channels.check_each(), await channels.gateway_trouble(), channels, message]
                    parts = parts_of(channels)
                    each_way = [each for each in parts if isinstance(each, EmailChannel | SMSByHTTP | SMSByMail)]
                    assert set(names) <= {each.name for each in each_way}
                    told += [repr(settings).replace("kap0w-user", ""), *parts, *map(vars, each_way)]
                    await channels.close()
    written = every.lines.getvalue() + own_log.getvalue() + repr(told) + metrics.render().decode()
    assert "misconfigured" in written
    for secret in SECRETS:
        assert secret not in written, secret


async def test_a_traceback_of_a_broken_request_names_no_url_and_no_login(tmp_path: Path) -> None:
    """What a person's browser that left would make the border of a request log."""
    reached = asyncio.Event()
    async with sms_http_gateway(tmp_path) as gateway:

        async def hang(request: Any) -> Any:
            reached.set()
            return await gateway.silence(request)

        gateway.answers["sendsms.php"] = hang
        table = kapow_table(gateway, timeout="0.3s")
        settings = delivery_settings(second_factor={"channels": ["kapow_http"]}, sms={"http": {"kapow_http": table}})
        channels = create_channels(settings)
        sending = asyncio.create_task(channels.send(passcode_message()))
        await reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await sending
        written = "".join(traceback.format_exception(raised.value)) + repr(sending)
        await channels.close()
    for secret in SECRETS:
        assert secret not in written


async def test_neither_a_request_nor_its_answer_shows_what_it_holds() -> None:
    request = Request(method="POST", url=f"https://x/{NUMBER}", headers={"A": "t0ken-s3cret"}, body=PASSCODE.encode())
    answer = HTTPSAnswer(status=200, text=f"{NUMBER} {PASSCODE}")
    verdict = SendResult(outcome=Outcome.ACCEPTED, report_id="anna.smith@")
    for secret in SECRETS:
        assert secret not in repr((request, answer, verdict))


async def test_what_an_http_gateway_is_asked_with_is_in_no_repr() -> None:
    """Keys are meant for `token`, but people write them where the vendor's example has them."""
    table = {"url": "https://x.example/t0ken-s3cret/{number}", "headers": {"X-Key": "t0ken-s3cret"}}
    settings = HTTPGatewaySettings.model_validate({**table, "body": '{"key": "t0ken-s3cret", "text": "{text}"}'})
    assert "t0ken-s3cret" not in repr(settings)


async def test_what_a_mail_gateway_is_addressed_with_is_in_no_repr() -> None:
    key = "t0ken-s3cret"
    places = {"address": f"u.{key}.{{number}}@x.example", "subject": key, "body": f"{key}\n{{text}}", "account": key}
    settings = SMSGatewaySettings.model_validate({**places, "subject_with_login": key, "body_with_login": key})
    assert key not in repr(settings)
    assert key not in repr(delivery_settings(sms={"gateways": {"own": places}}))
    assert key not in repr(preset_of("own", settings, home_region="GB"))
