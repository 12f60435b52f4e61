"""Domain controllers that hang, drip, refer, lie or are somebody else: none of it lets anybody in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from config.settings import ActiveDirectorySettings
from directory.active_directory.active_directory import WAITING_PER_THREAD, ActiveDirectory
from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.messages import MAX_ANSWER_BYTES
from directory.active_directory.server_address import parse_server
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryBusy, DirectoryMisconfigured, DirectoryUnavailable
from directory.principal import Account, Principal
from tests.directory.contract import parsed
from tests.support.eventually import eventually
from tests.support.scripted_ldap import (
    ALICE,
    ALICE_DN,
    ALICE_GUID,
    ALICE_SID,
    BASE_DN,
    BIND,
    EXTENDED,
    GUID_TEXT,
    SEARCH,
    SERVICE_USER,
    Hang,
    HangUp,
    Request,
    ScriptedLDAP,
    bind_answer,
    entry,
    reference,
    result,
    search_done,
    settings_for,
    tlv,
)

ALICE_ACCOUNT = Account(guid=GUID_TEXT, realm="corp", username="alice", locator=ALICE_DN)
TIMEOUT = 1.0


def settings(*servers: str, ca_file: Path, **changes: object) -> ActiveDirectorySettings:
    return settings_for(*servers, ca_file=ca_file, **{"timeout": f"{TIMEOUT}s", **changes})


@contextlib.asynccontextmanager
async def directory_at(
    *servers: ScriptedLDAP | str, ca_file: Path, **changes: object
) -> AsyncIterator[ActiveDirectory]:
    urls = [each if isinstance(each, str) else each.url for each in servers]
    directory = ActiveDirectory(settings(*urls, ca_file=ca_file, **changes))
    yield directory
    await directory.close()


@pytest.fixture
def server(tmp_path: Path) -> ScriptedLDAP:
    return ScriptedLDAP(tmp_path)


def for_alice(*answer: bytes):  # type: ignore[no-untyped-def]
    def script(request: Request) -> list[bytes] | None:
        return list(answer) if request.kind == BIND and request.name == ALICE_DN else None

    return script


def _is_about_alice(request: Request) -> bool:
    return request.kind == SEARCH and b"alice" in request.body


async def test_the_usual_sign_in_is_one_bind_of_the_person(server: ScriptedLDAP) -> None:
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            account = await directory.find(parsed("alice"))
            assert account == ALICE_ACCOUNT
            assert isinstance(await directory.authenticate(account, "right"), Principal)
            assert len(server.binds(ALICE_DN)) == 1
            assert len(server.binds(SERVICE_USER)) == 1


async def test_each_answer_is_timed_and_a_server_that_is_gone_is_told(server: ScriptedLDAP) -> None:
    took: list[tuple[str, str]] = []
    gone = "ldaps://127.0.0.1:1"
    with server.running():
        wanted = settings(server.url, gone, ca_file=server.ca_file)
        directory = ActiveDirectory(wanted, took=lambda realm, step, _: took.append((realm, step)))
        assert directory.vital_signs().servers == {}
        account = await directory.find(parsed("alice"))
        await directory.authenticate(account, "right")
        assert took.count(("corp", "bind")) == 1  # the service account's own are not a person's
        assert took.count(("corp", "search")) == sum(each.kind == SEARCH for each in server.requests)
        await directory.prepare()
        await eventually(lambda: not directory.vital_signs().servers[gone])
        assert directory.vital_signs().servers[server.url]
        await directory.close()


FAILURES = {
    "busy": [bind_answer(51)],
    "unavailable": [bind_answer(52)],
    "referral": [bind_answer(10, "", "ldap://127.0.0.1:1/")],
    "stronger authentication": [bind_answer(8)],
    "another kind of answer": [search_done(0)],
    "an entry": [ALICE],
    "a notice of disconnection": [result(0x78, 52)],
    "not LDAP": [b"!HTTP/1.1 400 Bad Request\r\n\r\n"],
    "a broken length": [b"!\x30\x84\xff\xff\xff\xff"],
    "nothing inside": [tlv(0x61, b"")],
    "half a result": [tlv(0x61, b"\x0a\x01\x00")],
    "a result of no octets": [tlv(0x61, b"\x0a\x00" + tlv(4, b"") + tlv(4, b""))],
    "a notice before success": [b"!" + tlv(0x30, b"\x02\x01\x00" + result(0x78, 52)), bind_answer(0)],
    "success of another message": [b"!" + tlv(0x30, b"\x02\x02\x7f\x7f" + bind_answer(0))],
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_an_attempt_is_one_bind_in_every_failure(server: ScriptedLDAP, tmp_path: Path, failure: str) -> None:
    server.script = for_alice(*FAILURES[failure])
    second = ScriptedLDAP(tmp_path)
    with server.running(), second.running():
        async with directory_at(server, second, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.authenticate(ALICE_ACCOUNT, "right")
    assert len(server.binds(ALICE_DN)) == 1
    assert not second.binds(ALICE_DN), "a password was sent to a second server"


ODD_ANSWERS = {
    "a bind's answer": [bind_answer(0)],
    "half a result": [tlv(0x65, b"\x0a\x01\x00")],
    "a result of nine octets": [tlv(0x65, b"\x0a\x09" + bytes(9) + tlv(4, b"") + tlv(4, b""))],
    "nothing inside": [tlv(0x65, b"")],
    "half an entry": [tlv(0x64, b"\x04\x05CN"), search_done()],
    "a DN that is no text": [tlv(0x64, tlv(4, b"\xff\xfe") + tlv(0x30, b"")), search_done()],
    "a notice of disconnection": [b"!" + tlv(0x30, b"\x02\x01\x00" + result(0x78, 52))],
    "not LDAP": [b"!HTTP/1.1 400 Bad Request\r\n\r\n"],
    "a broken length": [b"!\x30\x84\xff\xff\xff\xff"],
    "the answer to another message": [
        b"!" + b"".join(tlv(0x30, b"\x02\x02\x7f\x7f" + each) for each in (ALICE, search_done()))
    ],
}


@pytest.mark.parametrize("answer", ODD_ANSWERS)
async def test_a_search_that_is_answered_oddly_finds_nobody(server: ScriptedLDAP, answer: str) -> None:
    server.script = lambda request: ODD_ANSWERS[answer] if _is_about_alice(request) else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.find(parsed("alice"))


async def test_an_endless_answer_is_given_up(server: ScriptedLDAP) -> None:
    large = entry(ALICE_DN, objectGUID=ALICE_GUID, description=bytes(100_000))
    many = [large] * (MAX_ANSWER_BYTES // 100_000 + 1)
    server.script = lambda request: [*many, search_done()] if _is_about_alice(request) else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.find(parsed("alice"))


async def test_a_success_behind_a_refusal_opens_nothing(server: ScriptedLDAP) -> None:
    server.script = for_alice(bind_answer(49, "data 52e"), bind_answer(0))
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            outcome = await directory.authenticate(ALICE_ACCOUNT, "right")
    assert outcome == PasswordRefused(RefusalReason.WRONG_PASSWORD)


@pytest.mark.parametrize("how", [Hang, HangUp])
async def test_a_bind_without_an_answer_is_not_sent_again(server: ScriptedLDAP, how: type[Exception]) -> None:
    def script(request: Request) -> list[bytes] | None:
        if request.kind == BIND and request.name == ALICE_DN:
            raise how
        return None

    server.script = script
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.authenticate(ALICE_ACCOUNT, "right")
    assert len(server.binds(ALICE_DN)) == 1


async def test_a_wrong_password_is_sent_to_one_server_once(server: ScriptedLDAP) -> None:
    with server.running():
        async with directory_at(server, server.url.replace("127.0.0.1", "localhost"), ca_file=server.ca_file) as it:
            assert await it.authenticate(ALICE_ACCOUNT, "wrong") == PasswordRefused(RefusalReason.WRONG_PASSWORD)
    assert [each.password for each in server.binds(ALICE_DN)] == [b"wrong"]


async def test_a_referral_is_never_followed(server: ScriptedLDAP) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"ldap://127.0.0.1:{trap.getsockname()[1]}/{ALICE_DN}"
        for script in (
            for_alice(bind_answer(10, "", url)),
            lambda request: [search_done(10, url)] if request.kind == SEARCH else None,
            lambda request: [reference(url), search_done()] if _is_about_alice(request) else None,
        ):
            each = ScriptedLDAP(server.folder, script=script)
            with each.running():
                async with directory_at(each, ca_file=each.ca_file) as directory:
                    for attempt in (directory.find(parsed("alice")), directory.authenticate(ALICE_ACCOUNT, "right")):
                        with contextlib.suppress(DirectoryUnavailable, DirectoryMisconfigured):
                            assert not isinstance(await attempt, Principal)
        trap.settimeout(0)
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.mark.parametrize("is_above", [False, True])
async def test_a_manager_in_another_domain_ends_the_line(server: ScriptedLDAP, is_above: bool) -> None:
    boss, other, octets = f"CN=Boss,{BASE_DN}", "CN=Other,DC=other,DC=example", bytes(range(16, 32))
    guid = str(UUID(bytes_le=octets))
    usual = {"userAccountControl": "512", "msDS_User_Account_Control_Computed": "0", "accountExpires": "0"}
    usual |= {"pwdLastSet": "130000000000000000"}
    known = {"objectSid": ALICE_SID, "replPropertyMetaData": bytes(16)}
    found = {
        f"<GUID={GUID_TEXT}>": entry(ALICE_DN, objectGUID=ALICE_GUID, manager=boss if is_above else other),
        boss: entry(boss, objectGUID=octets, sAMAccountName="boss", manager=other, **usual, **known),
    }
    found[f"<GUID={guid}>"] = found[boss]

    def script(request: Request) -> list[bytes] | None:
        if request.kind == SEARCH and request.name == other:
            return [search_done(10, f"ldap://other.example/{other}")]
        return [found[request.name], search_done()] if request.kind == SEARCH and request.name in found else None

    server.script = script
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            line = await directory.managers(GUID_TEXT)
            assert line.guids == ((guid,) if is_above else ())
            assert (line.manager is not None) is is_above
            assert not line.has_loop(GUID_TEXT)


async def test_a_reference_without_an_entry_is_nobody(server: ScriptedLDAP) -> None:
    server.script = lambda request: [reference("ldap://x/"), search_done()] if _is_about_alice(request) else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            assert await directory.find(parsed("alice")) is None


async def test_two_entries_are_nobody(server: ScriptedLDAP) -> None:
    other = entry(f"{ALICE_DN},OU=x", objectGUID=bytes(16), sAMAccountName="alice")
    server.script = lambda request: [ALICE, other, search_done()] if _is_about_alice(request) else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            assert await directory.find(parsed("alice")) is None
            assert await directory.find(parsed("alice@corp.example")) is None


async def test_a_success_for_an_unauthenticated_bind_opens_nothing(server: ScriptedLDAP) -> None:
    server.script = lambda request: [bind_answer(0)] if request.kind == BIND else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            unusable = PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
            assert await directory.authenticate(ALICE_ACCOUNT, "") == unusable
            nameless = Account(guid=GUID_TEXT, realm="corp", username="alice", locator="")
            assert await directory.authenticate(nameless, "any") == PasswordRefused(RefusalReason.UNKNOWN)
            assert await directory.authenticate(None, "any") == PasswordRefused(RefusalReason.UNKNOWN)
    assert all(each.name and each.password for each in server.binds())


@pytest.mark.parametrize(
    ("name", "password"), [("", b"x"), (ALICE_DN, b""), (ALICE_DN, b"a\0"), (ALICE_DN, b"x" * 1025)]
)
def test_a_connection_sends_no_bind_that_is_anonymous(server: ScriptedLDAP, name: str, password: bytes) -> None:
    with server.running():
        deadline = time.monotonic() + TIMEOUT
        connection = Connection.open(parse_server(server.url), create_tls_context(server.ca_file), deadline=deadline)
        with pytest.raises(ValueError, match="not a name and a password"):
            connection.bind(name, password, deadline=deadline)
        connection.close()
    assert not server.binds()


async def test_another_guid_after_the_bind_is_refused(server: ScriptedLDAP) -> None:
    stranger = ALICE.replace(bytes(range(16)), bytes(16))
    server.script = lambda request: (
        [stranger, search_done()] if request.name == ALICE_DN and request.kind == SEARCH else None
    )
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            assert await directory.authenticate(ALICE_ACCOUNT, "right") == PasswordRefused(RefusalReason.UNKNOWN)


@pytest.mark.parametrize("missing", ["userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires"])
async def test_an_attribute_that_cannot_be_read_is_not_taken_for_zero(server: ScriptedLDAP, missing: str) -> None:
    renamed = ALICE.replace(missing.encode(), b"x" * len(missing))
    server.script = lambda request: [renamed, search_done()] if _is_about_alice(request) else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryMisconfigured, match=missing):
                await directory.authenticate(ALICE_ACCOUNT, "right")


@pytest.mark.parametrize(
    ("kind", "start_tls"), [(BIND, False), (SEARCH, False), (BIND, True), (SEARCH, True), (EXTENDED, True)]
)
async def test_a_hanging_server_is_given_up_at_the_deadline(server: ScriptedLDAP, kind: int, start_tls: bool) -> None:

    def script(request: Request) -> list[bytes] | None:
        if request.kind == kind:
            raise Hang
        return None

    server.script, server.start_tls = script, start_tls
    await _is_unavailable_in_time(server)


async def test_a_server_that_says_nothing_at_all_is_given_up_at_the_deadline(server: ScriptedLDAP) -> None:
    server.handshakes = False
    await _is_unavailable_in_time(server)


@pytest.mark.parametrize("start_tls", [False, True])
async def test_a_dripping_server_is_given_up_at_the_deadline(server: ScriptedLDAP, start_tls: bool) -> None:
    server.drips, server.start_tls = True, start_tls
    await _is_unavailable_in_time(server)


async def _is_unavailable_in_time(server: ScriptedLDAP) -> None:
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            started_at = time.monotonic()
            with pytest.raises(DirectoryUnavailable) as raised:
                await directory.find(parsed("alice"))
            assert time.monotonic() - started_at < TIMEOUT + 0.5
            assert "in time" in raised.value.reason
            assert "alice" not in str(raised.value)


async def test_start_tls_comes_before_any_name_and_password(server: ScriptedLDAP) -> None:
    server.start_tls = True
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            assert isinstance(await directory.authenticate(ALICE_ACCOUNT, "right"), Principal)
    assert {each.kind for each in server.requests if not each.in_tls} == {EXTENDED}


@pytest.mark.parametrize("answer", [[result(0x78, 2)], [result(0x78, 52)], [bind_answer(0)]])
async def test_nothing_is_said_in_clear_when_start_tls_is_refused(server: ScriptedLDAP, answer: list[bytes]) -> None:
    server.start_tls = True
    server.script = lambda request: answer if request.kind == EXTENDED else None
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.authenticate(ALICE_ACCOUNT, "right")
    assert {each.kind for each in server.requests} <= {EXTENDED, 0x42}


@pytest.mark.parametrize("start_tls", [False, True])
async def test_a_certificate_for_another_name_is_refused(server: ScriptedLDAP, start_tls: bool) -> None:
    server.start_tls = start_tls
    with server.running(certificate_address="127.0.0.9"):
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable, match="certificate is not accepted"):
                await directory.authenticate(ALICE_ACCOUNT, "right")
            checked = await directory.check()
            assert [result.ok for result in checked] == [True, False], "it is listed, and not to be believed"
            assert "certificate" in checked[1].detail
    assert not server.binds()


async def test_a_certificate_of_another_authority_is_refused(server: ScriptedLDAP, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with ScriptedLDAP(tmp_path / "other").running() as other, server.running():
        async with directory_at(server, ca_file=other.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable, match="certificate is not accepted"):
                await directory.find(parsed("alice"))
    assert not server.binds()


async def test_a_dead_or_hanging_first_server_is_passed_over(server: ScriptedLDAP, tmp_path: Path) -> None:
    (tmp_path / "silent").mkdir()
    silent = ScriptedLDAP(tmp_path / "silent", handshakes=False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"ldaps://127.0.0.1:{closed.getsockname()[1]}"
    with server.running(), silent.running():
        async with directory_at(dead, silent, server, ca_file=server.ca_file, timeout="2s") as directory:
            assert await directory.find(parsed("alice")) == ALICE_ACCOUNT
            started_at = time.monotonic()
            assert isinstance(await directory.authenticate(ALICE_ACCOUNT, "right"), Principal)
            assert time.monotonic() - started_at < 0.5, "servers that failed are asked last"


async def test_with_every_server_dead_the_answer_comes_at_once(tmp_path: Path) -> None:
    with ScriptedLDAP(tmp_path).running() as server:
        ca_file, url = server.ca_file, server.url
    async with directory_at(url, url, ca_file=ca_file) as directory:
        started_at = time.monotonic()
        for attempt in (directory.find(parsed("alice")), directory.read(GUID_TEXT), directory.authenticate(None, "x")):
            with pytest.raises(DirectoryUnavailable):
                await attempt
        assert time.monotonic() - started_at < TIMEOUT / 2
        assert not any(result.ok for result in await directory.check() if "connection" in result.subject)


async def test_a_read_goes_on_over_a_fresh_connection_when_the_kept_one_is_gone(server: ScriptedLDAP) -> None:
    cut = False

    def script(request: Request) -> list[bytes] | None:
        nonlocal cut
        if cut and request.kind == SEARCH:
            cut = False
            raise HangUp
        return None

    server.script = script
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            assert await directory.find(parsed("alice")) == ALICE_ACCOUNT
            cut = True
            assert await directory.find(parsed("alice")) == ALICE_ACCOUNT
            assert server.connections == 2


async def test_a_refused_service_account_is_not_tried_over_and_over(server: ScriptedLDAP) -> None:
    refused = bind_answer(49, "AcceptSecurityContext error, data 52e, v1")
    server.script = lambda request: [refused] if request.kind == BIND else None
    with server.running():
        async with directory_at(server, server, ca_file=server.ca_file) as directory:
            for _ in range(5):
                with pytest.raises(DirectoryMisconfigured, match="service account"):
                    await directory.find(parsed("alice"))
    assert len(server.binds()) == 1


async def test_a_full_queue_is_busy_at_once(server: ScriptedLDAP) -> None:
    server.handshakes = False
    with server.running():
        async with directory_at(server, ca_file=server.ca_file, connections=1) as directory:
            places = 1 + WAITING_PER_THREAD
            attempts = [asyncio.create_task(directory.find(parsed("alice"))) for _ in range(places)]
            await asyncio.sleep(0)
            started_at = time.monotonic()
            with pytest.raises(DirectoryBusy):
                await directory.find(parsed("alice"))
            assert time.monotonic() - started_at < 0.2
            outcomes = await asyncio.gather(*attempts, return_exceptions=True)
            assert isinstance(outcomes[0], DirectoryUnavailable)
            assert all(isinstance(each, (DirectoryBusy, DirectoryUnavailable)) for each in outcomes[1:])
            with pytest.raises(DirectoryUnavailable):
                await directory.find(parsed("alice"))


async def test_no_password_is_left_in_an_error_or_in_memory(server: ScriptedLDAP) -> None:
    server.script = for_alice(b"!garbage garbage garbage")
    secret = "".join(["Never-", "written-", "down"])
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable) as raised:
                await directory.authenticate(ALICE_ACCOUNT, secret)
            text = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
            assert secret not in text
            cause = raised.value.__cause__
            assert cause is not None
            library = cause.__cause__
            assert library is not None
            assert library.__traceback__ is None, "frames of ldap3 hold the request"


@pytest.mark.parametrize("url", ["ldaps://dc1.corp.example:3268", "ldap://dc1.corp.example:3269"])
async def test_a_global_catalog_is_refused_as_a_server(url: str) -> None:
    with pytest.raises(DirectoryMisconfigured, match="Global Catalog"):
        ActiveDirectory(settings(url, ca_file=None))  # type: ignore[arg-type]


async def test_the_check_names_what_the_service_account_may_not_read(server: ScriptedLDAP) -> None:
    renamed = ALICE.replace(b"userAccountControl", b"x" * 18)
    server.script = lambda request: (
        [renamed, search_done()] if request.name != "" and b"objectCategory" in request.body else None
    )
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            failed = {each.subject.rpartition(" ")[2]: each.detail for each in await directory.check() if not each.ok}
    assert "userAccountControl" in failed["rights"]
    assert "clock" in failed, "2030 is not now"
