"""The sweep of a real domain, and what an LDAP server may do to it in the middle."""

import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import ActiveDirectorySettings, LocalDirectorySettings, MobileSettings
from directory.active_directory import sweep as module
from directory.active_directory.change_time import changed_at
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.messages import decode_entry, message_end
from directory.active_directory.sweep import container_of
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.mobile_report import Status
from directory.mobile_sweep import Findings, Rules, sweep
from tests.support.samba import PERSONS, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import escape_rdn
from tests.support.scripted_ldap import (
    ALICE,
    SEARCH,
    SERVICE_USER,
    HangUp,
    Request,
    ScriptedLDAP,
    entry,
    integer,
    search_done,
    tlv,
)
from tests.support.scripted_ldap import settings_for as scripted_settings

RULES = Rules(mobile=MobileSettings(), now=time.time(), changed_within_seconds=3600.0, include_disabled=True)


@pytest.fixture(scope="module")
def swept(corp: SambaDC) -> Iterator[SambaDC]:
    """An OU with persons of its own, so that others' changes do not matter."""
    persons = []
    for index in range(25):
        name = f"swept{index:02}"
        text = {0: "O7400 000000", 1: "07400 000002", 2: "07400 000002"}.get(index, f"07400 0000{index:02}")
        persons.append(
            f"dn: CN={name},{base(corp)}\nchangetype: add\nobjectClass: user\nsAMAccountName: {name}\n"
            f"userAccountControl: {546 if index == 3 else 544}\nmobile: {text}\ndepartment: Sweepers\n"
            "otherMobile: 07400 999999\n\n"
        )
    unit = f"dn: {base(corp)}\nchangetype: add\nobjectClass: organizationalUnit\n\n"
    corp.modify(unit + "".join(persons))
    yield corp
    gone = [f"CN=swept{index:02},{base(corp)}" for index in range(25)]
    corp.modify("".join(f"dn: {dn}\nchangetype: delete\n\n" for dn in [*gone, base(corp)]))


def base(dc: SambaDC) -> str:
    return f"OU=Sweep\\, here,{dc.base_dn}"


def test_everybody_is_found_once_whatever_the_page_size(swept: SambaDC) -> None:
    found = {}
    for size in (1, 7, 25, 1000):
        persons = module.sweep(settings_for(swept), base_dn=base(swept), page_size=size)
        found[size] = [each.username for each in persons]
    assert sorted(found[7]) == [f"swept{index:02}" for index in range(25)]
    assert all(sorted(each) == sorted(found[7]) for each in found.values())


def test_a_person_is_read_as_ad_has_them(swept: SambaDC) -> None:
    persons = {each.username: each for each in sweep(settings_for(swept), base_dn=base(swept))}
    first = persons["swept00"]
    assert (first.container, first.department, first.realm) == ("Sweep, here", "Sweepers", "corp")
    assert [(each.attribute, each.text) for each in first.fields] == [("mobile", "O7400 000000")]
    assert [each.attribute for each in first.other_fields] == ["otherMobile"]
    assert [each.username for each in persons.values() if each.is_disabled] == ["swept03"]
    assert first.changed_at is not None
    assert abs(first.changed_at - time.time()) < 60


def test_findings_know_what_only_the_whole_sweep_tells(swept: SambaDC) -> None:
    with Findings(RULES) as findings:
        for each in sweep(settings_for(swept), base_dn=base(swept)):
            findings.add(each)
        judged = {each.person.username: each for each in findings}
        assert judged == {each.person.username: each for each in findings}
    assert judged["swept00"].status is Status.REPAIRABLE
    assert judged["swept00"].proposed == "+447400000000"
    assert {name for name, each in judged.items() if each.is_shared} == {"swept01", "swept02"}
    assert all(each.is_changed_recently for each in judged.values())
    assert findings.totals.all.good == 24


def test_the_whole_realm_is_swept_without_a_base(swept: SambaDC) -> None:
    names = {each.username for each in sweep(settings_for(swept))}
    assert {each.username for each in PERSONS} <= names
    assert "DC1$" not in names


def test_the_domains_own_accounts_and_services_are_set_apart(swept: SambaDC) -> None:
    patterns = MobileSettings().service_accounts
    services = {
        each.username.lower() for each in sweep(settings_for(swept), service_accounts=patterns) if each.is_service
    }
    assert {"administrator", "guest", "krbtgt"} <= services
    assert {"svc-gatepost", "dns-dc1"} <= services
    assert services.isdisjoint({"alice", *(f"swept{index:02}" for index in range(25))})


@pytest.mark.parametrize("wrong", ["OU=Nowhere,DC=corp,DC=example", "not a dn", "CN=Configuration,DC=corp,DC=example"])
def test_a_base_that_is_not_in_the_realm_is_told(corp: SambaDC, wrong: str) -> None:
    settings = settings_for(corp, base_dn=f"CN=Users,{corp.base_dn}")
    with pytest.raises(DirectoryMisconfigured, match="at or below"):
        list(sweep(settings, base_dn=wrong))


def test_a_wrong_service_password_and_a_dead_server_are_told_apart(corp: SambaDC) -> None:
    with pytest.raises(DirectoryMisconfigured, match="refused"):
        list(sweep(settings_for(corp, bind_user="nobody@corp.example")))
    with pytest.raises(DirectoryUnavailable):
        list(sweep(settings_for(corp, servers=("ldaps://127.0.0.1:1",))))


def test_leaving_a_sweep_early_leaves_nothing_open(corp: SambaDC) -> None:
    each = sweep(settings_for(corp))
    next(each)
    each.close()  # type: ignore[attr-defined]  # a generator
    # `filterwarnings = error` makes a socket left open fail the run.


def test_local_directories_are_swept_too(tmp_path: Path) -> None:
    file = tmp_path / "users.toml"
    known = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    file.write_text(
        f'[[users]]\nusername = "ann"\npassword_hash = "{known}"\nmobile = "7400 123456"\ndisabled = true\n'
    )
    (ann,) = sweep(LocalDirectorySettings(type="local", name="local", file=file))
    assert (ann.username, ann.container, ann.is_disabled, ann.fields[0].text) == ("ann", "", True, "7400 123456")


def test_the_time_of_the_last_change_is_found_among_other_attributes() -> None:
    def record(attribute: int, seconds: int) -> bytes:
        return struct.pack("<IIQ16sQQ", attribute, 1, seconds, b"\0" * 16, 7, 7)

    head = struct.pack("<IIII", 1, 0, 2, 0)
    assert changed_at(head + record(3, 1) + record(0x150029, 13_000_000_000)) == 13_000_000_000 - 11_644_473_600
    assert changed_at(head + record(3, 0x150029) + record(4, 1)) is None
    assert changed_at(b"") is None


@given(st.binary(max_size=200))
def test_no_metadata_breaks_the_reading_of_it(octets: bytes) -> None:
    changed_at(octets)


@given(st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8), max_size=4))
def test_a_container_is_named_as_people_know_it(names: list[str]) -> None:
    dn = ",".join(["CN=x", *(f"OU={escape_rdn(name)}" for name in names), "DC=corp", "DC=example"])
    assert container_of(dn, "DC=corp,DC=example") == "/".join(reversed(names))


def test_hexadecimal_escapes_in_a_dn_are_read() -> None:
    assert container_of(r"CN=a\,b,OU=K\c3\a4se\2c x,DC=corp", "DC=corp") == "Käse, x"


@given(st.dictionaries(st.from_regex(r"x[a-z]{1,9}", fullmatch=True), st.lists(st.binary(max_size=300)), max_size=5))
def test_an_entry_is_decoded_as_it_was_encoded(attributes: dict[str, list[bytes]]) -> None:
    message = tlv(0x30, b"\x02\x01\x05" + entry("CN=ä", **attributes))
    assert message_end(message, 0) == len(message)
    decoded = decode_entry(message)
    assert decoded.dn == "CN=ä"
    assert decoded.attributes == {name: tuple(values) for name, values in attributes.items() if values}


@given(st.binary(max_size=60), st.integers(0, 60))
def test_broken_octets_are_an_error_that_is_expected(octets: bytes, position: int) -> None:
    whole = bytearray(tlv(0x30, b"\x02\x01\x05" + entry("CN=a", mobile="07400 123456")))
    whole[position : position + len(octets)] = octets
    try:
        message_end(whole, 0)
        decode_entry(bytes(whole))
    except (ValueError, IndexError):
        pass


def test_a_value_longer_than_what_it_is_in_is_refused() -> None:
    whole = bytearray(tlv(0x30, b"\x02\x01\x05" + entry("CN=a", mobile="07400 123456")))
    whole[whole.index(b"07400 123456") - 1] += 1
    with pytest.raises(ValueError, match="longer"):
        decode_entry(bytes(whole) + b"trailing")


@pytest.mark.parametrize("ending", ["hang-up", "refusal", "garbage", "another request's answer"])
def test_half_a_sweep_is_an_error_and_no_report(tmp_path: Path, ending: str) -> None:
    control = tlv(0x30, tlv(4, b"1.2.840.113556.1.4.319") + tlv(4, tlv(0x30, integer(0) + tlv(4, b"next"))))
    pages = 0

    def script(request: Request) -> list[bytes] | None:
        nonlocal pages
        if request.kind != SEARCH or b"replPropertyMetaData" not in request.body:
            return None
        pages += 1
        if pages == 1:
            return [ALICE, search_done() + tlv(0xA0, control)]
        if ending == "hang-up":
            raise HangUp
        if ending == "garbage":
            return [b"!" + b"\x30\x84\x00\x00\x00\x05hello"]
        if ending == "refusal":
            return [ALICE, search_done(53)]
        return [b"!" + tlv(0x30, integer(1) + ALICE)]

    server = ScriptedLDAP(tmp_path, script=script)
    with server.running():
        settings = ActiveDirectorySettings.model_validate(
            {
                "type": "active_directory",
                "name": "corp",
                "domain": "corp.example",
                "servers": (server.url,),
                "ca_file": server.ca_file,
                "bind_user": SERVICE_USER,
                "bind_password": "secret",
            }
        )
        with pytest.raises(DirectoryMisconfigured if ending == "refusal" else DirectoryUnavailable):
            list(sweep(settings))
    assert pages == 2


def test_one_account_whose_state_may_not_be_read_does_not_end_the_sweep(tmp_path: Path) -> None:
    hidden = entry("CN=hidden,DC=corp,DC=example", objectGUID=b"h" * 16, sAMAccountName="hidden", mobile="07400 123456")

    def script(request: Request) -> list[bytes] | None:
        is_page = request.kind == SEARCH and b"replPropertyMetaData" in request.body
        return [hidden, ALICE, search_done()] if is_page else None

    with ScriptedLDAP(tmp_path, script=script).running() as server:
        found = list(sweep(scripted_settings(server.url, ca_file=server.ca_file)))
    assert [(each.username, each.is_disabled) for each in found] == [("hidden", False), ("alice", False)]


def test_a_context_that_checks_nothing_is_not_used(corp: SambaDC) -> None:
    assert create_tls_context(corp.ca_file).verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(DirectoryUnavailable, match="certificate is not accepted"):
        list(sweep(settings_for(corp, ca_file=None)))
