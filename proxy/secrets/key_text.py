"""Master keys as text: the lines of a key file, or of `server.key`.

The file holds comments, the line ``gatepost-keys 2``, one line ``names BITS`` once the first key was dropped, and one
line ``key BITS [made=INSTANT] [use_after=INSTANT]`` for each master key. BITS are 256 random bits in base64url,
instants are UTC (``2026-11-22T22:00:00Z``). Version 1 is one line of bits alone. `server.key` holds the same, with
commas between the lines. No error ever quotes a part of a key.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

from proxy.secrets.keys import ALWAYS, KeyRing, MasterKey, names_of

LARGEST_FILE = 16_384
_FORMAT = "gatepost-keys 2"
_FORMAT_OF_ONE = "gatepost-keys 1"
_COMMENT = "# Gatepost's master key: a secret. Every node of one installation has the same copy of this file."
_BITS = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_INSTANT_FORM = "%Y-%m-%dT%H:%M:%SZ"


class KeyFileError(Exception):
    """The keys cannot be used. The text is for the operator and holds no part of them."""

    def __init__(self, place: Path | str, reason: str) -> None:
        """`place` is the key file, or the setting that holds the keys."""
        super().__init__(f"key file {place}: {reason}" if isinstance(place, Path) else f"{place}: {reason}")
        self.reason = reason


def instant_text(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime(_INSTANT_FORM)


def file_text(ring: KeyRing) -> str:
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


def parse_file(path: Path, content: bytes) -> KeyRing:
    """Raises `KeyFileError`."""
    if len(content) > LARGEST_FILE:
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
    return parse_lines(path, lines[1:])


def parse_lines(place: Path | str, lines: list[str]) -> KeyRing:
    """Those of `place`, which errors name. Raises `KeyFileError`."""
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
        raise KeyFileError(place, "its keys are not in the order in which they come into use")
    return KeyRing(keys=tuple(keys), names=names or names_of(keys[0].bits))


def _key(place: Path | str, bits: str, notes: list[str]) -> MasterKey:
    instants = dict(note.partition("=")[::2] for note in notes)
    if len(instants) != len(notes) or not instants.keys() <= {"made", "use_after"}:
        raise KeyFileError(place, "holds a key with a note that this Gatepost does not know")
    try:
        at = {name: _instant(text) for name, text in instants.items()}
    except ValueError:
        raise KeyFileError(place, "holds a time that cannot be read (write 2026-11-22T22:00:00Z)") from None
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
