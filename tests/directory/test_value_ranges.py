"""Attributes of which a domain controller gives only some values at once: all of them are read, or none counts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.messages import Entry
from directory.active_directory.reader import Reader
from directory.active_directory.server_address import parse_server
from directory.active_directory.sweep import sweep
from directory.active_directory.value_ranges import ValuesMissing, in_whole
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from tests.directory.contract import parsed
from tests.support.scripted_ldap import (
    ALICE_DN,
    ALICE_GUID,
    ALICE_SID,
    BASE_DN,
    SEARCH,
    Request,
    ScriptedLDAP,
    entry,
    search_done,
    settings_for,
)

MOST_VALUES = 1500
"""MaxValRange of a domain controller as it is installed."""
SIDS = [ALICE_SID[:-4] + number.to_bytes(4, "little") for number in range(5000, 8200)]
LAST_GROUP = "S-1-5-21-1-2-3-8199"
ALICE = {
    "objectGUID": ALICE_GUID,
    "objectSid": ALICE_SID,
    "sAMAccountName": "alice",
    "displayName": "Alice",
    "mobile": "07400 123456",
    "userAccountControl": "512",
    "msDS-User-Account-Control-Computed": "0",
    "accountExpires": "0",
    "pwdLastSet": "130000000000000000",
    "replPropertyMetaData": bytes(16),
}

Answer = Callable[[int], list[bytes]]


def ranged(attribute: str, values: list[bytes], start: int) -> dict[str, list[bytes]]:
    """The values from `start` on as AD gives them: the last ones under an asterisk; and the bare name, empty."""
    end = start + MOST_VALUES
    last = "*" if end >= len(values) else str(end - 1)
    return {attribute: [], f"{attribute};range={start}-{last}": values[start:end]}


def rest_of_groups(start: int) -> list[bytes]:
    return [entry(ALICE_DN, **ranged("tokenGroups", SIDS, start)), search_done()]


def controller(folder: Path, rest: Answer = rest_of_groups) -> ScriptedLDAP:
    """Alice is in 3,200 groups. `rest`: what is answered to a question for the values from a place on."""

    def script(request: Request) -> list[bytes] | None:
        if request.kind != SEARCH:
            return None
        asked = re.search(rb"(?i)tokengroups;range=(\d+)-\*", request.body)
        if asked is not None:
            return rest(int(asked[1]))
        if request.name in (ALICE_DN,) or b"alice" in request.body:
            groups = ranged("tokenGroups", SIDS, 0) if b"tokenGroups" in request.body else {}
            return [entry(ALICE_DN, **ALICE, **groups), search_done()]
        return None

    return ScriptedLDAP(folder, script=script)


async def signed_in(server: ScriptedLDAP) -> Principal:
    directory = ActiveDirectory(
        settings_for(server.url, ca_file=server.ca_file), groups=frozenset({LAST_GROUP, "S-1-5-21-1-2-3-9999"})
    )
    try:
        principal = await directory.authenticate(await directory.find(parsed("alice")), "right")
    finally:
        await directory.close()
    assert isinstance(principal, Principal)
    return principal


async def test_a_group_behind_the_first_thousands_counts(tmp_path: Path) -> None:
    with controller(tmp_path).running() as server:
        principal = await signed_in(server)
    assert principal.groups == {LAST_GROUP}
    asked = [each for each in server.requests if b";range=" in each.body]
    assert len(asked) == 2  # from 1500 on, and from 3000 on


@pytest.mark.parametrize(
    "rest",
    [
        lambda start: [search_done(1)],
        lambda start: [search_done()],
        lambda start: [entry(ALICE_DN, sAMAccountName="alice"), search_done()],
        lambda start: [entry(ALICE_DN, **{f"tokenGroups;range={start}-*": []}), search_done()],
        lambda start: rest_of_groups(0),
        lambda start: rest_of_groups(start + 1),
        lambda start: [entry(ALICE_DN, **{f"tokenGroups;range={start}-{start - 1}": SIDS[:1]}), search_done()],
        lambda start: [entry(ALICE_DN, **{"tokenGroups;range=odd": SIDS[:1]}), search_done()],
        lambda start: [entry(ALICE_DN, **{f"tokenGroups;range={start}-{start + 1499}": SIDS[:10]}), search_done()],
        lambda start: [entry(ALICE_DN, **{f"tokenGroups;range={start}-{start}": SIDS[:1]}), search_done()],  # no end
    ],
)
async def test_groups_that_are_known_in_part_are_not_taken_for_all(tmp_path: Path, rest: Answer) -> None:
    missing = pytest.raises(DirectoryUnavailable, match="does not give all values of tokengroups")
    with controller(tmp_path, rest).running() as server, missing:
        await signed_in(server)


@pytest.mark.parametrize("count", [1500, 1501, 3000, 4500])
def test_every_attribute_is_read_to_its_end(tmp_path: Path, count: int) -> None:
    """`member`, `memberOf` and all others alike, of each entry that a search finds."""
    members = [b"CN=%d" % number for number in range(count)]

    def script(request: Request) -> list[bytes] | None:
        if request.kind != SEARCH:
            return None
        asked = re.search(rb"(?i)member;range=(\d+)-\*", request.body)
        if asked is not None:
            found = {"member": members, **ranged("member", members, int(asked[1]))}
            return [entry(request.name, **{name: found[name] for name in found if ";" in name}), search_done()]
        dns = [f"CN={name},{BASE_DN}" for name in ("one", "two")]
        return [*(entry(dn, cn="x", **ranged("member", members, 0)) for dn in dns), search_done()]

    with ScriptedLDAP(tmp_path, script=script).running() as server:
        deadline = time.monotonic() + 30
        connection = Connection.open(parse_server(server.url), create_tls_context(server.ca_file), deadline=deadline)
        try:
            found = Reader("corp", connection, deadline).search(BASE_DN, "(objectClass=group)", ["cn", "member"])
        finally:
            connection.close()
    assert [each.attributes["member"] for each in found] == [tuple(members)] * 2
    assert [set(each.attributes) for each in found] == [{"cn", "member"}] * 2


def test_the_report_on_mobile_fields_reads_ranges_too(tmp_path: Path) -> None:
    """An account with more names of services than fit in one answer is a service's."""
    names = [b"HTTP/%d" % number for number in range(MOST_VALUES + 1)]

    def script(request: Request) -> list[bytes] | None:
        if request.kind != SEARCH:
            return None
        asked = re.search(rb"(?i)serviceprincipalname;range=(\d+)-\*", request.body)
        if asked is not None:
            found = ranged("servicePrincipalName", names, int(asked[1]))
            return [entry(request.name, **{name: found[name] for name in found if ";" in name}), search_done()]
        if b"servicePrincipalName" in request.body:
            named = {**ALICE, "sAMAccountName": "web", "displayName": "Web", "mobile": ""}
            return [
                entry(f"CN=web,{BASE_DN}", **named, **ranged("servicePrincipalName", names, 0)),
                entry(ALICE_DN, **ALICE),
                search_done(),
            ]
        return None

    with ScriptedLDAP(tmp_path, script=script).running() as server:
        persons = {each.username: each for each in sweep(settings_for(server.url, ca_file=server.ca_file))}
    assert (persons["web"].is_service, persons["alice"].is_service) == (True, False)


@pytest.mark.parametrize("values", [[], SIDS[:1000]])
async def test_fewer_groups_than_a_range_names_are_not_taken_for_all(tmp_path: Path, values: list[bytes]) -> None:
    def script(request: Request) -> list[bytes] | None:
        if request.kind != SEARCH or (request.name != ALICE_DN and b"alice" not in request.body):
            return None
        asked = re.search(rb"(?i)tokengroups;range=(\d+)-\*", request.body)
        if asked is not None:
            return rest_of_groups(int(asked[1]))
        first = {"tokenGroups;range=0-1499": values} if b"tokenGroups" in request.body else {}
        return [entry(ALICE_DN, **ALICE, **first), search_done()]

    missing = pytest.raises(DirectoryUnavailable, match="does not give all values of tokengroups")
    with ScriptedLDAP(tmp_path, script=script).running() as server, missing:
        await signed_in(server)


def test_a_range_of_no_values_at_all_is_no_attribute() -> None:
    assert in_whole(Entry(dn=ALICE_DN, attributes={"member;range=0-*": ()}), lambda attribute: None).attributes == {}


def test_a_range_that_does_not_begin_at_the_beginning_is_not_all() -> None:
    found = Entry(dn=ALICE_DN, attributes={"member;range=5-*": (b"x",)})
    with pytest.raises(ValuesMissing, match="member"):
        in_whole(found, lambda attribute: None)
    whole = in_whole(
        Entry(dn=ALICE_DN, attributes={"cn": (b"a",), "member;range=0-*": (b"x",)}), lambda attribute: None
    )
    assert whole.attributes == {"cn": (b"a",), "member": (b"x",)}
