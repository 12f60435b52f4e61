"""The domain that the tests sign in to: its persons, each here for a reason."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import ActiveDirectorySettings
from tests.support.samba_dc import SambaDC, kept_domains, samba_problem
from tests.support.samba_people import DomainGroup, DomainPerson, State, filetime

LOCKOUT_THRESHOLD = 10
PASSWORD = "Right-pass-word-1"
ALICE_PASSWORD = "Alice's pässwörd ª²ﬁ א a"
"""What SASLprep would change or refuse (RFC 4013): it has to arrive as typed."""
SERVICE_USER = "svc-gatepost"
SERVICE_PASSWORD = "Service, pass: wörd"


def person(username: str, **fields: object) -> DomainPerson:
    known = {"password": PASSWORD, "display_name": username.title(), "mobile": "07400 123456", **fields}
    return DomainPerson(username=username, **known)  # type: ignore[arg-type]


def service(username: str, principal: str) -> DomainPerson:
    aes_alone = {"msDS-SupportedEncryptionTypes": "24", "servicePrincipalName": principal}
    return person(username, mobile=None, attributes=aes_alone)


PERSONS = (
    person(SERVICE_USER, password=SERVICE_PASSWORD, display_name="Gatepost", mobile=None),
    person("alice", password=ALICE_PASSWORD, display_name="Alice Ångström", mail="alice@corp.example"),
    person("bob", mail="bob@corp.example", mobile="07400 654321"),
    person("disabled", state=State.DISABLED),
    person("disabled-and-expired", state=State.DISABLED, attributes={"accountExpires": str(filetime(0))}),
    person("disabled-must-change", state=State.MUST_CHANGE),
    person("expired", state=State.ACCOUNT_EXPIRED),
    person("must-change", state=State.MUST_CHANGE),
    person("old-password", state=State.PASSWORD_EXPIRED),
    person("locked", state=State.LOCKED),
    person("night-shift", attributes={"logonHours": "\0" * 21}),
    person("protected"),
    person("smartcard"),
    person("elsewhere", attributes={"userWorkstations": "KIOSK7"}),
    person("no-mobile", mobile=None),
    person("bad-mobile", mobile="see Bob"),
    person("erin", user_principal_name="erin.smith@people.example"),
    person("no-upn", user_principal_name=""),
    person("josé", display_name="José Núñez"),
    person("さくら", display_name="さくら"),
    person("ｗｉｄｅ", display_name="ｗｉｄｅ"),
    person("odd#(name)&co", display_name="(Odd) *name*\\"),
    # Changes of their own, so that no other test sees them.
    person("changing"),
    person("guesses"),
    person("change-must", state=State.MUST_CHANGE),
    person("change-expired", state=State.PASSWORD_EXPIRED),
    person("change-refused"),
    person("change-in-browser", state=State.MUST_CHANGE),
    person("change-signed-in"),
    # Services that tickets are got for, and persons whose accounts change after they got one.
    service("svc-http", "HTTP/signin.corp.example"),
    service("svc-http-local", "HTTP/signin.localhost"),
    service("svc-http-other", "HTTP/other.corp.example"),
    person("ticket"),
    person("ticket-disabled"),
    person("ticket-must-change"),
    person("ticket-changed"),
)

GROUPS = (
    DomainGroup(name="Wiki Editors", members=["alice"]),
    DomainGroup(name="Wiki Users", members=["Wiki Editors", "erin"]),
    DomainGroup(name="Payroll Users", members=["bob"]),
    DomainGroup(name="Everybody's List", members=["alice"], attributes={"groupType": "2"}),  # global, distribution
    DomainGroup(name="Twin", members=["alice"]),
    DomainGroup(name="Second Twin", members=["bob"]),
)
CONFIGURED_GROUPS = frozenset({"Wiki Users", "Payroll Users"})


def settings_for(dc: SambaDC, **changes: object) -> ActiveDirectorySettings:
    """The `[[directories]]` table of a domain of the tests."""
    known = {
        "type": "active_directory",
        "name": dc.domain.partition(".")[0],
        "domain": dc.domain,
        "servers": (dc.url,),
        "ca_file": dc.ca_file,
        "bind_user": f"{SERVICE_USER}@{dc.domain}",
        "bind_password": SecretStr(SERVICE_PASSWORD),
        **changes,
    }
    return ActiveDirectorySettings.model_validate(known)


@contextmanager
def running_domain(
    *,
    domain: str = "corp.example",
    netbios_name: str = "CORP",
    persons: tuple[DomainPerson, ...] = PERSONS,
) -> Iterator[SambaDC]:
    """A domain on the first free loopback address; skips without Samba, but fails where `CI` is set."""
    problem = samba_problem()
    if problem is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    # Not below pytest's folders: Samba's socket paths there grow too long.
    with tempfile.TemporaryDirectory(prefix="gatepost-") as folder:
        dc = SambaDC(
            Path(folder) / "dc",
            domain=domain,
            netbios_name=netbios_name,
            address=None,
            persons=persons,
            groups=GROUPS if persons is PERSONS else (),
            upn_suffixes=["people.example"] if persons is PERSONS else (),
            lockout_threshold=LOCKOUT_THRESHOLD,
            cache=kept_domains(),
        )
        with dc:
            yield dc


OTHER_PERSONS = (
    person(SERVICE_USER, password=SERVICE_PASSWORD, display_name="Gatepost", mobile=None),
    person("alice", display_name="Alice of the other domain", mobile="07400 999999"),
    person("carol", mail="carol@other.example"),
)
