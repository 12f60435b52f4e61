"""The master key, and the keys derived from it: one per purpose, so that no token of one kind passes for another.

The key file is text: a comment, the line ``gatepost-keys 1``, and one line with 256 random bits in base64url.
Everything else, the assertion key too, is derived from it: nodes that share the file agree on all keys. Further
lines are reserved for rotation.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import secrets
import stat
from enum import Enum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MASTER_KEY_BYTES = 32
_LARGEST_FILE = 4096
_FORMAT = "gatepost-keys 1"
_COMMENT = "# Gatepost's master key: a secret. Every node of one installation has the same copy of this file."
_MASTER_KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class KeyFileError(Exception):
    """The key file cannot be used. The text is for the operator and holds nothing of its content."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"key file {path}: {reason}")
        self.path = path
        self.reason = reason


class Purpose(Enum):
    PASSCODE = "passcode"
    """What a challenge's HOTP secret is derived from."""
    CHALLENGE = "challenge"
    """The HMAC that a challenge keeps of its passcode."""
    CSRF = "csrf"
    THROTTLE = "throttle"
    """Names of counters, so that the store holds no numbers and addresses in the clear."""
    TRIED_PASSWORDS = "tried passwords"  # a purpose
    """The HMAC by which a wrong password is known again."""
    NUMBERS = "numbers"
    """The HMAC by which a person's number is known again."""
    SEALED_NUMBERS = "sealed numbers"
    """Encrypts the number to be told when it is replaced."""


class Keys:
    """All keys of one installation. Its `repr` shows none."""

    __slots__ = ("_assertion_key", "_derived")

    def __init__(self, master_key: bytes) -> None:
        """`master_key` is 32 random bytes; `ValueError` for any other length."""
        if len(master_key) != MASTER_KEY_BYTES:
            raise ValueError(f"a master key has {MASTER_KEY_BYTES} bytes")
        self._derived = {purpose: _hkdf(master_key, purpose.value, 32) for purpose in Purpose}
        self._assertion_key = _p256_key(_hkdf(master_key, "assertion", 48))

    def __repr__(self) -> str:
        return "Keys(...)"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled")

    def derive(self, purpose: Purpose) -> bytes:
        """32 bytes (HKDF-SHA256, RFC 5869) that are the same on every node with this master key."""
        return self._derived[purpose]

    @property
    def assertion_key(self) -> EllipticCurvePrivateKey:
        """The P-256 key that signs `X-Gatepost-Assertion`."""
        return self._assertion_key


def load_or_create_keys(path: Path) -> Keys:
    """Read the key file, or make it (mode 0600, atomically: two processes that start at once agree).

    Raises `KeyFileError` if it cannot be read or made, is no key file, or may be read by others than its owner.
    """
    try:
        text = _read(path)
        if text is None:
            _create(path)
            text = _read(path)
    except OSError as exc:
        raise KeyFileError(path, exc.strerror or "cannot be read") from exc
    if text is None:
        raise KeyFileError(path, "was removed while Gatepost started")
    return Keys(_parse(path, text))


def _read(path: Path) -> bytes | None:
    """The file's content, None if there is no file."""
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
        return os.read(file, _LARGEST_FILE + 1)
    finally:
        os.close(file)


def _create(path: Path) -> None:
    """Write a complete file beside it and link it into place: whoever is first wins, and nobody reads half a key."""
    master_key = base64.urlsafe_b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode().rstrip("=")
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as writer:
            writer.write(f"{_COMMENT}\n{_FORMAT}\n{master_key}\n")
            writer.flush()
            os.fsync(writer.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(unfinished, path)
    finally:
        os.unlink(unfinished)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parse(path: Path, content: bytes) -> bytes:
    if len(content) > _LARGEST_FILE:
        raise KeyFileError(path, "is too long to be a key file")
    try:
        lines = [line.strip() for line in content.decode("ascii").splitlines()]
    except UnicodeDecodeError:
        raise KeyFileError(path, "is not a key file of Gatepost") from None  # the cause quotes the content
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or not lines[0].startswith("gatepost-keys "):
        raise KeyFileError(path, "is not a key file of Gatepost")
    if lines[0] != _FORMAT or len(lines) > 2:
        raise KeyFileError(path, "was written by a newer Gatepost")
    if len(lines) < 2 or not _MASTER_KEY.fullmatch(lines[1]):
        raise KeyFileError(path, "holds no complete key")
    try:
        return base64.b64decode(lines[1] + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        raise KeyFileError(path, "holds no complete key") from None


def _hkdf(master_key: bytes, name: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"gatepost 1 " + name.encode()).derive(master_key)


def _p256_key(bits: bytes) -> EllipticCurvePrivateKey:
    """A private key from 384 random bits: 128 more than the order has, so the remainder shows no bias.

    FIPS 186-5 appendix A.2.1 (extra random bits).
    """
    return ec.derive_private_key(int.from_bytes(bits) % (_P256_ORDER - 1) + 1, ec.SECP256R1())
