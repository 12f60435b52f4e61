"""The master keys as text: the key file, made once and replaced whole, or the same lines in `server.key`.

The file holds comments, the line ``gatepost-keys 2``, one line ``names BITS`` once the first key was dropped, and one
line ``key BITS [made=INSTANT] [use_after=INSTANT]`` for each master key. BITS are 256 random bits in base64url,
instants are UTC (``2026-11-22T22:00:00Z``). Version 1 is one line of bits alone, which `server.key` may be as well;
there, commas part the lines. Nothing of a key is ever part of an error.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import itertools
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from config.settings import ServerSettings
from proxy.keys import ALWAYS, CLOCK_SECONDS, MASTER_KEY_BYTES, NEEDED_SECONDS, KeyRing, MasterKey, names_of

_LARGEST_FILE = 16_384
MOST_KEYS = 50
_FORMAT = "gatepost-keys 2"
_FORMAT_OF_ONE = "gatepost-keys 1"
_COMMENT = "# Gatepost's master key: a secret. Every node of one installation has the same copy of this file."
_BITS = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_INSTANT_FORM = "%Y-%m-%dT%H:%M:%SZ"
SHORTEST_LEAD_SECONDS = 300.0 + CLOCK_SECONDS
"""For so long at least a key is known before it signs: what apps keep of the published keys, and clocks that differ."""


class KeyFileError(Exception):
    """The keys cannot be used. The text is for the operator and holds nothing of them."""

    def __init__(self, place: Path | str, reason: str) -> None:
        """`place` is the key file, or the setting that holds the keys."""
        super().__init__(f"key file {place}: {reason}" if isinstance(place, Path) else f"{place}: {reason}")
        self.reason = reason


class StillNeeded(KeyFileError):
    """A key that was to be dropped is in use, or something made with it may come back."""


def load_keys(server: ServerSettings, *, now: float) -> KeyRing:
    """The keys of `server.key`, or else of the key file, which is made if it is not there. Raises `KeyFileError`."""
    if server.key is None:
        return load_or_create_keys(server.key_file, now=now)
    return _ring("server.key", [line.strip() for line in server.key.get_secret_value().split(",")])


def existing_keys(server: ServerSettings) -> KeyRing:
    """The same, but no file is made. Raises `KeyFileError`."""
    if server.key is not None:
        return load_keys(server, now=0.0)
    try:
        ring = read_keys(server.key_file)
    except OSError as exc:
        raise KeyFileError(server.key_file, exc.strerror or "cannot be read") from exc
    if ring is None:
        raise KeyFileError(server.key_file, "is not there: the first start of Gatepost makes it")
    return ring


def load_or_create_keys(path: Path, *, now: float) -> KeyRing:
    """Read the key file, or make it (mode 0600, atomically: two processes that start at once agree).

    Raises `KeyFileError` if it cannot be read or made, is no key file, or may be read by others than its owner.
    """
    try:
        ring = read_keys(path)
        if ring is None:
            _create(path, now)
            ring = read_keys(path)
    except OSError as exc:
        raise KeyFileError(path, exc.strerror or "cannot be read") from exc
    if ring is None:
        raise KeyFileError(path, "was removed while Gatepost started")
    return ring


def read_keys(path: Path) -> KeyRing | None:
    """The keys of the file; None if there is none. Raises `KeyFileError` and `OSError`."""
    try:
        # Not blocking: a pipe under this name must not hang the start.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise KeyFileError(path, "is not a regular file")
        if mode & 0o077:
            raise KeyFileError(path, f"may be read by others than its owner (mode {mode & 0o777:04o}): chmod 600 it")
        return _parse(path, os.read(file, _LARGEST_FILE + 1))
    finally:
        os.close(file)


def rotate(path: Path, *, now: float, lead_seconds: float) -> KeyRing:
    """Write a new key that comes into use after `lead_seconds`, `SHORTEST_LEAD_SECONDS` at least; the new ring.

    All earlier ones stay. Raises `KeyFileError`, also while a key waits that is not in use yet.
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
    """Take out one key, or all that are not needed any more; which ones. Raises `KeyFileError`, `StillNeeded`."""
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
        return f"is needed until {instant_text(retired_at + NEEDED_SECONDS)}: persons' known numbers rest on it"
    return None


def instant_text(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime(_INSTANT_FORM)


def _create(path: Path, now: float) -> None:
    """Write a complete file beside it and link it into place: whoever is first wins, and nobody reads half a key."""
    master_key = MasterKey(bits=secrets.token_bytes(MASTER_KEY_BYTES), made_at=float(int(now)))
    with (
        _written_beside(path, KeyRing(keys=(master_key,), names=names_of(master_key.bits))) as unfinished,
        contextlib.suppress(FileExistsError),  # another process was first: its key counts
    ):
        os.link(unfinished, path)
    _sync_folder(path)


def _change(path: Path, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """Replace the file by what `change` makes of it: whole, on the disk, with the same owner; one at a time."""
    path = path.resolve()  # a link stays one
    try:
        with _locked(path) as owner:
            before = read_keys(path)
            if before is None:
                raise KeyFileError(path, "was removed")
            after = change(before)
            if after == before:
                return after
            with _written_beside(path, after) as unfinished:
                if os.geteuid() == 0:  # run by root, the service must still be able to read it
                    os.chown(unfinished, owner.st_uid, owner.st_gid)
                elif owner.st_uid != os.geteuid():
                    raise KeyFileError(path, "belongs to another user: run this as its owner, or as root")
                os.rename(unfinished, path)
        _sync_folder(path)
    except OSError as exc:
        raise KeyFileError(path, exc.strerror or "cannot be replaced") from exc
    return after


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[os.stat_result]:
    """Its status, while nobody else changes it."""
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


@contextlib.contextmanager
def _written_beside(path: Path, ring: KeyRing) -> Iterator[Path]:
    """A complete file, synced, in the same folder; removed in the end if it still has its name."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as writer:
            writer.write(_text(ring))
            writer.flush()
            os.fsync(writer.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _text(ring: KeyRing) -> str:
    lines = [_COMMENT, _FORMAT]
    if ring.names != names_of(ring.keys[0].bits):
        lines.append(f"names {_bits_text(ring.names)}")
    for key in ring.keys:
        made = "" if key.made_at is None else f" made={instant_text(key.made_at)}"
        use_after = "" if key.use_after == ALWAYS else f" use_after={instant_text(key.use_after)}"
        lines.append(f"key {_bits_text(key.bits)}{made}{use_after}")
    return "".join(f"{line}\n" for line in lines)


def _bits_text(bits: bytes) -> str:
    return base64.urlsafe_b64encode(bits).decode().rstrip("=")


def _parse(path: Path, content: bytes) -> KeyRing:
    if len(content) > _LARGEST_FILE:
        raise KeyFileError(path, "is too long to be a key file")
    try:
        lines = [line.strip() for line in content.decode("ascii").splitlines()]
    except UnicodeDecodeError:
        raise KeyFileError(path, "is not a key file of Gatepost") from None  # the cause quotes the content
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or not lines[0].startswith("gatepost-keys "):
        raise KeyFileError(path, "is not a key file of Gatepost")
    if lines[0] not in (_FORMAT, _FORMAT_OF_ONE) or (lines[0] == _FORMAT_OF_ONE and len(lines) > 2):
        raise KeyFileError(path, "was written by a newer Gatepost")
    return _ring(path, lines[1:])


def _ring(place: Path | str, lines: list[str]) -> KeyRing:
    keys: list[MasterKey] = []
    names: bytes | None = None
    for line in lines:
        match line.split():
            case ["names", bits] if names is None:
                names = _bits(place, bits)
            case ["key", bits, *notes]:
                keys.append(_key(place, bits, notes))
            case [bits] if len(lines) == 1:
                keys.append(MasterKey(bits=_bits(place, bits)))
            case _:
                raise KeyFileError(place, "holds no complete key")
    if not keys:
        raise KeyFileError(place, "holds no complete key")
    if any(later.use_after <= key.use_after for key, later in itertools.pairwise(keys)):
        raise KeyFileError(place, "its keys do not stand in the order in which they come into use")
    return KeyRing(keys=tuple(keys), names=names or names_of(keys[0].bits))


def _key(place: Path | str, bits: str, notes: list[str]) -> MasterKey:
    instants = dict(note.partition("=")[::2] for note in notes)
    if len(instants) != len(notes) or not instants.keys() <= {"made", "use_after"}:
        raise KeyFileError(place, "holds a key with a note that this Gatepost does not know")
    try:
        at = {name: _instant(text) for name, text in instants.items()}
    except ValueError:
        raise KeyFileError(place, "holds an instant that is none (2026-11-22T22:00:00Z is one)") from None
    return MasterKey(bits=_bits(place, bits), made_at=at.get("made"), use_after=at.get("use_after", ALWAYS))


def _instant(text: str) -> float:
    if not _INSTANT.fullmatch(text):
        raise ValueError("not an instant")
    return datetime.strptime(text, _INSTANT_FORM).replace(tzinfo=UTC).timestamp()


def _bits(place: Path | str, text: str) -> bytes:
    try:
        if _BITS.fullmatch(text):
            return base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        pass
    raise KeyFileError(place, "holds no complete key")
