"""SMS over HTTPS against a real server: every documented answer of Kapow, and every way a gateway can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from directory.mobile import E164
from proxy.delivery.channel import Delivery, DeliveryStatus, Outcome
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels
from proxy.delivery.https_client import MAX_ANSWER_BYTES
from proxy.operations.metrics import Metrics
from tests.support.delivery import PASSCODE, delivery_settings, passcode_message
from tests.support.sms_http import SMSGateway, generic_table, kapow_table, sms_http_gateway

SAID = "493817 is your Wiki sign-in code. It is valid for 5 minutes."
Opened = Callable[..., Channels]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[SMSGateway]:
    async with sms_http_gateway(tmp_path) as running:
        yield running


@pytest.fixture
async def opened(gateway: SMSGateway) -> AsyncIterator[Opened]:
    """Makes channels that are closed at the end: ``kapow_http`` and ``provider``, both at the gateway."""
    made: list[Channels] = []

    def channels(*names: str, **changes: Any) -> Channels:
        metrics = changes.pop("metrics", None)
        tables = {"kapow_http": kapow_table(gateway), "provider": generic_table(gateway)}
        for name, table in tables.items():
            table.update(changes if name in names else {})
        used = {name: table for name, table in tables.items() if name in names}
        settings = delivery_settings(second_factor={"channels": names, "budget": "5s"}, sms={"http": used})
        made.append(create_channels(settings, metrics=metrics))
        return made[-1]

    yield channels
    for each in made:
        await each.close()


async def test_kapow_is_asked_as_it_documents(gateway: SMSGateway, opened: Opened) -> None:
    delivery = await opened("kapow_http").send(passcode_message())
    (asked,) = gateway.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/scripts/sendsms.php", "")
    assert asked.form == {
        "username": "kap0w-user",
        "password": "kap0w-s3cret",
        "mobile": "447400123456",
        "sms": SAID,
        "returnid": "TRUE",
    }
    assert (delivery.outcome, delivery.channel, delivery.code) == (Outcome.ACCEPTED, "kapow_http", 200)
    assert delivery.destination == "•••••••• 456"
    assert delivery.can_report


async def test_a_bought_sender_id_is_sent_along(gateway: SMSGateway, opened: Opened) -> None:
    await opened("kapow_http", **{"from": "Corp"}).send(passcode_message())
    assert gateway.asked[0].form["from_id"] == "Corp"


@pytest.mark.parametrize(
    ("answer", "outcome", "can_report"),
    [
        ("OK", Outcome.ACCEPTED, False),
        ("OK\n", Outcome.ACCEPTED, False),
        ("OK 148", Outcome.ACCEPTED, False),
        ("OK 148 11472734895956042", Outcome.ACCEPTED, True),
        ("USERPASS", Outcome.UNAVAILABLE, False),
        ("NOCREDIT", Outcome.UNAVAILABLE, False),
        ("ERROR", Outcome.UNAVAILABLE, False),
        ("Error: 447400123456 is barred", Outcome.UNAVAILABLE, False),
        ("OKAY", Outcome.UNKNOWN, False),
        ("OK 148 1147\nand more", Outcome.UNKNOWN, False),
        ("", Outcome.UNKNOWN, False),
        ("<html>Maintenance</html>", Outcome.UNKNOWN, False),
        ("\x00\xff", Outcome.UNKNOWN, False),
    ],
)
async def test_each_answer_of_kapow_has_its_meaning(
    answer: str, outcome: Outcome, can_report: bool, gateway: SMSGateway, opened: Opened
) -> None:
    gateway.answers["sendsms.php"] = answer
    delivery = await opened("kapow_http").send(passcode_message())
    assert (delivery.outcome, delivery.can_report) == (outcome, can_report)
    assert "447400123456" not in repr(delivery)


@pytest.mark.parametrize("answer", ["ERROR", (400, "no")])
async def test_what_is_unclear_is_told_once_several_persons_meet_it(
    answer: Any, gateway: SMSGateway, opened: Opened
) -> None:
    metrics = Metrics()
    wrong = b'gatepost_delivery_misconfigured{relay="kapow_http"} 1.0'
    channels = opened("kapow_http", metrics=metrics)
    gateway.answers["sendsms.php"] = answer
    for _ in range(2):
        assert (await channels.send(passcode_message())).outcome is Outcome.UNAVAILABLE
    assert wrong not in metrics.render()
    await channels.send(passcode_message(number=E164("+447400999999")))
    assert wrong in metrics.render()
    gateway.answers["sendsms.php"] = "OK 17 2"
    await channels.send(passcode_message())
    assert wrong not in metrics.render()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (503, Outcome.UNAVAILABLE),
        (307, Outcome.UNAVAILABLE),
        (429, Outcome.UNAVAILABLE),
        (400, Outcome.UNAVAILABLE),
        (404, Outcome.UNAVAILABLE),
        (302, Outcome.UNKNOWN),
        (303, Outcome.UNKNOWN),
        (500, Outcome.UNKNOWN),
        (502, Outcome.UNKNOWN),
        (504, Outcome.UNKNOWN),
    ],
)
async def test_a_status_decides_before_the_body(
    status: int, outcome: Outcome, gateway: SMSGateway, opened: Opened
) -> None:
    gateway.answers["sendsms.php"] = (status, "OK")
    delivery = await opened("kapow_http").send(passcode_message())
    assert (delivery.outcome, delivery.code) == (outcome, status)


@pytest.mark.parametrize("how", ["silence", "hang_up", "half_an_answer", "flood"])
@pytest.mark.parametrize("name", ["kapow_http", "provider"])
async def test_a_request_without_a_whole_answer_is_unknown_and_never_sent_again(
    how: str, name: str, gateway: SMSGateway, opened: Opened
) -> None:
    gateway.answers["sendsms.php"] = gateway.answers["send"] = getattr(gateway, how)
    other = "provider" if name == "kapow_http" else "kapow_http"
    channels = opened(name, other, timeout="0.3s")
    delivery = await channels.send(passcode_message())
    assert (delivery.outcome, delivery.channel) == (Outcome.UNKNOWN, name)
    assert len(gateway.asked) == 1


async def test_an_answer_is_read_no_further_than_it_needs(gateway: SMSGateway, opened: Opened) -> None:
    assert MAX_ANSWER_BYTES <= 64 * 1024
    gateway.answers["sendsms.php"] = gateway.flood
    delivery = await opened("kapow_http").send(passcode_message())
    assert (delivery.outcome, delivery.reason) == (Outcome.UNKNOWN, "the gateway's answer is far too long")


async def test_a_redirect_is_not_followed(gateway: SMSGateway, opened: Opened) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"https://127.0.0.1:{gateway.port}/v1/send"})

    gateway.answers["sendsms.php"] = elsewhere
    delivery = await opened("kapow_http").send(passcode_message())
    assert (delivery.outcome, delivery.code) == (Outcome.UNAVAILABLE, 307)
    assert [each.path for each in gateway.asked] == ["/scripts/sendsms.php"]


async def test_an_untrusted_certificate_gets_no_login(gateway: SMSGateway, tmp_path: Path, opened: Opened) -> None:
    async with sms_http_gateway(tmp_path, name="other.example") as other:
        wrong_name = opened("kapow_http", url=other.url, ca_file=str(other.ca_file))
        delivery = await wrong_name.send(passcode_message())
        assert other.asked == []
        assert delivery.outcome is Outcome.UNAVAILABLE
        assert "IP address mismatch" in delivery.reason
        stranger = opened("kapow_http", url=gateway.url, ca_file=str(other.ca_file))
        delivery = await stranger.send(passcode_message())
    assert gateway.asked == []
    assert "certificate is not accepted" in delivery.reason


async def test_a_gateway_without_tls_gets_no_login(tmp_path: Path, gateway: SMSGateway, opened: Opened) -> None:
    heard = bytearray()

    async def plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        channels = opened("kapow_http", url=f"https://127.0.0.1:{port}/scripts/sendsms.php")
        delivery = await channels.send(passcode_message())
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert delivery.reason == "the gateway: it does not speak TLS on this port"
    assert b"kap0w" not in heard


async def test_nobody_listening_is_unavailable(gateway: SMSGateway, tmp_path: Path, opened: Opened) -> None:
    async with sms_http_gateway(tmp_path, name="gone.example") as gone:
        url = gone.url
    delivery = await opened("kapow_http", url=url).send(passcode_message())
    assert delivery.outcome is Outcome.UNAVAILABLE
    assert "can't be reached" in delivery.reason


async def test_a_person_who_leaves_does_not_stop_the_request(gateway: SMSGateway, opened: Opened) -> None:
    reached = asyncio.Event()
    go_on = asyncio.Event()
    metrics = Metrics()

    async def slowly(request: Any) -> Any:
        reached.set()
        await go_on.wait()
        return web.Response(text="OK 17 2")

    gateway.answers["sendsms.php"] = slowly
    channels = opened("kapow_http", metrics=metrics)
    sending = asyncio.create_task(channels.send(passcode_message()))
    await reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    go_on.set()
    await channels.close()  # which waits for it
    assert len(gateway.asked) == 1
    assert b'gatepost_sms_credits{channel="kapow_http"} 17.0' in metrics.render()  # the answer was heard


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("N", DeliveryStatus.WAITING),
        ("S", DeliveryStatus.SENT),
        ("B", DeliveryStatus.DELAYED),
        ("R", DeliveryStatus.DELAYED),
        ("D\n", DeliveryStatus.DELIVERED),
        ("X", DeliveryStatus.FAILED),
        ("USERPASS", DeliveryStatus.UNKNOWN),
        ("", DeliveryStatus.UNKNOWN),
        ((500, "D"), DeliveryStatus.UNKNOWN),
    ],
)
async def test_what_became_of_a_message_can_be_asked(
    answer: Any, status: DeliveryStatus, gateway: SMSGateway, opened: Opened
) -> None:
    channels = opened("kapow_http")
    delivery = await channels.send(passcode_message())
    gateway.answers["chk_status.php"] = answer
    assert await channels.delivery_status(delivery.report_id) is status
    assert gateway.asked[-1].path == "/scripts/chk_status.php"
    assert gateway.asked[-1].form["returnid"] == "11472734895956042"
    assert gateway.asked[-1].query == ""


async def test_those_who_ask_of_a_hanging_gateway_keep_nobody_from_sending(gateway: SMSGateway, opened: Opened) -> None:
    channels = opened("kapow_http")
    delivery = await channels.send(passcode_message())
    gateway.answers["chk_status.php"] = gateway.silence
    asking = [asyncio.create_task(channels.delivery_status(delivery.report_id)) for _ in range(40)]
    assert (await channels.send(passcode_message())).outcome is Outcome.ACCEPTED
    gateway.closing.set()
    assert set(await asyncio.gather(*asking)) == {DeliveryStatus.UNKNOWN}


@pytest.mark.parametrize("report_id", ["", "provider:1", "pigeon:1", "11472734895956042"])
async def test_who_cannot_report_is_not_asked(report_id: str, gateway: SMSGateway, opened: Opened) -> None:
    assert await opened("provider").delivery_status(report_id) is DeliveryStatus.UNKNOWN
    assert gateway.asked == []


async def test_low_credit_is_told_by_check_readiness_and_metric(gateway: SMSGateway, opened: Opened) -> None:
    metrics = Metrics()
    gateway.answers["chk_credit.php"] = "99"
    channels = opened("kapow_http", metrics=metrics)
    states = {each.subject: each for each in await channels.check_each()}
    assert not states["credit kapow_http"].ok
    assert "99 credits are left, fewer than 100" in states["credit kapow_http"].detail
    assert states["channel kapow_http"].ok
    assert "kapow_http: 99 credits" in (await channels.gateway_trouble() or "")
    assert b'gatepost_sms_credits{channel="kapow_http"} 99.0' in metrics.render()


async def test_enough_credit_is_well_and_asked_for_once(gateway: SMSGateway, opened: Opened) -> None:
    channels = opened("kapow_http")
    for _ in range(5):
        assert await channels.gateway_trouble() is None
    assert [each.path for each in gateway.asked] == ["/scripts/chk_credit.php"]
    assert gateway.asked[0].query == ""


async def test_an_accepted_message_tells_the_credit_too(gateway: SMSGateway, opened: Opened) -> None:
    gateway.answers["sendsms.php"] = "OK 12 1"
    channels = opened("kapow_http")
    await channels.send(passcode_message())
    assert "12 credits" in (await channels.gateway_trouble() or "")
    assert len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("answer", "word"), [("USERPASS", "login"), ("NOCREDIT", "NOCREDIT"), ((403, "no"), "answered 403")]
)
async def test_what_the_operator_must_mend_is_told_until_it_works(
    answer: Any, word: str, gateway: SMSGateway, opened: Opened
) -> None:
    metrics = Metrics()
    channels = opened("kapow_http", metrics=metrics)
    gateway.answers["sendsms.php"] = answer
    await channels.send(passcode_message())
    assert word in (await channels.gateway_trouble() or "")
    assert b'gatepost_delivery_misconfigured{relay="kapow_http"} 1.0' in metrics.render()
    gateway.answers["sendsms.php"] = "OK 500 1"
    await channels.send(passcode_message())
    assert await channels.gateway_trouble() is None
    assert b'gatepost_delivery_misconfigured{relay="kapow_http"} 0.0' in metrics.render()


async def test_a_generic_gateway_is_asked_as_described(gateway: SMSGateway, opened: Opened) -> None:
    delivery = await opened("provider").send(passcode_message())
    (asked,) = gateway.asked
    assert asked.body == f'{{"to": "+447400123456", "text": "{SAID}", "reference": "aR4nd0mMessageId"}}'
    assert asked.headers["Authorization"] == "Bearer t0ken-s3cret"
    assert asked.headers["Content-Type"] == "application/json"
    assert (delivery.outcome, delivery.can_report) == (Outcome.ACCEPTED, False)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ('{"status": "queued"}', Outcome.ACCEPTED),
        ((201, '{"status": "queued"}'), Outcome.ACCEPTED),
        ('{"status": "error"}', Outcome.UNAVAILABLE),
        ('{"status": "what"}', Outcome.UNKNOWN),
        ((400, '{"code": 21211}'), Outcome.REFUSED),
        ((401, ""), Outcome.UNAVAILABLE),
        ((500, '{"status": "queued"}'), Outcome.UNKNOWN),
        ((500, '{"status": "error"}'), Outcome.UNAVAILABLE),
    ],
)
async def test_patterns_say_what_an_answer_means(
    answer: Any, outcome: Outcome, gateway: SMSGateway, opened: Opened
) -> None:
    gateway.answers["send"] = answer
    assert (await opened("provider").send(passcode_message())).outcome is outcome


async def test_a_gateway_that_refuses_everybodys_number_refuses_us(gateway: SMSGateway, opened: Opened) -> None:
    metrics = Metrics()
    channels = opened("provider", metrics=metrics)
    gateway.answers["send"] = (400, '{"code": 21211}')
    numbers = [E164(f"+4474001234{n:02}") for n in (1, 1, 2, 3)]
    outcomes = [(await channels.send(passcode_message(number=each))).outcome for each in numbers]
    assert outcomes == [Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED, Outcome.UNAVAILABLE]
    assert b'gatepost_delivery_misconfigured{relay="provider"} 1.0' in metrics.render()


async def sent_by_each_body_type(opened: Opened, gateway: SMSGateway, body_type: str, body: str) -> str:
    channels = opened("provider", body_type=body_type, body=body, gsm7=False)
    delivery = await channels.send(passcode_message(app='a"b\\&<c>=é+'))
    assert delivery.outcome is Outcome.ACCEPTED
    return gateway.asked[-1].body


async def test_values_cannot_leave_their_place(gateway: SMSGateway, opened: Opened) -> None:
    as_json = await sent_by_each_body_type(opened, gateway, "json", '{"to": "{number}", "text": "{text}"}')
    assert r"is your a\"b\\&<c>=\u00e9+ sign-in" in as_json
    as_form = await sent_by_each_body_type(opened, gateway, "form", "to={number}&text={text}")
    assert as_form.startswith("to=%2B447400123456&text=493817+is+your+a%22b%5C%26%3Cc%3E%3D%C3%A9%2B+sign-in")
    as_xml = await sent_by_each_body_type(opened, gateway, "xml", '<sms to="{number}">{text}</sms>')
    assert "is your a&quot;b\\&amp;&lt;c&gt;=é+ sign-in" in as_xml


async def test_a_login_goes_as_http_basic_where_asked(gateway: SMSGateway, opened: Opened) -> None:
    channels = opened(
        "provider",
        username="AC1",
        password="s3cret",
        headers={"Authorization": "Basic {basic}"},
        url=f"https://127.0.0.1:{gateway.port}/Accounts/{{username}}/send",
    )
    await channels.send(passcode_message())
    assert gateway.asked[0].headers["Authorization"] == "Basic QUMxOnMzY3JldA=="
    assert gateway.asked[0].path == "/Accounts/AC1/send"


async def test_nothing_secret_is_in_a_url(gateway: SMSGateway, opened: Opened) -> None:
    channels = opened("kapow_http", "provider")
    gateway.answers["sendsms.php"] = "ERROR"
    delivery: Delivery = await channels.send(passcode_message())
    await channels.check_each()
    assert delivery.channel == "provider"
    for asked in gateway.asked:
        for secret in (PASSCODE, "s3cret", "kap0w-user", "7400123456"):
            assert secret not in f"{asked.path}?{asked.query}"
