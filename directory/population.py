"""Everybody of a directory with their groups, read at once: for questions about all, such as who can open an app.

A sign-in asks a domain controller for one person's groups. What is computed here for all is the same: nested security
groups and the primary group count, distribution groups do not, and end a line.
"""

from __future__ import annotations

from collections.abc import Collection

from config.settings import DirectorySettings, LocalDirectorySettings
from directory.directory import RefusalReason
from directory.known_person import KnownPerson, Population
from directory.local_users import principal_of
from directory.users_file import read_users


def population(
    settings: DirectorySettings, groups: Collection[str], *, without: Collection[str] = (), now: float
) -> Population:
    """`groups`, and those `without` which it is read a second time, as a configuration writes them.

    Raises `DirectoryUnavailable`, `DirectoryMisconfigured`, or `ConfigurationError` for a users file.
    """
    if not isinstance(settings, LocalDirectorySettings):
        # As in `directory/create_directories.py`.
        from directory.active_directory.population import population as of_active_directory

        return of_active_directory(settings, groups, without=without, now=now)
    users = read_users(settings.file, settings.name).by_guid.values()
    gone = {name.casefold() for name in without}
    persons = {}
    for user in users:
        principal = principal_of(user, settings.name, frozenset(groups))
        persons[user.guid] = KnownPerson(
            principal=principal,
            refusals=(RefusalReason.DISABLED,) if user.disabled else (),
            groups_without=frozenset(name for name in principal.groups if name.casefold() not in gone),
        )
    there = {group.casefold() for user in users for group in user.groups}
    problems = {name: "nobody is in it" for name in (*groups, *without) if name.casefold() not in there}
    return Population(persons=persons, group_problems=problems)
