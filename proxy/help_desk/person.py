"""The person behind a login name: the directory's answer, without a password."""

from __future__ import annotations

from directory.directory import DescribingDirectory, Directory, PreparedDirectory
from directory.errors import DirectoryError
from directory.login_name import LoginName, parse_login_name
from directory.principal import Principal
from directory.realms import Realms
from proxy.languages.current import gettext as _


class NotFound(Exception):
    """The text says why, for the operator."""


async def find_person(realms: Realms, typed: str) -> tuple[Directory, Principal]:
    """The directory that a login name belongs to, and whom it knows by it, in whatever state the account is.

    Raises `NotFound`; `DirectoryError` where the directory cannot say.
    """
    login_name, directory = await choose_realm(realms, typed)
    account = await directory.find(login_name)
    if account is None:
        raise NotFound(f"the realm {directory.realm!r} has no such account, or more than one")
    state = await directory.state(account.guid) if isinstance(directory, DescribingDirectory) else None
    if state is None:
        raise NotFound("the account was there and is gone, or cannot be read")
    return directory, state.principal


async def choose_realm(realms: Realms, typed: str) -> tuple[LoginName, Directory]:
    """Raises `NotFound`."""
    login_name = parse_login_name(typed)
    if login_name is None:
        raise NotFound(
            _(
                "this can be no login name: write %(name)s, %(address)s or %(old)s",
                name="alice",
                address="alice@corp.example",
                old="CORP\\alice",
            )
        )
    if login_name.domain is not None or login_name.suffix is not None:
        await _learn_names(realms)
    directory = realms.choose(login_name)
    if directory is None:
        known = ", ".join(each.realm for each in realms)
        raise NotFound(_("no realm, or more than one, has names like this (there are: %(realms)s)", realms=known))
    return login_name, directory


async def _learn_names(realms: Realms) -> None:
    """The names of the domains. If a domain is down, the configuration's names count."""
    for each in realms:
        if isinstance(each, PreparedDirectory):
            try:
                await each.prepare()
            except DirectoryError:
                continue
