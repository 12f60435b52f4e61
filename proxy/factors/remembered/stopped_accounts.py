"""Remembered browsers of an account that an administrator has stopped or deleted: forgotten where that is seen, so that
they do not come back with the account."""

from __future__ import annotations

from directory.directory import DescribingDirectory, Directory, RefusalReason
from proxy.factors.remembered.browser_store import RememberedBrowserStore

FORGETTING = frozenset({RefusalReason.DISABLED, RefusalReason.ACCOUNT_EXPIRED})
"""Not a lock: anybody can lock an account by wrong passwords."""


async def forget_if_stopped(store: RememberedBrowserStore, directory: Directory | None, guid: str) -> int:
    """How many there were; 0, too, where the directory cannot say. Raises `DirectoryError` and `StoreUnavailable`.

    An account that is not there may be restored, with its objectGUID. If the directory was read wrongly, people are
    asked for a second factor once more than they would have to be.
    """
    if directory is None or not isinstance(directory, DescribingDirectory):
        return 0
    state = await directory.state(guid)
    if state is not None and FORGETTING.isdisjoint(state.refusals):
        return 0
    return await forget_all(store, directory.realm, guid)


async def forget_all(store: RememberedBrowserStore, realm: str, guid: str) -> int:
    """All of one person, of this realm alone; how many there were. Raises `StoreUnavailable`."""
    names = [each.name for each in await store.browsers(guid) if each.realm == realm]
    return await store.forget_browsers(guid, names) if names else 0
