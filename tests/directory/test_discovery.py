"""Domain controllers found by DNS: which count, in which order, and what happens when DNS is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.addresses import ResolverAddress
from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.discovery import DiscoveryFailed, Located
from directory.active_directory.host_addresses import HostAddresses, HostUnknown
from directory.active_directory.srv_servers import Record, SRVServers, create_resolver, in_order, is_below
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from tests.directory.contract import found, parsed
from tests.support.dns_server import DNSServer
from tests.support.samba import PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.scripted_ldap import settings_for as scripted_settings
from tests.support.waiting import until_it_answers

EVERYWHERE = ("_ldap._tcp.dc._msdcs.corp.example", "SRV")
LONDON = ("_ldap._tcp.london._sites.dc._msdcs.corp.example", "SRV")


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer().running() as server:
        yield server


def srv(dns: DNSServer, **changes: object) -> SRVServers:
    settings = {"site": None, "draw": lambda highest: 0, **changes}
    return SRVServers("corp.example", create_resolver([ResolverAddress.parse(dns.address)]), **settings)  # type: ignore[arg-type]


def names(located: Located) -> list[str]:
    return [each.address.host for each in located.candidates]


def test_the_records_priority_comes_first_and_ldaps_is_asked(dns: DNSServer) -> None:
    dns.records[EVERYWHERE] = ["20 0 389 dc3.corp.example.", "0 0 389 DC1.corp.example.", "10 0 389 dc2.corp.example."]
    located = srv(dns).locate()
    assert names(located) == ["dc1.corp.example", "dc2.corp.example", "dc3.corp.example"]
    assert {str(each.address).rpartition(":")[2] for each in located.candidates} == {"636"}
    assert located.lifetime_seconds == 60


def test_the_sites_servers_come_before_all_others(dns: DNSServer) -> None:
    dns.records[EVERYWHERE] = ["0 0 389 paris.corp.example.", "0 0 389 london.corp.example."]
    dns.records[LONDON] = ["5 0 389 london.corp.example."]
    located = srv(dns, site="London").locate()
    assert names(located) == ["london.corp.example", "paris.corp.example"]
    assert located.candidates[0].rank < located.candidates[1].rank


def test_a_site_without_servers_leads_to_all(dns: DNSServer) -> None:
    dns.records[EVERYWHERE] = ["0 0 389 paris.corp.example."]
    assert names(srv(dns, site="London").locate()) == ["paris.corp.example"]
    assert LONDON in dns.asked


def test_a_server_outside_of_the_domain_is_never_one(dns: DNSServer) -> None:
    dns.records[EVERYWHERE] = [
        "0 0 389 dc1.corp.example.",
        "0 0 389 dc1.attacker.example.",
        "0 0 389 corp.example.attacker.net.",
        "0 0 389 evilcorp.example.",
        "0 0 389 dc9.servers.example.",
        "0 0 389 .",
    ]
    located = srv(dns, suffixes=["servers.example"]).locate()
    assert names(located) == ["dc1.corp.example", "dc9.servers.example"]
    assert set(located.left_out) == {"dc1.attacker.example", "corp.example.attacker.net", "evilcorp.example"}
    dns.records[EVERYWHERE] = ["0 0 389 dc1.attacker.example."]
    with pytest.raises(DiscoveryFailed, match=r"outside of corp\.example"):
        srv(dns).locate()


@pytest.mark.parametrize(("ttl", "seconds"), [(0, 30.0), (29, 30.0), (600, 600.0), (86_400, 3600.0)])
def test_the_list_lives_as_long_as_its_records_within_bounds(dns: DNSServer, ttl: int, seconds: float) -> None:
    dns.ttl = ttl
    dns.records[EVERYWHERE] = ["0 0 389 dc1.corp.example."]
    assert srv(dns).locate().lifetime_seconds == seconds


def test_no_records_and_a_failing_server_are_told_apart(dns: DNSServer) -> None:
    with pytest.raises(DiscoveryFailed, match="DNS has no _ldap"):
        srv(dns).locate()
    dns.fails = True
    with pytest.raises(DiscoveryFailed, match="no DNS server gives an answer"):
        srv(dns).locate()


def test_the_same_records_again_change_no_order(dns: DNSServer) -> None:
    dns.records[EVERYWHERE] = [f"0 10 389 dc{number}.corp.example." for number in range(8)]
    random = Random(7)
    servers = srv(dns, draw=lambda highest: random.randint(0, highest))
    assert len({tuple(names(servers.locate())) for _ in range(10)}) == 1


RECORDS = st.lists(
    st.builds(Record, priority=st.integers(0, 3), weight=st.integers(0, 65535), target=st.text("abc.", min_size=1)),
    unique=True,
)


@given(RECORDS, st.randoms(use_true_random=False))
def test_every_record_comes_once_and_by_priority(records: list[Record], random: Random) -> None:
    ordered = in_order(records, lambda highest: random.randint(0, highest))
    assert sorted(ordered) == sorted(records)
    assert [each.priority for each in ordered] == sorted(each.priority for each in records)


def test_weights_share_the_load() -> None:
    random = Random(1)
    records = [Record(priority=0, weight=weight, target=str(weight)) for weight in (10, 30, 60)]
    first = Counter(in_order(records, lambda highest: random.randint(0, highest))[0].weight for _ in range(3000))
    for weight in (10, 30, 60):
        assert abs(first[weight] / 3000 - weight / 100) < 0.05


def test_below_means_a_whole_label() -> None:
    assert is_below("dc1.corp.example", ["corp.example"])
    assert not is_below("corp.example", ["corp.example"])
    assert not is_below("dc1.notcorp.example", ["corp.example"])


@pytest.fixture
async def found_by_dns(corp: SambaDC, dns: DNSServer) -> AsyncIterator[ActiveDirectory]:
    dns.records |= {
        EVERYWHERE: ["0 0 389 dc1.corp.example."],
        LONDON: ["0 0 389 dc2.corp.example.", "0 0 389 dc.attacker.example."],
        ("dc1.corp.example", "A"): [corp.address],
        ("dc2.corp.example", "A"): ["127.0.0.250"],  # nothing listens there
        ("dc.attacker.example", "A"): [corp.address],
    }
    directory = ActiveDirectory(settings_for(corp, servers=(), site="London", dns_servers=(dns.address,)))
    yield directory
    await directory.close()


async def test_a_person_signs_in_at_a_server_that_dns_named(found_by_dns: ActiveDirectory, dns: DNSServer) -> None:
    assert isinstance(await found_by_dns.authenticate(await found(found_by_dns, "bob"), PASSWORD), Principal)
    assert ("dc.attacker.example", "A") not in dns.asked
    # DNS may be gone from now on: servers and addresses are known.
    dns.is_silent = True
    assert isinstance(await found_by_dns.authenticate(await found(found_by_dns, "bob"), PASSWORD), Principal)


async def test_the_check_says_where_the_servers_come_from(found_by_dns: ActiveDirectory) -> None:
    first, *others = await found_by_dns.check()
    assert not first.ok, "somebody puts foreign names into the domain's DNS"
    assert "2 from DNS, site London" in first.detail
    assert "dc.attacker.example" in first.detail
    assert {each.subject.split()[1] for each in others} == {
        "ldaps://dc2.corp.example:636",
        "ldaps://dc1.corp.example:636",
    }


async def test_without_any_dns_the_directory_is_unavailable_and_comes_back(corp: SambaDC, dns: DNSServer) -> None:
    directory = ActiveDirectory(settings_for(corp, servers=(), dns_servers=(dns.address,)))
    with pytest.raises(DirectoryUnavailable, match="DNS has no"):
        await directory.find(parsed("bob"))
    dns.records |= {EVERYWHERE: ["0 0 389 dc1.corp.example."], ("dc1.corp.example", "A"): [corp.address]}
    assert await until_it_answers(directory) is not None
    await directory.close()


async def test_a_silent_dns_is_waited_for_once(dns: DNSServer, tmp_path: Path) -> None:
    dns.is_silent = True
    settings = scripted_settings(ca_file=None, dns_servers=(dns.address,))  # type: ignore[arg-type]
    directory = ActiveDirectory(settings)
    with pytest.raises(DirectoryUnavailable, match="DNS does not answer"):
        await directory.find(parsed("bob"))
    started_at = time.monotonic()
    for _ in range(5):
        with pytest.raises(DirectoryUnavailable, match="DNS does not answer"):
            await directory.find(parsed("bob"))
    assert time.monotonic() - started_at < 0.5
    await directory.close()


def test_a_lookup_that_breaks_is_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    is_reported = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: is_reported.set())
    answers: list[Sequence[str]] = [["127.0.0.2"], []]

    def look_up(host: str) -> Sequence[str]:
        answer = answers.pop()
        return answer if answer else [answer[0]]

    addresses = HostAddresses(look_up)
    with pytest.raises(HostUnknown):
        addresses.of("dc1.corp.example", deadline=time.monotonic() + 5)
    assert is_reported.wait(5)
    assert addresses.of("dc1.corp.example", deadline=time.monotonic() + 5) == ["127.0.0.2"]


def test_a_name_lookup_that_hangs_ends_at_the_deadline_and_is_not_started_twice() -> None:
    release, lookups = threading.Event(), 0

    def hang(host: str) -> Sequence[str]:
        nonlocal lookups
        lookups += 1
        release.wait()
        return ["127.0.0.2"]

    addresses = HostAddresses(hang)
    for _ in range(2):
        started_at = time.monotonic()
        with pytest.raises(HostUnknown, match="in time"):
            addresses.of("dc1.corp.example", deadline=started_at + 0.1)
        assert time.monotonic() - started_at < 0.5
    release.set()
    assert addresses.of("dc1.corp.example", deadline=time.monotonic() + 5) == ["127.0.0.2"]
    assert lookups == 1


def test_an_address_is_never_looked_up() -> None:
    def fail(host: str) -> Sequence[str]:
        raise AssertionError(host)

    for host in ("127.0.0.2", "::1"):
        assert HostAddresses(fail).of(host, deadline=0.0) == (host,)


def test_old_addresses_serve_while_dns_is_gone() -> None:
    answers = [["127.0.0.2"]]

    def look_up(host: str) -> Sequence[str]:
        if not answers:
            raise OSError("no DNS")
        return answers.pop()

    addresses = HostAddresses(look_up, fresh_seconds=-1.0)
    for _ in range(3):
        assert addresses.of("dc1.corp.example", deadline=time.monotonic() + 5) == ["127.0.0.2"]
    with pytest.raises(HostUnknown, match="not found"):
        addresses.of("other.corp.example", deadline=time.monotonic() + 5)


def test_whoever_lists_the_servers_does_not_load_the_library() -> None:
    code = "import sys, directory.active_directory.active_directory; sys.exit('dns' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
