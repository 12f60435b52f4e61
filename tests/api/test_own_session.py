"""What a token's own session says, and how it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.way import TOKEN_HOST, Way
from tests.api.stage import APIClient
from tests.api.test_sign_in import is_over
from tests.portal.stage import PASSWORD, Stage


async def test_it_says_whose_it_is_and_how_long_it_lasts(stage: Stage, client: APIClient) -> None:
    token = await client.token()
    stage.now += 60
    said = await client.session(token)
    assert (said.status, said.headers["Cache-Control"]) == (200, "no-store")
    assert said.body == {
        "state": "signed_in",
        "expires_in": 1800,
        "username": "alice",
        "realm": "local",
        "factors": ["password", "sms"],
        "apps": None,
    }


async def test_it_ends_by_its_limits_to_the_second(stage: Stage, client: APIClient) -> None:
    token = await client.token()
    begun, limits = stage.now, stage.settings.sessions
    while stage.now + limits.idle - 1 < begun + limits.absolute:
        stage.now += limits.idle - 1
        assert (await client.session(token)).status == 200
    stage.now = begun + limits.absolute - 1
    assert (await client.session(token)).expires_in == 1
    stage.now += 1
    assert is_over(await client.session(token))
    idle = await client.token()
    stage.now += limits.idle
    assert is_over(await client.session(idle))


async def test_signing_out_ends_it_and_nothing_else(stage: Stage, client: APIClient) -> None:
    token, other = await client.token(), await client.token()
    said = await client.call("DELETE", "session", token=token)
    assert (said.status, said.body) == (204, None)
    assert is_over(await client.session(token))
    assert is_over(await client.call("DELETE", "session", token=token))
    assert (await client.session(other)).status == 200
    assert [each["reason"] for each in stage.log if each.get("reason")] == []


async def test_nobody_hears_of_an_end_before_every_worker_has_heard_of_it(
    stage: Stage, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been ended by a worker that died before it told anybody."""
    token, real, waits = await client.token(), stage.store.sessions.ends_heard, []

    async def wait() -> None:
        waits.append(1)
        await real()

    monkeypatch.setattr(stage.store.sessions, "ends_heard", wait)
    assert (await client.call("DELETE", "session", token=token)).status == 204
    before = len(waits)
    assert is_over(await client.call("DELETE", "session", token=token))
    assert len(waits) == before + 1
    assert is_over(await client.call("DELETE", "session", token="y" * 43))
    assert len(waits) == before + 1


@pytest.mark.parametrize("way", [way for way in Way if way is not Way.API])
async def test_a_session_of_another_way_in_is_none_here(stage: Stage, client: APIClient, way: Way) -> None:
    await client.token()
    (session,) = await stage.store.sessions.sessions()
    other = replace(session, session_id=new_token(), way=way)
    await stage.store.sessions.create_session(other, cookie=token_digest("y" * 43), host=TOKEN_HOST)
    for method in ("GET", "DELETE"):
        assert is_over(await client.call(method, "session", token="y" * 43))
    assert len(await stage.store.sessions.sessions()) == 2


async def test_a_sign_in_that_waits_can_be_given_up(stage: Stage, client: APIClient) -> None:
    asked = await client.sign_in()
    assert (await client.call("DELETE", "session", token=asked.flow)).status == 204
    assert is_over(await client.prove(asked))
    assert await stage.store.sessions.sessions() == []


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer two words",
        "Basic YWxpY2U6Y29ycmVjdCBob3JzZSA3",
        "Negotiate YQ==",
        "{token}",
    ],
)
async def test_without_a_token_there_is_nothing(client: APIClient, authorization: str | None) -> None:
    token = await client.token()
    headers = {} if authorization is None else {"Authorization": authorization.format(token=token)}
    for method in ("GET", "DELETE"):
        said = await client.call(method, "session", headers=headers)
        assert (said.status, said.error, said.headers["WWW-Authenticate"]) == (
            401,
            "refused",
            'Bearer realm="sign-in"',
        )
    assert (await client.session(token)).status == 200


@pytest.mark.parametrize("token", ["x", "x" * 43, "gp_" + "x" * 40, "x" * 5000, "é".encode().decode("latin-1")])
async def test_a_token_that_is_none_is_over(client: APIClient, token: str) -> None:
    assert (await client.session(token)).status == 401


async def test_the_ad_password_is_taken_nowhere_but_by_the_sign_in(stage: Stage, client: APIClient) -> None:
    for token in (PASSWORD.replace(" ", "-"), f"alice:{PASSWORD}".replace(" ", "-")):
        assert is_over(await client.session(token)) or (await client.session(token)).status == 401
    assert stage.scripted.others == 0


async def test_a_token_in_the_address_is_none(client: APIClient) -> None:
    token = await client.token()
    for name in ("access_token", "token", "flow"):
        assert (await client.call("GET", f"session?{name}={token}")).status == 401
