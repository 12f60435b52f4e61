"""Who may vouch for a person at this moment: what a request, its answer and the dry run ask alike."""

from __future__ import annotations

from directory.managers import ManagedDirectory
from directory.principal import Principal
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.passes.vouch import NoVouch, who_vouches


async def voucher_of(
    person: Principal, directory: object | None, store: PassStore, *, now: float
) -> Principal | NoVouch:
    """`directory`: the person's; None: there is none (any more). Raises `DirectoryError` and `StoreUnavailable`."""
    line = await directory.managers(person.guid) if isinstance(directory, ManagedDirectory) else None
    return who_vouches(person.guid, line, await store.passes(person.guid, now=now))
