"""The people of the demo, in a local file or in a throwaway Active Directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from proxy.demo.samba_people import DomainGroup, DomainPerson

PASSWORD = "Open-the-gate-7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    username: str
    display_name: str
    mobile: str
    groups: tuple[str, ...]

    def as_toml(self, password_hash: str) -> str:
        groups = ", ".join(f'"{group}"' for group in self.groups)
        return (
            f'[[users]]\nusername = "{self.username}"\npassword_hash = "{password_hash}"\n'
            f'display_name = "{self.display_name}"\nmail = "{self.username}@corp.example"\n'
            f'mobile = "{self.mobile}"\ngroups = [{groups}]\n\n'
        )


PEOPLE = (
    Person(
        username="alice",
        display_name="Alice Example",
        mobile="07700 900123",
        groups=("Wiki Users", "Payroll Users", "Gatepost Admins"),
    ),
    Person(username="bob", display_name="Bob Example", mobile="07700 900456", groups=("Wiki Users",)),
)
SERVICE_USER = "svc-gatepost"


def domain_persons() -> list[DomainPerson]:
    """The same people, and the plain account that Gatepost reads the domain with."""
    service = DomainPerson(username=SERVICE_USER, password=PASSWORD)
    return [
        service,
        *(
            DomainPerson(
                username=person.username,
                password=PASSWORD,
                display_name=person.display_name,
                mail=f"{person.username}@corp.example",
                mobile=person.mobile,
            )
            for person in PEOPLE
        ),
    ]


def domain_groups() -> list[DomainGroup]:
    names = dict.fromkeys(group for person in PEOPLE for group in person.groups)
    return [DomainGroup(name=name, members=[each.username for each in PEOPLE if name in each.groups]) for name in names]


def directory_table(url: str, ca_file: Path) -> str:
    """The `[[directories]]` table of that domain."""
    return f"""[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{SERVICE_USER}@corp.example"
bind_password = "{PASSWORD}"
"""
