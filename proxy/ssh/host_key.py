"""The jump host's own key, by which clients recognise it: Ed25519, made at the first start, for its owner only."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from config.settings import ServerSettings, SSHSettings, StoreSettings
from config.system_errors import file_reason
from proxy.secrets.key_text import KeyFileError
from proxy.secrets.private_file import make_once, read_private, require_folder

FILE_NAME = "ssh_host_ed25519_key"
_LARGEST_FILE = 16_384


def host_key_file(ssh: SSHSettings, server: ServerSettings, store: StoreSettings) -> Path:
    """Where it is: as named, or beside the store, which is where Gatepost may write."""
    if ssh.host_key_file is not None:
        return ssh.host_key_file
    return (store.file or server.key_file).with_name(FILE_NAME)


def load_or_create_host_key(path: Path) -> bytes:
    """The file's content, made if it is missing (mode 0600, atomically: processes that start at once agree).

    Raises `KeyFileError` if it cannot be read or made, is no such key, or can be read by others than its owner.
    """
    try:
        content = _read(path)
        if content is None:
            key = Ed25519PrivateKey.generate()
            make_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
            content = _read(path)
    except OSError as exc:
        raise KeyFileError(path, f"cannot be read or created: {file_reason(path, exc)}") from exc
    if content is None:
        raise KeyFileError(path, "was removed while Gatepost started")
    return content


def check_host_key(path: Path) -> None:
    """Raises `KeyFileError` where `load_or_create_host_key` would; makes nothing."""
    try:
        if _read(path) is None:
            require_folder(path)
    except OSError as exc:
        raise KeyFileError(path, f"cannot be read or created: {file_reason(path, exc)}") from exc


def fingerprint(content: bytes) -> str:
    """As ``ssh-keygen -l`` and a client's first question show it: ``SHA256:...``."""
    public = _parsed(content).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    digest = sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _read(path: Path) -> bytes | None:
    content = read_private(path, most_bytes=_LARGEST_FILE)
    if content is not None:
        try:
            _parsed(content)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # a TypeError: it has a passphrase
            message = "is no OpenSSH private key of type ed25519 without a passphrase"
            raise KeyFileError(path, f'{message} (ssh-keygen -t ed25519 -N "" -f FILE makes one)') from None
    return content


def _parsed(content: bytes) -> Ed25519PrivateKey:
    key = load_ssh_private_key(content, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("another type of key")
    return key
