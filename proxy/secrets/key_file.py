"""The key file: created once, for its owner only, and always replaced as a whole. Its form is in
`proxy.secrets.key_text`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from config.settings import ServerSettings
from config.system_errors import file_reason, own_user, user_name
from proxy.secrets.key_text import LARGEST_FILE, file_text, instant_text, parse_file, parse_lines
from proxy.secrets.key_text import KeyFileError as KeyFileError  # handed on to those who load keys
from proxy.secrets.keys import CLOCK_SECONDS, MASTER_KEY_BYTES, NEEDED_SECONDS, KeyRing, MasterKey, names_of
from proxy.secrets.private_file import make_once, read_private, require_folder, sync_folder, written_beside

MOST_KEYS = 50
SHORTEST_LEAD_SECONDS = 300.0 + CLOCK_SECONDS
"""How long a key is published before it signs: apps cache the published keys, and clocks differ."""


class StillNeeded(KeyFileError):
    """The key to drop is in use, or something made with it may still come back."""


def load_keys(server: ServerSettings, *, now: float) -> KeyRing:
    """The keys of `server.key`, or else of the key file, which is created if it is missing. Raises `KeyFileError`."""
    if server.key is None:
        return load_or_create_keys(server.key_file, now=now)
    return parse_lines("server.key", [line.strip() for line in server.key.get_secret_value().split(",")])


def existing_keys(server: ServerSettings) -> KeyRing:
    """The same, but creates no file. Raises `KeyFileError`."""
    if server.key is not None:
        return load_keys(server, now=0.0)
    try:
        ring = read_keys(server.key_file)
    except OSError as exc:
        raise KeyFileError(server.key_file, f"cannot be read: {file_reason(server.key_file, exc)}") from exc
    if ring is None:
        raise KeyFileError(server.key_file, "is missing: Gatepost creates it at its first start")
    return ring


def check_keys(server: ServerSettings) -> None:
    """Raises `KeyFileError` where `load_keys` would; makes nothing."""
    if server.key is not None:
        load_keys(server, now=0.0)
        return
    path = server.key_file
    try:
        if read_keys(path) is None:
            require_folder(path)
    except OSError as exc:
        raise KeyFileError(path, f"cannot be read or created: {file_reason(path, exc)}") from exc


def load_or_create_keys(path: Path, *, now: float) -> KeyRing:
    """Read the key file, or create it (mode 0600, atomically: two processes that start at once agree).

    Raises `KeyFileError` if it cannot be read or created, is not a key file, or can be read by others than its owner.
    """
    try:
        ring = read_keys(path)
        if ring is None:
            _create(path, now)
            ring = read_keys(path)
    except OSError as exc:
        raise KeyFileError(path, f"cannot be read or created: {file_reason(path, exc)}") from exc
    if ring is None:
        raise KeyFileError(path, "was removed while Gatepost started")
    return ring


def read_keys(path: Path) -> KeyRing | None:
    """The keys of the file; None if there is none. Raises `KeyFileError` and `OSError`."""
    content = read_private(path, most_bytes=LARGEST_FILE)
    return None if content is None else parse_file(path, content)


def rotate(path: Path, *, now: float, lead_seconds: float) -> KeyRing:
    """Write a new key that comes into use after `lead_seconds`, at least `SHORTEST_LEAD_SECONDS`; returns the new ring.

    All earlier keys stay. Raises `KeyFileError`, also if another key is still waiting to come into use.
    """
    if lead_seconds < SHORTEST_LEAD_SECONDS:
        raise ValueError(f"every node and app needs {SHORTEST_LEAD_SECONDS:g} seconds to learn of a new key")

    def add(ring: KeyRing) -> KeyRing:
        newest = ring.keys[-1]
        if newest.use_after > now:
            raise KeyFileError(path, f"a new key waits already: it comes into use at {instant_text(newest.use_after)}")
        if len(ring.keys) >= MOST_KEYS:
            raise KeyFileError(path, f"holds {MOST_KEYS} keys: drop those that are not needed (gatepost keys drop)")
        bits = secrets.token_bytes(MASTER_KEY_BYTES)
        new = MasterKey(bits=bits, made_at=float(int(now)), use_after=float(int(now + lead_seconds)))
        return KeyRing(keys=(*ring.keys, new), names=ring.names)

    return _change(path, add)


def drop(path: Path, *, now: float, key_id: str | None = None) -> tuple[MasterKey, ...]:
    """Remove one key, or all that are no longer needed; returns which. Raises `KeyFileError`, `StillNeeded`."""
    dropped: list[MasterKey] = []

    def take_out(ring: KeyRing) -> KeyRing:
        if key_id is None:
            chosen = [index for index in range(len(ring.keys)) if needed_because(ring, index, now) is None]
        else:
            chosen = [index for index, key in enumerate(ring.keys) if key.key_id == key_id]
            if not chosen:
                raise KeyFileError(path, f"holds no key {key_id!r}: see gatepost keys list")
            reason = needed_because(ring, chosen[0], now)
            if reason is not None:
                raise StillNeeded(path, f"the key {key_id} {reason}")
        dropped.extend(ring.keys[index] for index in chosen)
        kept = tuple(key for index, key in enumerate(ring.keys) if index not in chosen)
        return KeyRing(keys=kept, names=ring.names)

    _change(path, take_out)
    return tuple(dropped)


def needed_because(ring: KeyRing, index: int, now: float) -> str | None:
    """Why a key may not be dropped; None if nothing depends on it any more. Pure."""
    current = ring.index_at(now)
    if index == current:
        return "is in use"
    if index > current:
        return f"comes into use at {instant_text(ring.keys[index].use_after)}"
    retired_at = ring.keys[index + 1].use_after
    if now < retired_at + NEEDED_SECONDS:
        return f"is needed until {instant_text(retired_at + NEEDED_SECONDS)}: persons' known numbers depend on it"
    return None


def _create(path: Path, now: float) -> None:
    master_key = MasterKey(bits=secrets.token_bytes(MASTER_KEY_BYTES), made_at=float(int(now)))
    make_once(path, _octets(KeyRing(keys=(master_key,), names=names_of(master_key.bits))))


def _octets(ring: KeyRing) -> bytes:
    return file_text(ring).encode("ascii")


def _change(path: Path, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """Replace the file with what `change` makes of it: as a whole, synced, with the same owner, one process at a
    time."""
    path = path.resolve()  # a link stays a link
    try:
        with _locked(path) as owner:
            before = read_keys(path)
            if before is None:
                raise KeyFileError(path, "was removed")
            after = change(before)
            if after == before:
                return after
            if os.geteuid() not in (0, owner.st_uid):
                command = f"sudo -u {user_name(owner.st_uid)} gatepost keys ..."
                raise KeyFileError(
                    path,
                    f"belongs to another user ({user_name(owner.st_uid)}), and this runs as {own_user()}: {command}",
                )
            with written_beside(path, _octets(after), owner) as unfinished:
                os.rename(unfinished, path)
        sync_folder(path)
    except OSError as exc:
        raise KeyFileError(path, f"cannot be replaced: {file_reason(path, exc)}") from exc
    return after


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[os.stat_result]:
    """Its status; nobody else changes the file in this block."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeyFileError(path, "is being changed by another command: try again") from None
        status = os.fstat(file)
        if status.st_ino != path.stat().st_ino:
            raise KeyFileError(path, "was just changed by another command: try again")
        yield status
    finally:
        os.close(file)
