"""What counts once counts once at two workers (one file) and at two nodes (one Redis), whoever answers at one time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest

from config.factors import Factor
from config.settings import PasscodeSettings, StoreSettings
from proxy.factors.enrolled import EnrolledCodes
from proxy.factors.enrolment import Enrolment, seal_enrolment
from proxy.factors.recovery_code.recovery_codes import RecoveryCodes, enrolment_of_code
from proxy.factors.second_factor import Chosen
from proxy.factors.totp.authenticator_apps import AuthenticatorApps
from proxy.secrets.keys import Keys
from proxy.store.contract import Store
from proxy.store.redis.redis_store import RedisStore
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.support.people import NOW, principal
from tests.support.redis_server import RedisServer, new_prefix

KEYS = Keys(b"k" * 32, clock=lambda: NOW)
SECRET, CODE = b"12345678901234567890", "K7QX-2MRA-9FZT"
ANNA, BEN = principal(), principal(guid="another")
KINDS = {
    Factor.TOTP: (AuthenticatorApps, pyotp.TOTP(base64.b32encode(SECRET).decode()).at(int(NOW))),
    Factor.RECOVERY_CODE: (RecoveryCodes, CODE),
}


@pytest.fixture(params=["sqlite", "redis"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer
) -> AsyncIterator[tuple[Store, Store]]:
    """Two of one."""
    if request.param == "sqlite":
        pair: tuple[Store, Store] = (SQLiteStore(tmp_path / "state.db"), SQLiteStore(tmp_path / "state.db"))
    else:
        settings = StoreSettings(url=redis_server.url, prefix=new_prefix())
        pair = (RedisStore(settings), RedisStore(settings))
    yield pair
    for each in pair:
        await each.close()


def enrolled(factor: Factor) -> Enrolment:
    if factor is Factor.TOTP:
        return seal_enrolment(KEYS, ANNA, factor, SECRET, name="phone", now=NOW)
    return enrolment_of_code(KEYS, ANNA, CODE, name="1", now=NOW)


async def is_right(kind: EnrolledCodes, text: str, *, person: object = ANNA) -> bool | None:
    challenge = kind.begin(
        Chosen(factor=kind.factor, digests=(b"",)),
        person,  # type: ignore[arg-type]
        session_id="s",
        now=NOW,
    )
    answer = await kind.answer(challenge, text, now=NOW)
    return None if answer is None else answer == challenge.digest


@pytest.mark.parametrize("factor", KINDS)
async def test_of_many_answers_at_one_time_one_is_right(stores: tuple[Store, Store], factor: Factor) -> None:
    create, code = KINDS[factor]
    await stores[0].enrolments.put_enrolments([enrolled(factor)])
    kinds = [create(PasscodeSettings(), each.enrolments, KEYS) for each in stores]
    answers = await asyncio.gather(*(is_right(kind, code) for kind in kinds for _ in range(10)))
    assert sorted(map(bool, answers)) == [False] * 19 + [True]
    assert await is_right(kinds[1], code) is False


@pytest.mark.parametrize("factor", KINDS)
async def test_a_code_of_another_person_is_wrong_and_is_not_used_up(
    stores: tuple[Store, Store], factor: Factor
) -> None:
    create, code = KINDS[factor]
    await stores[0].enrolments.put_enrolments([enrolled(factor)])
    kind = create(PasscodeSettings(), stores[1].enrolments, KEYS)
    assert await is_right(kind, code, person=BEN) is False
    assert await is_right(kind, "what?") is None
    assert await is_right(kind, code) is True


async def test_what_another_key_has_sealed_proves_nothing(stores: tuple[Store, Store]) -> None:
    await stores[0].enrolments.put_enrolments([enrolled(Factor.TOTP)])
    create, code = KINDS[Factor.TOTP]
    kind = create(PasscodeSettings(), stores[0].enrolments, Keys(b"x" * 32, clock=lambda: NOW))
    assert await is_right(kind, code) is False
    way = (await kind.usable_by(ANNA, Factor.TOTP, now=NOW)).way
    assert not isinstance(way, Chosen)
    assert way.reason == "unreadable_totp"
