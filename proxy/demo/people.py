"""The people of the demo."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "Open-the-gate-7"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
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
    DemoPerson(
        username="alice",
        display_name="Alice Example",
        mobile="07700 900123",
        groups=("Wiki Users", "Payroll Users", "Gatepost Admins"),
    ),
    DemoPerson(username="bob", display_name="Bob Example", mobile="07700 900456", groups=("Wiki Users",)),
)
