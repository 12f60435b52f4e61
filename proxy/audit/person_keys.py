"""The keys that personal fields are sealed under: a random one for each person and month, which can be destroyed.

The store keeps them, wrapped by the master key, under a name that does not tell whose they are. A sealed value names
its key by a random id. Who destroys the key destroys everything that was sealed under it, wherever copies of that are.
Nothing is remembered here between two calls: an erasure holds in every process at once. A month is ``2026-11``, UTC.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from proxy.operations.store_errors import StoreError
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.sealing import seal_again, seal_bytes, unseal_by_any, unseal_bytes

NOBODY = ""
"""In place of a GUID: what belongs to nobody whom a directory knows has a key for each month, too."""
_KEY_BYTES = 32
_AT_ONCE = 50
MOST_IDS = 500
"""That a store is asked for at once: each is an argument of a script in Redis, which takes some thousands."""
WRAPPED_BYTES = 60
"""A nonce, a key and a tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """As the store keeps it. Each field always has the same length: a store can overwrite one in its place."""

    key_id: str
    """128 random bits, 32 hexadecimal digits."""
    owner: bytes = field(repr=False)
    """32 bytes: an HMAC of the GUID."""
    month: str
    wrapped: bytes = field(repr=False)
    """AES-256-GCM under the master key: `WRAPPED_BYTES`."""


class NoMasterKey(StoreError):
    """The key file of this node lacks a master key that another node has. The text says what cannot be opened."""


class PersonKeyStore(Protocol):
    """Methods raise `StoreUnavailable`."""

    async def keep_person_key(self, key: PersonKey) -> PersonKey:
        """Keep it, durably, unless there is one of this owner and month; returns the one that is there now."""
        ...

    async def person_keys_by_id(self, key_ids: Sequence[str]) -> tuple[PersonKey, ...]:
        """Those of these that are there, in no order. At most `MOST_IDS` at a time."""
        ...

    async def person_keys(self, owner: bytes | None = None, month: str | None = None) -> tuple[PersonKey, ...]:
        """All of an owner or a month, or all that there are; the one of both, if it is there."""
        ...

    async def key_months(self) -> tuple[str, ...]:
        """Those of which there are keys, the earliest first."""
        ...

    async def erase_person_keys(self, *, owner: bytes | None = None, month: str | None = None) -> int:
        """Destroy all of an owner, or all of a month, durably; how many. Nothing is left of them in what it writes,
        as far as that is in its hands. `ValueError` without either."""
        ...

    async def rewrap_person_key(self, key_id: str, *, was: bytes, wrapped: bytes) -> bool:
        """Replace what is wrapped, if it still is what it was."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBox:
    """Something sealed, with the id of its key."""

    key_id: str
    sealed: bytes

    def to_json(self) -> dict[str, str]:
        return {"key": self.key_id, "sealed": base64.urlsafe_b64encode(self.sealed).decode().rstrip("=")}


def box_from_json(value: object) -> SealedBox | None:
    """None for what is no box."""
    if not isinstance(value, Mapping):
        return None
    key_id, sealed = value.get("key"), value.get("sealed")
    if not isinstance(key_id, str) or not isinstance(sealed, str):
        return None
    try:
        return SealedBox(key_id=key_id, sealed=base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
    except (binascii.Error, ValueError):
        return None


def month_of(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m")


class PersonKeys:
    def __init__(self, store: PersonKeyStore, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    async def seal_all(self, wanted: Sequence[tuple[str, str, bytes]]) -> tuple[SealedBox, ...]:
        """Each under the key of a person (or `NOBODY`) and month, which is made if there is none.

        Each key is read once. Raises `StoreUnavailable` and `NoMasterKey`.
        """
        opened = await self._keys_of((guid, month) for guid, month, _ in wanted)
        return tuple(_sealed(*opened[guid, month], plain) for guid, month, plain in wanted)

    async def seal_named(self, wanted: Sequence[tuple[str, str, bytes, bytes]]) -> tuple[tuple[bytes, SealedBox], ...]:
        """The same, each with a name of 32 bytes that is made of the last value: by it one knows the same
        thing again as long as the key is there, and afterwards nobody can say what it names."""
        opened = await self._keys_of((guid, month) for guid, month, _, _ in wanted)
        return tuple(
            (_name(opened[guid, month][1], named), _sealed(*opened[guid, month], plain))
            for guid, month, plain, named in wanted
        )

    async def unseal_all(self, boxes: Sequence[SealedBox]) -> list[bytes | None]:
        """What is in each, in their order; None where its key was destroyed, or is not of this installation. Each key
        is read once. Raises `StoreUnavailable`."""
        opened: dict[str, bytes | None] = {}
        key_ids = list(dict.fromkeys(box.key_id for box in boxes))
        for first in range(0, len(key_ids), MOST_IDS):
            kept = await self._store.person_keys_by_id(key_ids[first : first + MOST_IDS])
            opened.update((each.key_id, self._unwrapped(each)) for each in kept)
        keys = (opened.get(box.key_id) for box in boxes)
        return [
            None if key is None else unseal_bytes(key, box.sealed, bound_to=box.key_id.encode())
            for box, key in zip(boxes, keys, strict=True)
        ]

    async def key_ids(self, guid: str) -> frozenset[str]:
        """Those of a person's keys that are there: by them one finds what is theirs. Raises `StoreUnavailable`."""
        return frozenset(each.key_id for each in await self._store.person_keys(self._owner(guid)))

    async def erase_person(self, guid: str) -> int:
        """Destroy every key of theirs; how many. What comes later gets a new one. Raises `StoreUnavailable`."""
        return await self._store.erase_person_keys(owner=self._owner(guid))

    async def erase_month(self, month: str) -> int:
        """Destroy everybody's keys of that month, and nobody's; how many. Raises `StoreUnavailable`."""
        return await self._store.erase_person_keys(month=month)

    async def months(self) -> tuple[str, ...]:
        """Those of which there are keys, the earliest first. Raises `StoreUnavailable`."""
        return await self._store.key_months()

    async def wrap_again(self) -> int:
        """Under the master key in use, those that are wrapped by another; how many. Raises `StoreUnavailable`."""
        key, every, count = self._keys.derive(Purpose.AUDIT), self._keys.every(Purpose.AUDIT), 0
        if len(every) == 1:
            return 0  # each hour, and of 100,000 persons: nothing else could open them
        for month in await self._store.key_months():
            for number, each in enumerate(await self._store.person_keys(month=month)):
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # requests go first: there may be a key for each person and month
                wrapped = seal_again(key, each.wrapped, keys=every, bound_to=_bound_to(each))
                if wrapped is not None:
                    count += await self._store.rewrap_person_key(each.key_id, was=each.wrapped, wrapped=wrapped)
        return count

    async def _keys_of(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, bytes]]:
        return {(guid, month): await self._key_of(guid, month) for guid, month in dict.fromkeys(wanted)}

    async def _key_of(self, guid: str, month: str) -> tuple[str, bytes]:
        """Its id and itself."""
        owner = self._owner(guid)
        there = await self._store.person_keys(owner, month)
        kept = there[0] if there else await self._store.keep_person_key(self._new(owner, month))
        opened = self._unwrapped(kept)
        if opened is None:
            # Not replaced by a new one: another node may have a newer key file, and everything sealed under it.
            raise NoMasterKey(f"a key of {month} is wrapped by a master key that is not in the key file here")
        return kept.key_id, opened

    def _new(self, owner: bytes, month: str) -> PersonKey:
        new = PersonKey(key_id=secrets.token_hex(16), owner=owner, month=month, wrapped=b"")
        bits = secrets.token_bytes(_KEY_BYTES)
        wrapped = seal_bytes(self._keys.derive(Purpose.AUDIT), bits, bound_to=_bound_to(new))
        return replace(new, wrapped=wrapped)

    def _owner(self, guid: str) -> bytes:
        return self._keys.same_name(Purpose.AUDIT, guid.encode())

    def _unwrapped(self, key: PersonKey) -> bytes | None:
        return unseal_by_any(self._keys.every(Purpose.AUDIT), key.wrapped, bound_to=_bound_to(key))


def _bound_to(key: PersonKey) -> bytes:
    return f"{key.key_id}\0{key.month}\0".encode() + key.owner


def _sealed(key_id: str, key: bytes, plain: bytes) -> SealedBox:
    return SealedBox(key_id=key_id, sealed=seal_bytes(key, plain, bound_to=key_id.encode()))


def _name(key: bytes, named: bytes) -> bytes:
    return hmac.digest(hmac.digest(key, b"names", "sha256"), named, "sha256")
