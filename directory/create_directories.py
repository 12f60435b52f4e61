"""The directories that the configuration names, in their order."""

from __future__ import annotations

from config.settings import ActiveDirectorySettings, Settings
from directory.active_directory.shared_tries import SharedTries
from directory.directory import Directory
from directory.local_users import LocalDirectory
from directory.realms import Realms
from directory.vital_signs import Took, not_told


def create_directories(settings: Settings, tries: SharedTries | None = None, took: Took = not_told) -> Realms:
    """One directory per `[[directories]]`, each told the groups that apps and schemes name."""
    want_all_groups = any(app.all_groups for app in settings.apps)
    directories: list[Directory] = []
    for each in settings.directories:
        if isinstance(each, ActiveDirectorySettings):
            # Here, because a process that serves no domain need not load LDAP and DNS: it starts sooner.
            from directory.active_directory.active_directory import ActiveDirectory

            directory = ActiveDirectory(
                each,
                groups=settings.group_names,
                want_all_groups=want_all_groups,
                needs_change_times=settings.mobile.holds_fresh_numbers,
                shared=tries,
                took=took,
            )
            directories.append(directory)
        else:
            directories.append(LocalDirectory(each, groups=settings.group_names, want_all_groups=want_all_groups))
    return Realms(directories, default=settings.default_realm)
