"""`[admin]`: who may open the admin pages, and what has to agree there. Without groups there are no such pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from config.addresses import Network
from config.frozen_table import FrozenTable, named
from config.tables.directories import DirectorySettings, LocalDirectorySettings
from config.tables.schemes import SchemeSettings, no_such_scheme, not_asked_for, what_lets_in
from config.values import NotEmpty, Text


class AdminSettings(FrozenTable):
    """Who may open the admin pages, `/.gatepost/admin/` on the sign-in host."""

    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, nested ones too. Not set: there are no such pages."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """A request from elsewhere is denied. Not set: from everywhere."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme. Not set: of what a sign-in from no app asks for."""
    people_groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups, if they are admitted at all, may change local people there (those of a directory
    of `type = "local"`): their mobile number, and whether they may sign in. Not set: nobody."""

    @property
    def is_on(self) -> bool:
        return self.groups is not None


def admin_problems(
    admin: AdminSettings, schemes: Sequence[SchemeSettings], directories: Sequence[DirectorySettings]
) -> Iterator[tuple[str, str]]:
    """Key and sentence. A key that is silently ignored would be an open door, or one that nobody can pass."""
    if admin.groups is None:
        for key in ("networks", "scheme", "people_groups"):
            if getattr(admin, key) is not None:
                yield "groups", f"is missing: {key} is given, and without groups nobody is admitted"
                return
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
