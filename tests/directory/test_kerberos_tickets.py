"""Tickets of a real domain: whose they are, and which open nothing."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import RefusalReason
from directory.kerberos.acceptor import GSSAcceptor
from directory.kerberos.service_key import ServiceKey
from directory.kerberos.ticket import MAX_TOKEN_BYTES, KerberosTicket, TicketRefusal, TicketRefused
from directory.principal import Principal
from tests.support.gatepost import ROOT
from tests.support.kerberos import KERBEROS, Workstation, export_keytab
from tests.support.samba import CONFIGURED_GROUPS, PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.scripted_ldap import tlv

SERVICE = "HTTP/signin.corp.example@CORP.EXAMPLE"
HERE = "HTTP@signin.corp.example"

_ACCEPT_LATER = """
import asyncio, base64, sys
from pathlib import Path
from directory.kerberos.acceptor import GSSAcceptor
from directory.kerberos.service_key import ServiceKey
key = ServiceKey(realm="corp", principal=sys.argv[1], keytab=Path(sys.argv[2]))
acceptor = GSSAcceptor([key], replay_cache=Path(sys.argv[3]))
print(asyncio.run(acceptor.accept(base64.b64decode(sys.stdin.read()))))
"""


@dataclass(frozen=True, slots=True)
class Domain:
    dc: SambaDC
    keytab: Path
    """Of two services, one of which is ours."""
    workstation: Workstation
    acceptor: GSSAcceptor
    directory: ActiveDirectory

    async def token_is_refused(self, token: bytes) -> TicketRefusal:
        outcome = await self.acceptor.accept(token)
        assert isinstance(outcome, TicketRefused)
        return outcome.reason

    async def ticket_of(self, username: str) -> KerberosTicket:
        self.workstation.sign_in(username, PASSWORD)
        outcome = await self.acceptor.accept(self.workstation.token(HERE))
        assert isinstance(outcome, KerberosTicket)
        return outcome


@pytest.fixture(scope="module")
def keytab(corp: SambaDC, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kerberos") / "http.keytab"
    return export_keytab(corp, path, "HTTP/signin.corp.example", "HTTP/other.corp.example")


@pytest.fixture
async def domain(corp: SambaDC, keytab: Path, tmp_path: Path) -> AsyncIterator[Domain]:
    key = ServiceKey(realm="corp", principal=SERVICE, keytab=keytab)
    acceptor = GSSAcceptor([key], replay_cache=tmp_path / "replay-cache")
    directory = ActiveDirectory(settings_for(corp), CONFIGURED_GROUPS)
    yield Domain(corp, keytab, Workstation(tmp_path / "workstation", corp), acceptor, directory)
    await directory.close()
    await acceptor.close()


async def test_a_ticket_is_its_holder_s_whatever_the_negotiation_around_it(domain: Domain) -> None:
    domain.workstation.sign_in("ticket", PASSWORD)
    for token in (domain.workstation.token(HERE), domain.workstation.token(HERE, KERBEROS)):
        ticket = await domain.acceptor.accept(token)
        assert isinstance(ticket, KerberosTicket)
        assert ticket.kerberos_realm == domain.directory.kerberos_realm == "CORP.EXAMPLE"
        assert ticket.reply
        assert "S-1-5" not in repr(ticket)
        person = await domain.directory.holder(ticket)
        assert isinstance(person, Principal)
        assert (person.username, person.mobiles) == ("ticket", ("07400 123456",))


async def test_a_new_keytab_counts_at_once(domain: Domain) -> None:
    whole = domain.keytab.read_bytes()
    domain.keytab.write_bytes(b"\x05\x02")
    domain.workstation.sign_in("ticket", PASSWORD)
    assert await domain.token_is_refused(domain.workstation.token(HERE)) is TicketRefusal.UNUSABLE
    domain.keytab.write_bytes(whole)
    assert await domain.ticket_of("ticket")


async def test_a_token_opens_once(domain: Domain) -> None:
    domain.workstation.sign_in("ticket", PASSWORD)
    token = domain.workstation.token(HERE)
    assert isinstance(await domain.acceptor.accept(token), KerberosTicket)
    again = await domain.acceptor.accept(token)
    assert again == TicketRefused(TicketRefusal.UNUSABLE, "Request is a replay")


async def test_a_token_is_known_again_on_another_machine_and_in_other_wrappings(domain: Domain, tmp_path: Path) -> None:
    key = ServiceKey(realm="corp", principal=SERVICE, keytab=domain.keytab)
    domain.workstation.sign_in("ticket", PASSWORD)
    token, later = domain.workstation.token(HERE), domain.workstation.token(HERE)
    bare = token[token.index(bytes.fromhex("06092a864886f71201020201006e")) :]
    seen = []
    for number, each in enumerate([token, tlv(0x60, bare), later]):
        elsewhere = GSSAcceptor([key], replay_cache=tmp_path / str(number))
        ticket = await elsewhere.accept(each)
        assert isinstance(ticket, KerberosTicket)
        seen.append(ticket.authenticator)
        await elsewhere.close()
    assert seen[0] == seen[1] != seen[2]


async def test_a_ticket_of_another_service_opens_nothing_although_its_key_is_there(domain: Domain) -> None:
    domain.workstation.sign_in("ticket", PASSWORD)
    token = domain.workstation.token("HTTP@other.corp.example")
    assert await domain.token_is_refused(token) is TicketRefusal.UNUSABLE


async def test_a_domain_s_key_makes_no_tickets_for_persons_of_another_with_a_key(
    domain: Domain, tmp_path: Path
) -> None:
    """A trusted domain's administrators have its key; they are not to be everybody in all domains."""
    renamed = tmp_path / "other.keytab"
    renamed.write_bytes(domain.keytab.read_bytes().replace(b"CORP.EXAMPLE", b"THEM.EXAMPLE"))
    foreign = ServiceKey(realm="them", principal=SERVICE.replace("CORP.", "THEM."), keytab=renamed)
    unable = tmp_path / "unable.keytab"  # CORP's own, which did not make the ticket
    export_keytab(domain.dc, unable, "HTTP/other.corp.example")
    own = ServiceKey(realm="corp", principal=SERVICE.replace("signin", "other"), keytab=unable)
    domain.workstation.sign_in("ticket", PASSWORD)
    with_both = GSSAcceptor([foreign, own], replay_cache=tmp_path / "both")
    outcome = await with_both.accept(domain.workstation.token(HERE))
    assert outcome == TicketRefused(TicketRefusal.BY_ANOTHER_DOMAIN)
    await with_both.close()
    # One keytab for two domains that trust each other: the operator gave the other one no voice of its own.
    alone = GSSAcceptor([foreign], replay_cache=tmp_path / "alone")
    assert isinstance(await alone.accept(domain.workstation.token(HERE)), KerberosTicket)
    await alone.close()


async def test_a_ticket_that_was_meddled_with_opens_nothing(domain: Domain) -> None:
    domain.workstation.sign_in("ticket", PASSWORD)
    token = domain.workstation.token(HERE)
    for at in (len(token) // 3, len(token) // 2, len(token) - 9):
        changed = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        assert await domain.token_is_refused(changed) is TicketRefusal.UNUSABLE


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"", TicketRefusal.NOT_KERBEROS),
        (b"NTLMSSP\0\1\0\0\0" + bytes(32), TicketRefusal.NOT_KERBEROS),
        (b"`\x28\x06\x06\x2b\x06\x01\x05\x05\x02" + bytes(32), TicketRefusal.UNUSABLE),
        (b"garbage", TicketRefusal.UNUSABLE),
        (b"`" * (MAX_TOKEN_BYTES + 1), TicketRefusal.UNUSABLE),
        # NTLM inside of SPNEGO, and NTLM first with Kerberos second: another round trip.
        (bytes.fromhex("601a06062b0601050502a010300ea00c300a060a2b06010401823702020a"), TicketRefusal.UNUSABLE),
        (
            bytes.fromhex("602506062b0601050502a01b3019a0173015060a2b06010401823702020a06072a864886f71201020002"[:-2]),
            TicketRefusal.UNUSABLE,
        ),
    ],
)
async def test_what_is_no_ticket_opens_nothing(domain: Domain, token: bytes, reason: TicketRefusal) -> None:
    assert await domain.token_is_refused(token) is reason


async def test_an_old_ticket_opens_nothing(domain: Domain, tmp_path: Path) -> None:
    domain.workstation.sign_in("ticket", PASSWORD)
    token = domain.workstation.token(HERE)

    def accept(name: str, *when: str) -> str:
        command = [*when, sys.executable, "-c", _ACCEPT_LATER, SERVICE, str(domain.keytab), str(tmp_path / name)]
        text = base64.b64encode(token).decode()
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert accept("then", "faketime", "-f", "+11h").startswith("TicketRefused(")
    assert accept("now").startswith("KerberosTicket(")


@pytest.mark.parametrize(
    ("username", "attribute", "value", "refusal"),
    [
        ("ticket-disabled", "userAccountControl", "514", RefusalReason.DISABLED),
        ("ticket-must-change", "pwdLastSet", "0", RefusalReason.MUST_CHANGE),
        ("ticket-changed", "clearTextPassword:", "", TicketRefusal.OLD_PASSWORD),
    ],
)
async def test_what_became_of_the_account_since_counts(
    domain: Domain, username: str, attribute: str, value: str, refusal: object
) -> None:
    ticket = await domain.ticket_of(username)
    assert isinstance(await domain.directory.holder(ticket), Principal)
    if attribute == "clearTextPassword:":
        value = base64.b64encode("Another-pass-word-2".encode("utf-16-le")).decode()
    domain.dc.modify(
        f"dn: {domain.dc.dn(username)}\nchangetype: modify\nreplace: {attribute.rstrip(':')}\n{attribute}: {value}\n\n"
    )
    assert await domain.directory.holder(ticket) is refusal


async def test_a_computer_s_ticket_is_no_person_s(domain: Domain) -> None:
    """The controller's own account, from its own keytab."""
    keytab = export_keytab(domain.dc, domain.workstation.folder.parent / "dc.keytab", "DC1$")
    domain.workstation.sign_in("ticket", PASSWORD)
    domain.workstation.sign_in_with(keytab, "DC1$")
    ticket = await domain.acceptor.accept(domain.workstation.token(HERE))
    assert isinstance(ticket, KerberosTicket)
    assert await domain.directory.holder(ticket) is RefusalReason.UNKNOWN
