"""A session that begins by an app password or a service token: whose, and when not. No directory counts anything."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.factors import Factor
from config.settings import SchemeSettings
from directory.directory import AccountState, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from proxy.audit.recorder import AuditUnavailable
from proxy.factors.enrolment import seal_enrolment
from proxy.secrets.keys import Keys
from proxy.sessions.credential_use import CredentialUse, UseRefused, UseThrottled
from proxy.sessions.session import Level
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.sign_in.credentials import Credential, judge_credential, new_credential_id
from tests.portal.stage import NOW
from tests.sign_in.headless import Corp, Service
from tests.support.people import credential, principal


class DescribedCorp(Corp):
    """It can say in which state its person's account is; `described`: of whom it says so instead."""

    described: Principal | None = None

    async def state(self, guid: str) -> AccountState | None:
        if self.error is not None:
            raise self.error
        if guid != self.principal.guid:
            return None
        refusals = () if self.stopped is None else (self.stopped,)
        return AccountState(principal=self.described or self.principal, refusals=refusals, told_by="dc1")


@pytest.fixture
def scripted() -> Corp:
    return DescribedCorp()


def use(digest: bytes | None, **fields: Any) -> CredentialUse:
    return CredentialUse(
        **{
            "factor": Factor.APP_PASSWORD,
            "digest": digest,
            "app": "Wiki",
            "address": "192.0.2.7",
            "user_agent": "git/2.39",
            "incident": "incident",
            **fields,
        }
    )


async def kept(service: Service, scripted: Corp, **fields: Any) -> Credential:
    person = scripted.principal
    whose = {"guid": person.guid, "realm": person.realm, "username": person.username}
    made = credential(**{**whose, **fields})
    assert await service.store.credentials.put_credential(made, most=50)
    return made


async def begin(service: Service, made: Credential, **fields: Any) -> UseRefused | UseThrottled | None:
    return await service.parts.credentials.begin_session(use(made.digest, **{"factor": made.factor, **fields}))


@pytest.mark.parametrize("factor", [Factor.APP_PASSWORD, Factor.SERVICE_TOKEN])
async def test_it_begins_a_session_that_opens_its_app_alone(service: Service, scripted: Corp, factor: Factor) -> None:
    made = await kept(service, scripted, factor=factor, methods=("GET",), networks=("192.0.2.0/24",))
    with capture_logs() as logs:
        assert await begin(service, made) is None
    session = await service.sessions.find_by((TOKEN_HOST, made.digest), NOW)
    assert session is not None
    assert (session.level, session.way, session.confined) == (Level.SIGNED_IN, Way(factor.value), made.confinement)
    assert session.principal == scripted.principal
    assert session.confined is not None
    assert (session.confined.apps, session.confined.ends_at) == (("Wiki",), made.ends_at)
    assert (session.client_address, session.user_agent) == ("192.0.2.7", "git/2.39")
    (logged,) = [each for each in logs if each["event"] == "credential.used"]
    assert (logged["guid"], logged["app"], logged["credential_id"]) == (made.guid, "Wiki", made.credential_id)
    found = await service.store.credentials.credential_by(made.digest)
    assert found is not None
    assert found.used_at == NOW


async def test_while_the_audit_is_required_and_cannot_be_written_none_begins(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    service.recorded.is_full = True
    with pytest.raises(AuditUnavailable):
        await begin(service, made)
    assert await service.store.sessions.sessions() == []


async def test_a_session_that_cannot_be_recorded_does_not_stand(service: Service, scripted: Corp) -> None:
    """Full between the first look and the last line: the client has its credential, and would come again."""
    made = await kept(service, scripted)
    state = scripted.state

    async def judged(guid: str) -> AccountState | None:
        service.recorded.is_full = True
        return await state(guid)

    scripted.state = judged  # type: ignore[method-assign]
    with pytest.raises(AuditUnavailable):
        await begin(service, made)
    assert await service.store.sessions.sessions() == []


async def test_of_many_requests_at_once_one_begins_a_session(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    assert await asyncio.gather(*(begin(service, made) for _ in range(50))) == [None] * 50
    assert len(await service.store.sessions.sessions()) == 1


async def test_when_its_session_is_over_another_one_begins(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    assert await begin(service, made) is None
    (first,) = await service.store.sessions.sessions()
    service.now += service.settings.sessions.idle
    assert await begin(service, made) is None
    (second,) = await service.store.sessions.sessions()
    assert second.session_id != first.session_id


async def test_it_ends_at_its_instant_and_so_does_its_session(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted, ends_at=NOW + 100)
    assert await begin(service, made) is None
    assert await service.sessions.find_by((TOKEN_HOST, made.digest), NOW + 99.9) is not None
    service.now = NOW + 100
    assert await service.sessions.find_by((TOKEN_HOST, made.digest), service.now) is None
    assert await begin(service, made) is UseRefused.OVER


async def test_one_kind_is_not_taken_for_the_other(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    assert await begin(service, made, factor=Factor.SERVICE_TOKEN) is UseRefused.UNKNOWN
    assert judge_credential(made, Factor.SERVICE_TOKEN, now=NOW) is UseRefused.UNKNOWN
    assert await service.store.sessions.sessions() == []


@pytest.mark.parametrize("reason", [RefusalReason.DISABLED, RefusalReason.LOCKED, RefusalReason.PASSWORD_EXPIRED])
async def test_an_account_that_may_not_be_used_begins_nothing(
    service: Service, scripted: Corp, reason: RefusalReason
) -> None:
    made = await kept(service, scripted)
    scripted.stopped = reason
    with capture_logs() as logs:
        assert await begin(service, made) is UseRefused.ACCOUNT
    assert [each["reason"] for each in logs if each["event"] == "credential.refused"] == [reason.value]
    assert await service.store.sessions.sessions() == []
    scripted.stopped = None
    assert await begin(service, made) is None


async def test_a_refused_account_is_not_asked_about_without_end(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    scripted.stopped = RefusalReason.DISABLED
    answers = [await begin(service, made) for _ in range(40)]
    assert isinstance(answers[-1], UseThrottled)
    assert answers.count(UseRefused.ACCOUNT) == 20
    other = await kept(service, scripted)
    scripted.stopped = None
    assert await begin(service, other) is None, "nobody else is stopped by it"
    service.now += 60
    assert await begin(service, made) is None


async def test_another_account_of_the_same_name_begins_nothing(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted, guid="00000000-0000-4000-8000-0000000000ff")
    assert await begin(service, made) is UseRefused.ACCOUNT
    made = await kept(service, scripted, realm="elsewhere")
    assert await begin(service, made) is UseRefused.ACCOUNT
    assert await service.store.sessions.sessions() == []


async def test_a_directory_that_describes_somebody_else_begins_nothing(
    service: Service, scripted: DescribedCorp
) -> None:
    made = await kept(service, scripted)
    scripted.described = replace(scripted.principal, guid="00000000-0000-4000-8000-0000000000ff")
    assert await begin(service, made) is UseRefused.ACCOUNT
    assert await service.store.sessions.sessions() == []


@pytest.mark.parametrize(
    ("limits", "address", "is_open"),
    [
        ({"groups": ("Staff",)}, "192.0.2.7", False),
        ({"groups": ("Wiki Users",)}, "192.0.2.7", True),
        ({"networks": ("203.0.113.0/24",)}, "192.0.2.7", False),
        ({"networks": ("203.0.113.0/24",)}, "203.0.113.5", True),
        ({"apps": ("Payroll",)}, "192.0.2.7", False),
        ({"apps": ("Wiki",)}, "192.0.2.7", True),
    ],
)
async def test_it_opens_no_more_than_a_sign_in_there_could(
    service: Service, scripted: Corp, limits: dict[str, Any], address: str, is_open: bool
) -> None:
    made = await kept(service, scripted)
    scheme = SchemeSettings.model_validate({"name": "s", "factors": ("kerberos", "sms"), **limits})
    step = replace(service.parts.credentials, schemes=(scheme,))
    answer = await step.begin_session(use(made.digest, address=address))
    assert answer is (None if is_open else UseRefused.NO_SCHEME)
    assert len(await service.store.sessions.sessions()) == is_open


async def test_a_directory_that_is_away_refuses_and_counts_nothing(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    scripted.error = DirectoryUnavailable("corp", "away")
    assert [await begin(service, made) for _ in range(40)] == [UseRefused.DIRECTORY_AWAY] * 40
    scripted.error = None
    assert await begin(service, made) is None


async def test_wrong_ones_are_throttled_by_address_and_a_right_one_passes_all_the_same(
    service: Service, scripted: Corp
) -> None:
    most = service.settings.throttle.credentials_per_address
    wrong = [use(None) if number % 2 else use(bytes([number]) * 32) for number in range(most + 5)]
    answers = [await service.parts.credentials.begin_session(each) for each in wrong]
    assert {each for each in answers[:most] if each} == {UseRefused.UNKNOWN, UseRefused.MALFORMED}
    throttled = [each for each in answers[most:] if isinstance(each, UseThrottled)]
    assert len(throttled) == 5
    assert throttled[0].retry_after_seconds > 0
    elsewhere = await service.parts.credentials.begin_session(use(None, address="198.51.100.1"))
    assert elsewhere is UseRefused.MALFORMED
    made = await kept(service, scripted)
    assert await begin(service, made) is None
    assert (scripted.binds, scripted.others) == (0, 0)


async def test_one_that_is_removed_while_its_session_begins_leaves_none(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    begin_first, store = service.store.sessions.create_first, service.store

    async def removed_first(*arguments: Any, **options: Any) -> bool:
        await store.credentials.remove_credentials([made.credential_id])
        return await begin_first(*arguments, **options)

    store.sessions.create_first = removed_first  # type: ignore[method-assign]
    assert await begin(service, made) is UseRefused.UNKNOWN
    assert await service.store.sessions.sessions() == []


async def test_it_leaves_none_even_if_its_client_goes_meanwhile(service: Service, scripted: Corp) -> None:
    made = await kept(service, scripted)
    store, begun = service.store, asyncio.Event()
    begin_first, look = store.sessions.create_first, store.credentials.credential_by

    async def removed_first(*arguments: Any, **options: Any) -> bool:
        await store.credentials.remove_credentials([made.credential_id])
        is_first = await begin_first(*arguments, **options)
        begun.set()
        return is_first

    async def slow_once_begun(digest: bytes) -> Credential | None:
        if begun.is_set():
            await asyncio.Event().wait()
        return await look(digest)

    store.sessions.create_first = removed_first  # type: ignore[method-assign]
    store.credentials.credential_by = slow_once_begun  # type: ignore[method-assign]
    using = asyncio.create_task(begin(service, made))
    await begun.wait()
    using.cancel()  # as a connection does whose client is gone
    with pytest.raises(asyncio.CancelledError):
        await using
    assert await service.store.sessions.sessions() == []


def test_what_is_typed_after_a_command_is_never_taken_for_an_option() -> None:
    added = seal_enrolment(Keys(b"k" * 32), principal(), Factor.TOTP, b"x", name="Phone", now=NOW)
    for made in (new_credential_id(), added.enrolment_id):
        assert re.fullmatch("[0-9a-f]{32}", made)


def test_a_credential_shows_no_secret_in_its_repr() -> None:
    made = credential(digest=b"very secret digest")
    assert "very secret" not in repr(made) + repr(use(made.digest))
    assert replace(made, name="x").name == "x"
