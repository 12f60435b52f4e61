"""What is done about enrolments without anybody asking: those of deleted accounts go, and a new key seals the others.

One worker does it for all. A disabled account keeps its enrolments, which open nothing meanwhile: each sign-in asks the
directory. Remembered browsers of one are forgotten: they must not come back with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from directory.directory import DescribingDirectory
from directory.errors import DirectoryError
from directory.realms import Realms
from proxy.factors.enrolment import Enrolment, resealed
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.factors.remembered.stopped_accounts import forget_if_stopped
from proxy.operations.store_errors import StoreError
from proxy.secrets.keys import Keys
from proxy.sign_in.credentials import CredentialStore

_LOOK_SECONDS = 3600.0
_PAUSE_SECONDS = 0.02
"""Between two persons: sign-ins go first."""
_FEW = 3
"""Of so many, all may be deleted at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentUpkeep:
    store: EnrolmentStore
    browsers: RememberedBrowserStore
    credentials: CredentialStore
    clock: Callable[[], float]
    realms: Realms
    keys: Keys
    log: FilteringBoundLogger

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError:
                pass  # told in /readyz; nothing is lost by looking later
            except Exception:  # the border of a background task: the next look may succeed
                self.log.exception("enrolments.upkeep_failed")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Once, at everybody. Raises `StoreError`."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        gone: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
        for guid in await self.store.guids_with_enrolments():
            enrolments = await self.store.enrolments(guid)
            await self._reseal(enrolments)
            for realm in {each.realm for each in enrolments}:
                if await self._is_gone(realm, guid):
                    gone[realm][guid] = [each.enrolment_id for each in enrolments if each.realm == realm]
                else:
                    found[realm].append(guid)
            await asyncio.sleep(_PAUSE_SECONDS)
        for realm, guids in self._certainly(gone, found):
            for guid, ids in guids.items():
                removed = await self.store.remove_enrolments(guid, ids)
                self.log.info("enrolments.removed", reason="account_deleted", realm=realm, guid=guid, count=removed)
        await self._remove_credentials()
        await self._forget_browsers()

    def _certainly(
        self, gone: Mapping[str, dict[str, list[str]]], found: Mapping[str, list[str]]
    ) -> Iterator[tuple[str, dict[str, list[str]]]]:
        """A directory that suddenly misses most people is more likely read wrongly than emptied."""
        for realm, guids in gone.items():
            known = len(found.get(realm, ()))
            if len(guids) > max(_FEW, known):
                self.log.warning("enrolments.too_many_gone", realm=realm, gone=len(guids), found=known)
                continue
            yield realm, guids

    async def _remove_credentials(self) -> None:
        """A local user of the same name would be the same account to them."""
        whose: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for each in await self.credentials.credentials(now=self.clock()):
            whose[each.realm, each.guid].append(each.credential_id)
        found: defaultdict[str, list[str]] = defaultdict(list)
        gone: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
        for (realm, guid), ids in whose.items():
            if await self._is_gone(realm, guid):
                gone[realm][guid] = ids
            else:
                found[realm].append(guid)
            await asyncio.sleep(_PAUSE_SECONDS)
        for realm, guids in self._certainly(gone, found):
            for guid, ids in guids.items():
                removed = await self.credentials.remove_credentials(ids)
                self.log.info("credentials.removed", reason="account_deleted", realm=realm, guid=guid, count=removed)

    async def _forget_browsers(self) -> None:
        for guid in await self.browsers.guids_with_browsers():
            for realm in {each.realm for each in await self.browsers.browsers(guid)}:
                with contextlib.suppress(DirectoryError):
                    forgotten = await forget_if_stopped(self.browsers, self.realms.of(realm), guid)
                    if forgotten:
                        facts = {"realm": realm, "guid": guid, "browsers": forgotten}
                        self.log.info("browser.forgotten", reason="account_stopped", **facts)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_gone(self, realm: str, guid: str) -> bool:
        """Whether the directory says that there is no such account any more."""
        directory = self.realms.of(realm)
        try:
            return isinstance(directory, DescribingDirectory) and await directory.state(guid) is None
        except DirectoryError:
            return False

    async def _reseal(self, enrolments: tuple[Enrolment, ...]) -> None:
        for each in enrolments:
            new = resealed(self.keys, each)
            if new is not None:
                await self.store.reseal_enrolment(each.enrolment_id, was=each.sealed, sealed=new.sealed)
