"""What is refused, with which status and words, and what that does not tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from directory.directory import RefusalReason
from directory.errors import DirectoryBusy, DirectoryUnavailable
from proxy.api.border import MAX_BODY_BYTES
from tests.api.stage import APIClient, Said, running_api
from tests.portal.stage import PASSWORD, Stage

GOOD = {"username": "alice", "password": PASSWORD}


def look(said: Said) -> Any:
    """All that a client sees, but for what differs each time: here incidents are counted, so even their length does."""
    headers = {name: value for name, value in said.headers.items() if name not in ("Date", "Content-Length")}
    return said.status, headers, {**said.body, "incident": ""}


async def test_all_that_are_refused_look_the_same_and_leave_on_the_time_grid(stage: Stage, client: APIClient) -> None:
    said = [
        await client.sign_in("alice", "wrong"),
        await client.sign_in("nobody", "wrong"),
        await client.sign_in("nobody@no.realm", "wrong"),
        await client.sign_in("gone", PASSWORD),
        await client.sign_in("alice", ""),
        await client.sign_in("", "wrong"),
        await client.sign_in("al\0ice", "wrong"),
        await client.sign_in("alice", "x" * 9000),
    ]
    assert {json.dumps(look(each), default=str) for each in said} == {json.dumps(look(said[0]), default=str)}
    assert (said[0].status, said[0].error) == (401, "refused")
    assert stage.pauses == [0.5] * len(said)
    assert stage.phone.messages == []
    assert await stage.store.sessions.sessions() == []


async def test_a_pause_is_told_of_a_name_that_exists_as_of_one_that_does_not(tmp_path: Path) -> None:
    async with running_api(tmp_path, throttle={"passwords_per_person": 3}) as stage:
        client, seen = APIClient(stage), []
        for name in ("alice", "nobody"):
            seen.append([look(await client.sign_in(name, f"wrong {number}")) for number in range(5)])
        assert seen[0] == seen[1]
        assert "Retry-After" in seen[0][-1][1]


async def test_the_right_password_tells_nobody_else_of_a_pause(tmp_path: Path) -> None:
    """In a browser that proved it once, the person's own pause may be told. Here nothing tells two clients apart."""
    async with running_api(tmp_path, throttle={"passwords_per_person": 3}) as stage:
        client = APIClient(stage)
        await client.sign_in("alice", "wrong 1")
        await client.token("alice")
        seen = []
        for name in ("alice", "nobody"):
            if name == "nobody":
                await client.sign_in(name, "wrong 1")
            seen.append([look(await client.sign_in(name, f"wrong {number}")) for number in range(2, 7)])
        assert seen[0] == seen[1]


async def test_an_address_that_tries_too_often_is_throttled_before_anything_is_known(tmp_path: Path) -> None:
    async with running_api(tmp_path, throttle={"passwords_per_address": 4}) as stage:
        client = APIClient(stage)
        said = [await client.sign_in(f"nobody{number}", "wrong") for number in range(6)]
        assert [each.status for each in said] == [401] * 4 + [429] * 2
        assert said[-1].error == "throttled"
        assert int(said[-1].headers["Retry-After"]) > 0
        assert (await client.sign_in()).status == 429
        assert (await APIClient(stage, address="198.51.100.9").sign_in()).status == 200


async def test_messages_have_the_limits_that_they_have_on_the_pages(tmp_path: Path) -> None:
    async with running_api(tmp_path, throttle={"sends_per_person": 2}) as stage:
        client = APIClient(stage)
        assert (await client.sign_in()).status == 200
        await stage.to_passcode(stage.browser())
        said = await client.sign_in()
        assert (said.status, said.error) == (429, "throttled")
        assert int(said.headers["Retry-After"]) > 0
        assert len(stage.phone.messages) == 2


async def test_wrong_answers_are_counted_over_all_ways_in(tmp_path: Path) -> None:
    async with running_api(tmp_path, throttle={"passcodes_per_person": 5}) as stage:
        client = APIClient(stage)
        asked = await client.sign_in()
        for _ in range(3):
            await client.prove(asked, stage.wrong_passcode())
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        for _ in range(2):
            await stage.answer(browser, page, stage.wrong_passcode())
        said = await client.prove(asked)
        assert (said.status, said.error) == (429, "throttled")


async def test_who_has_no_number_is_told_after_the_password(client: APIClient) -> None:
    said = await client.sign_in("carol")
    assert (said.status, said.error) == (403, "not_allowed")
    assert "mobile number" in said.message
    assert (await client.sign_in("bob")).status == 403


async def test_for_whom_no_scheme_is_meant_is_told_so(tmp_path: Path) -> None:
    schemes = [{"name": "inside", "factors": ["password", "sms"], "networks": ["10.0.0.0/8"]}]
    async with running_api(tmp_path, schemes=schemes) as stage:
        said = await APIClient(stage).sign_in()
        assert (said.status, said.error) == (403, "not_allowed")
        assert "network" in said.message


@pytest.mark.parametrize("error", [DirectoryUnavailable("corp", "no answer"), DirectoryBusy("busy")])
async def test_a_directory_that_is_down_is_said_to_be(stage: Stage, client: APIClient, error: Any) -> None:
    stage.scripted.error = error
    said = await client.sign_in("scripted@corp")
    assert (said.status, said.error, said.headers["Retry-After"]) == (503, "unavailable", "5")
    assert "no answer" not in said.message


async def test_an_audit_that_has_to_be_written_and_cannot_denies_and_ends_nothing(
    stage: Stage, client: APIClient
) -> None:
    asked, token = await client.sign_in(), await client.token()
    stage.recorded.is_full = True
    assert ((said := await client.sign_in()).status, said.error) == (503, "unavailable")
    assert (await client.prove(asked)).status == 503
    assert (await client.session(token)).status == 200
    assert [each.way for each in stage.recorded.of("sign_in.succeeded")] == ["api"]


async def test_a_store_that_is_away_denies(stage: Stage, client: APIClient) -> None:
    asked, token = await client.sign_in(), await client.token()
    stage.store.away = True
    assert (await client.sign_in()).status == 503
    assert (await client.prove(asked)).status == 503
    fresh = await client.session("y" * 43)
    assert (fresh.status, fresh.error) == (503, "unavailable")
    stage.store.away = False
    assert (await client.session(token)).status == 200


async def test_what_nobody_foresaw_denies_and_quotes_nothing(
    stage: Stage, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError(f"with {arguments}")

    monkeypatch.setattr(stage.store.counters, "reserve", fail)
    said = await client.sign_in("nobody", "a secret word")
    assert (said.status, said.error) == (500, "internal_error")
    assert said.incident in stage.log_text


@pytest.mark.parametrize(
    "reason", [RefusalReason.DISABLED, RefusalReason.LOCKED, RefusalReason.ACCOUNT_EXPIRED, RefusalReason.LOGON_HOURS]
)
async def test_a_stopped_account_looks_like_a_wrong_password(
    stage: Stage, client: APIClient, reason: RefusalReason
) -> None:
    stage.scripted.reason = reason
    assert look(await client.sign_in("scripted@corp")) == look(await client.sign_in("nobody", "wrong"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sign-in", b""),
        ("sign-in", b"{"),
        ("sign-in", b"null"),
        ("sign-in", b"[]"),
        ("sign-in", b'"alice"'),
        ("sign-in", {"username": "alice"}),
        ("sign-in", {"password": PASSWORD}),
        ("sign-in", {**GOOD, "password": None}),
        ("sign-in", {**GOOD, "password": 7}),
        ("sign-in", {**GOOD, "username": ["alice"]}),
        ("sign-in", {**GOOD, "app": 1}),
        ("sign-in", {**GOOD, "remember": True}),
        ("sign-in", b'{"username": "\\ud800", "password": "x"}'),
        ("sign-in", b'{"username": "\xff", "password": "x"}'),
        ("sign-in", b"\xef\xbb\xbf" + json.dumps(GOOD).encode("utf-16")),
        ("sign-in", b"[" * 10_000),
        ("sign-in", b"username=alice&password=x"),
        ("proof", {"flow": "x" * 43}),
        ("proof", {"flow": "x" * 43, "factor": "passkey", "passcode": "1"}),
        ("proof", {"flow": "x" * 43, "factor": "password", "passcode": "1"}),
        ("proof", {"flow": "x" * 43, "factor": "sms", "passcode": 123456}),
        ("resend", {}),
        ("resend", {"flow": "x" * 43, "channel": "carrier pigeon"}),
    ],
)
async def test_what_has_not_the_documented_shape_is_a_bad_request(
    stage: Stage, client: APIClient, path: str, body: Any
) -> None:
    said = await client.call("POST", path, body)
    assert (said.status, said.error) == (400, "bad_request"), said.body
    assert PASSWORD not in json.dumps(said.body)
    assert "x" * 43 not in json.dumps(said.body)
    assert PASSWORD not in stage.log_text


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=utf-16"},
    ],
)
async def test_what_a_form_of_another_site_could_send_is_no_call(
    stage: Stage, client: APIClient, headers: dict[str, str]
) -> None:
    """HTML forms send three content types, and none of them is JSON (HTML standard, "form submission")."""
    said = await client.call("POST", "sign-in", GOOD, headers=headers)
    assert (said.status, said.error) == (400, "bad_request")
    assert stage.phone.messages == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://wiki.corp.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://evil.example/x"},
    ],
)
async def test_no_page_of_another_origin_calls_it(stage: Stage, client: APIClient, headers: dict[str, str]) -> None:
    token = await client.token()
    for method, path, body in (("POST", "sign-in", GOOD), ("GET", "session", None), ("DELETE", "session", None)):
        said = await client.call(method, path, body, headers=headers, token=token)
        assert (said.status, said.error) == (403, "not_allowed")
    assert len(stage.phone.messages) == 1
    assert (await client.session(token)).status == 200


async def test_a_body_has_a_limit(client: APIClient) -> None:
    for size in (MAX_BODY_BYTES + 1, 200_000):
        said = await client.call("POST", "sign-in", json.dumps(GOOD).encode().ljust(size))
        assert (said.status, said.error) == (413, "bad_request")
    said = await client.call("POST", "sign-in", json.dumps(GOOD).encode().ljust(MAX_BODY_BYTES))
    assert said.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "sign-in", 405),
        ("PUT", "session", 405),
        ("OPTIONS", "sign-in", 405),
        ("HEAD", "session", 405),
        ("POST", "openapi.json", 405),
        ("GET", "nothing", 404),
        ("GET", "", 404),
        ("POST", "sign-in/", 404),
    ],
)
async def test_what_is_not_there(client: APIClient, method: str, path: str, status: int) -> None:
    said = await client.call(method, path)
    assert said.status == status
    assert ("Allow" in said.headers) is (status == 405)
    if method != "HEAD":
        assert said.error == "bad_request"


async def test_it_is_on_the_sign_in_host_alone(client: APIClient) -> None:
    for host in ("wiki.corp.example", "forms.corp.example"):
        assert (await client.call("POST", "sign-in", GOOD, headers={"X-Gatepost-Client-Host": host})).status == 404


@pytest.mark.parametrize("name", ["X-Gatepost-Client-Address", "X-Gatepost-Client-Host", "X-Gatepost-Incident"])
async def test_what_did_not_come_through_the_plane_gets_no_answer(client: APIClient, name: str) -> None:
    assert (await client.call("POST", "sign-in", GOOD, without=(name,))).status == 500
