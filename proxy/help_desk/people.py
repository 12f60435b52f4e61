"""Local people: their numbers as the file has them, changing one, and whom a change is told to.

A number that somebody else sets may be a thief's, as one in Active Directory may. So the number that the person used
last, or else the one that the file had, is told, and their mail address. All but `tell_number_set` blocks.
"""

from __future__ import annotations

from config.settings import LocalDirectorySettings, MobileSettings, Settings
from directory.directory import DescribingDirectory
from directory.errors import DirectoryError
from directory.login_name import LoginName, fold, parse_login_name
from directory.mobile import UnusableNumber, UsableNumber, first_usable
from directory.realms import Realms
from directory.users_file import LocalUser, read_users
from directory.users_writing import ChangedUser, change_user
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passcode.passcodes import number_that_was_known
from proxy.secrets.keys import Keys
from proxy.sign_in.changed_numbers import Notices, NumberEvent


def local_realms(settings: Settings) -> tuple[LocalDirectorySettings, ...]:
    return tuple(each for each in settings.directories if isinstance(each, LocalDirectorySettings))


def people_of(directory: LocalDirectorySettings) -> list[LocalUser]:
    """By name. Raises `ConfigurationError`."""
    return sorted(read_users(directory.file, directory.name).by_guid.values(), key=lambda each: each.folded)


def number_in_file(user: LocalUser, settings: MobileSettings) -> UsableNumber | UnusableNumber:
    """Where passcodes for them go."""
    return first_usable(user.mobiles, settings)


def name_in(directory: LocalDirectorySettings, typed: str) -> str | None:
    """The user name of what was typed, ``ann`` or ``ann@local`` or ``local\\ann``; None: it is of another realm, or no
    name at all."""
    login_name = parse_login_name(typed)
    if login_name is None:
        return None
    qualifier = login_name.domain if login_name.domain is not None else login_name.suffix
    if qualifier is not None and fold(qualifier) != fold(directory.name):
        return None
    return login_name.name


async def realms_that_know(realms: Realms, username: str, *, but: str) -> tuple[list[str], list[DirectoryError]]:
    """Who else has a person of this name, and who could not say. An app that goes by `Remote-User` alone would take
    both for one."""
    known, silent = [], []
    for directory in realms:
        if directory.realm == but:
            continue
        try:
            if await directory.find(LoginName(name=username)) is not None:
                known.append(directory.realm)
        except DirectoryError as error:
            silent.append(error)
    return known, silent


def set_number(directory: LocalDirectorySettings, username: str, number: UsableNumber) -> ChangedUser:
    """In the international form, which means the same in every home region. It takes the place of all that the file
    had. Raises what `change_user` raises."""
    return change_user(directory.file, directory.name, username, {"mobile": number.e164})


def set_disabled(directory: LocalDirectorySettings, username: str, is_disabled: bool) -> ChangedUser:
    """Their sessions end as the watch sees it. Raises what `change_user` raises."""
    return change_user(directory.file, directory.name, username, {"disabled": True if is_disabled else None})


async def tell_number_set(
    changed: ChangedUser,
    realms: Realms,
    realm: str,
    settings: MobileSettings,
    store: NumberStore,
    keys: Keys,
    notices: Notices,
    *,
    incident: str,
) -> bool:
    """Begin telling the previous number and the mail address. False: the number is the one that it was, or there are
    neither.

    Raises `StoreUnavailable`, `DirectoryError`.
    """
    new = number_in_file(changed.after, settings)
    before = number_in_file(changed.before, settings) if changed.before is not None else None
    if not isinstance(new, UsableNumber) or new == before:
        return False
    directory = realms.of(realm)
    state = await directory.state(changed.after.guid) if isinstance(directory, DescribingDirectory) else None
    if state is None:
        return False
    known = number_that_was_known(keys, changed.after.guid, await store.known_number(changed.after.guid))
    had = before.e164 if isinstance(before, UsableNumber) else None
    previous = next((number for number in (known, had) if number not in (None, new.e164)), None)
    notices.tell(state.principal, previous, NumberEvent.SET, new.e164, incident=incident)
    return previous is not None or bool(state.principal.mail)
