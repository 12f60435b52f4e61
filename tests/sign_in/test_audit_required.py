"""`[audit] required`: while it cannot be written nobody signs in, nothing is asked and nothing is sent."""

from __future__ import annotations

import pytest

from proxy.audit.recorder import AuditUnavailable
from proxy.sign_in.outcomes import ProofAsked, SignedIn
from tests.portal.test_password_change import NAME, OLD
from tests.sign_in.headless import INSIDE, Corp, Service


async def test_no_password_is_judged(service: Service, scripted: Corp) -> None:
    service.recorded.is_full = True
    with pytest.raises(AuditUnavailable):
        await service.client(INSIDE).sign_in(NAME, OLD)
    assert scripted.binds == 0
    assert await service.store.sessions.sessions() == []


async def test_no_passcode_is_sent(service: Service) -> None:
    client = service.client()
    assert isinstance(await client.sign_in(NAME, OLD), ProofAsked)
    sent = len(service.phone.messages)
    service.recorded.is_full = True
    service.now += 100
    with pytest.raises(AuditUnavailable):
        await client.send_again()
    with pytest.raises(AuditUnavailable):
        await client.ask_for(["email"])
    assert len(service.phone.messages) == sent


async def test_a_right_passcode_is_not_used_up(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    service.recorded.is_full = True
    with pytest.raises(AuditUnavailable):
        await client.answer(service.passcode)
    service.recorded.is_full = False
    await client.answer(service.passcode)
    assert "sign_in.succeeded" in service.recorded.names


async def test_a_sign_in_that_cannot_be_recorded_gives_nothing_out(service: Service, scripted: Corp) -> None:
    """Full between the first look and the last line."""
    client = service.client(INSIDE)

    async def judged(account: object, password: str) -> object:
        service.recorded.is_full = True
        return scripted.principal

    scripted.authenticate = judged  # type: ignore[assignment,method-assign]
    with pytest.raises(AuditUnavailable):
        await client.sign_in(NAME, OLD)
    assert client.token == ""


async def test_a_step_up_that_cannot_be_recorded_gives_nothing_out(service: Service) -> None:
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    await client.step_up("both")
    before = client.token
    looked = service.recorded.written

    async def written() -> None:
        await looked()
        service.recorded.is_full = True

    service.recorded.written = written  # type: ignore[method-assign]
    with pytest.raises(AuditUnavailable):
        await client.answer(service.passcode)
    assert client.token == before


async def test_sessions_go_on(service: Service) -> None:
    client = service.client(INSIDE)
    assert isinstance(await client.sign_in(NAME, OLD), SignedIn)
    service.recorded.is_full = True
    assert await client.session() is not None
