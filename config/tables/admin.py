"""`[admin]`: who may open the admin pages, what they may do there, and what has to agree. Without groups there are no
such pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Annotated

from config.addresses import Network
from config.frozen_table import FrozenTable, named
from config.tables.directories import DirectorySettings, LocalDirectorySettings
from config.tables.schemes import SchemeSettings, no_such_scheme, not_asked_for, what_lets_in
from config.values import NotEmpty, Text


class AdminRight(Enum):
    """What somebody may do on the admin pages. The value is its name in the configuration and in the log."""

    LOOK = "look"
    """See the pages, and look persons up. Numbers are masked."""
    ACT = "act"
    """Press the buttons that change something. It needs `LOOK`."""
    REPORT = "report"
    """See and download the report on mobile fields, which has the values that need fixing. It needs `LOOK`."""
    NUMBERS = "numbers"
    """See a person's mobile numbers in full. It needs `LOOK`."""
    AUDIT = "audit"
    """Search the audit."""
    CONFIGURATION = "configuration"
    """See the configuration as it was loaded, without secrets."""


GROUPS_MAY = frozenset({AdminRight.LOOK, AdminRight.ACT, AdminRight.REPORT})
"""What `groups` of `[admin]` itself may: what the pages offered before there were roles."""
_NEED_LOOK = (AdminRight.ACT, AdminRight.REPORT, AdminRight.NUMBERS)


class AdminRoleSettings(FrozenTable):
    """What members of some groups may do on the admin pages. Somebody with several roles may do what any of them
    may."""

    groups: Annotated[tuple[Text, ...], NotEmpty]
    """Members of any of these groups, nested ones too. They need not be in `groups` of `[admin]`."""
    may: Annotated[tuple[AdminRight, ...], NotEmpty]
    """`"look"`: see the pages and look persons up. `"act"`: press the buttons. `"report"`: see and download the report
    on mobile fields. `"numbers"`: see a person's numbers in full. `"audit"`: search the audit. `"configuration"`: see
    the configuration without its secrets. `"act"`, `"report"` and `"numbers"` need `"look"`."""


class AdminSettings(FrozenTable):
    """Who may open the admin pages, `/.gatepost/admin/` on the sign-in host."""

    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, nested ones too, may `"look"`, `"act"` and see the `"report"`. Neither this nor
    `roles` is set: there are no such pages."""
    roles: tuple[AdminRoleSettings, ...] = ()
    """Who may do more there, or less. Without them, members of `groups` are all that there is."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """A request from elsewhere is denied. Not set: from everywhere."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme. Not set: of what a sign-in from no app asks for."""
    people_groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, if they are admitted at all, may change local people there (those of a directory
    of `type = "local"`): their mobile number, and whether they may sign in. Not set: nobody."""

    @property
    def is_on(self) -> bool:
        return bool(self.open_to)

    @property
    def open_to(self) -> tuple[str, ...]:
        """A member of any of these groups is admitted, whatever else they may."""
        return tuple(dict.fromkeys((*(self.groups or ()), *(group for role in self.roles for group in role.groups))))


def admin_problems(
    admin: AdminSettings, schemes: Sequence[SchemeSettings], directories: Sequence[DirectorySettings]
) -> Iterator[tuple[str, str]]:
    """Key and sentence. A key that is silently ignored would be an open door, or one that nobody can pass."""
    if not admin.is_on:
        for key in ("networks", "scheme", "people_groups"):
            if getattr(admin, key) is not None:
                yield "groups", f"is missing: {key} is given, and without groups nobody is admitted"
                return
    for position, role in enumerate(admin.roles):
        lacking = [right.value for right in _NEED_LOOK if right in role.may]
        if lacking and AdminRight.LOOK not in role.may:
            yield f"roles[{position}].may", f'"{lacking[0]}" needs "look": add it'
    if admin.people_groups is not None and not any(isinstance(each, LocalDirectorySettings) for each in directories):
        yield "people_groups", 'there are no local people: add [[directories]] with type = "local", or leave this out'
    if admin.scheme is None:
        return
    scheme = named(schemes, admin.scheme)
    if scheme is None:
        yield "scheme", no_such_scheme(schemes, admin.scheme)
        return
    for message in not_asked_for(scheme, ("groups", "networks", "apps"), "groups and networks here"):
        yield "scheme", message


def admin_warnings(admin: AdminSettings, schemes: Sequence[SchemeSettings]) -> Iterator[str]:
    """What works, but is seldom meant."""
    if not admin.is_on or admin.networks is not None:
        return
    for scheme in schemes:
        is_asked_for = admin.scheme in (None, scheme.name)
        if is_asked_for and len(scheme.factors) == 1 and scheme.apps is None and scheme.networks is None:
            who = f'has no networks, nor has "{scheme.name}": whom it lets in'
            yield f"admin: {who} opens the admin pages with {what_lets_in(scheme)} alone"
