"""What the operating system, DNS and TLS report, in words for the operator: what is wrong, and what to do about it.

The one place for such words. No name of a Python class, function or source file gets through: libraries word the same
error in their own ways ("Connect call failed", "gaierror", "_ssl.c:1006"), so numbers are read and texts are not.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import shlex
import socket
import ssl
from pathlib import Path

SILENCE = "no answer in time"
SET_THE_CLOCK = "let both follow one time server (timedatectl set-ntp true)"
"""What to do about clocks that differ."""
_LOST = "the other side closed the connection"
_NUMBERED = re.compile(r"\[Errno (-?\d+)\]|\bError (-?\d+) connecting\b")
_NAMELESS = {
    socket.EAI_NONAME: "DNS knows no such name",
    getattr(socket, "EAI_NODATA", socket.EAI_NONAME): "DNS has no address for this name",
    socket.EAI_AGAIN: "DNS does not answer",
    socket.EAI_FAIL: "DNS cannot answer",
}
_LOST_BY = frozenset((errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN, errno.ESHUTDOWN))
_TLS_REASONS = {
    **dict.fromkeys(
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"),
        "it does not speak TLS on this port",
    ),
    **dict.fromkeys(
        ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW"),
        "it speaks no version of TLS that is safe (1.2 or later is needed)",
    ),
    **dict.fromkeys(
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "NO_CIPHERS_AVAILABLE"),
        "TLS failed: no cipher is spoken by both sides, or it wants a client certificate",
    ),
    **dict.fromkeys(
        (
            *("TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_ACCESS_DENIED"),
            *("SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
        ),
        "TLS failed: it wants another client certificate, or one at all",
    ),
}
_UNKNOWN_AUTHORITY = frozenset((18, 19, 20, 21))
"""OpenSSL's X509_V_ERR_: self-signed, self-signed in the chain, issuer not found, first certificate not verified."""


def connection_reason(error: BaseException | None, *, authority_key: str = "ca_file") -> str:
    """Why a server cannot be reached, or the connection broke: one clause, without the address.

    `authority_key`: the key of the configuration that names who signs the server's certificate.

    What a library wraps is looked for behind the error: as its cause, or by the numbers in its text.
    """
    numbers: list[int] = []
    is_silent = False
    each = error
    seen: set[int] = set()  # one that is raised again in a "finally" can stand behind itself
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        if isinstance(each, ssl.SSLError):
            return tls_reason(each, authority_key=authority_key)
        if isinstance(each, socket.gaierror) and each.errno is not None:
            return _nameless(each.errno)
        if isinstance(each, OSError) and each.errno:
            numbers.append(each.errno)
        elif not isinstance(each, TimeoutError):
            numbers += (int(first or second) for first, second in _NUMBERED.findall(str(each)))
        is_silent = is_silent or isinstance(each, TimeoutError)
        each = each.__cause__ or each.__context__
    for number in numbers:
        if number < 0:
            return _nameless(number)
        if number == errno.ETIMEDOUT:
            return SILENCE
        if number not in _LOST_BY:
            return _lower(os.strerror(number))
    return SILENCE if is_silent else _LOST


def tls_reason(error: ssl.SSLError, *, authority_key: str = "ca_file") -> str:
    """Why TLS could not be begun with somebody, or broke off."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # Libraries raise some of their own, without OpenSSL's finding.
        message, code = getattr(error, "verify_message", ""), getattr(error, "verify_code", 0)
        finding = f" ({_lower(message.rstrip('.'))})" if message else ""
        advice = (
            f": name the file of the authority that signed it as {authority_key}" if code in _UNKNOWN_AUTHORITY else ""
        )
        return f"its certificate is not accepted{finding}{advice}"
    reason = getattr(error, "reason", None) or ""
    if reason in _TLS_REASONS:
        return _TLS_REASONS[reason]
    if not reason or "EOF" in reason or isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "TLS failed: the other side closed the connection"
    return f"TLS failed: {reason.lower().replace('_', ' ')}"


def listening_reason(error: OSError, *, is_udp: bool = False) -> str:
    """Why an address cannot be listened on."""
    if isinstance(error, socket.gaierror) and error.errno is not None:
        return _nameless(error.errno)
    match error.errno:
        case errno.EADDRINUSE:
            return f"the address is in use by another program (ss -l{'u' if is_udp else 't'}np shows which)"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case errno.EACCES | errno.EPERM:
            return (
                f"permission denied for {own_user()}: ports below 1024 need CAP_NET_BIND_SERVICE (see"
                " deploy/gatepost.service), or systemd's socket"
            )
    return _lower(os.strerror(error.errno)) if error.errno else "the system refuses it"


def file_reason(path: Path, error: OSError) -> str:
    """Why a file cannot be used: one clause, which does not begin with the file's name."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return _absent(path)
        case errno.EACCES | errno.EPERM:
            return denied(path)
        case errno.EROFS:
            return "the file system is read-only (in a systemd unit, ReadWritePaths= opens it)"
        case errno.ENOSPC | errno.EDQUOT:
            return "the disk is full"
        case errno.EISDIR:
            return "is a folder"
        case errno.ELOOP:
            return "its links lead in a circle"
    return _lower(os.strerror(error.errno)) if error.errno else "it cannot be used"


def denied(path: Path) -> str:
    """Who owns the file that this process may not use, and the command that gives access."""
    user = own_user()
    path = Path(os.path.abspath(path))
    for folder in reversed(path.parents):
        if folder.is_dir() and not os.access(folder, os.X_OK, effective_ids=_EFFECTIVE):
            gate = f"chgrp {_own_group()} {_quoted(folder)} && chmod g+x {_quoted(folder)}"
            return f"permission denied: the folder {folder} {_belongs(folder)}, and this runs as {user}: {gate}"
    if os.path.lexists(path) and not os.access(path, os.R_OK | os.W_OK, effective_ids=_EFFECTIVE):
        if os.geteuid() == 0:
            return f"permission denied: it {_belongs(path)}, and root may not override that here"
        return f"permission denied: it {_belongs(path)}, and this runs as {user}: chown {user} {_quoted(path)}"
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
        return (
            f"permission denied: the folder {path.parent} {_belongs(path.parent)}, and this runs as {user}:"
            f" chown {user} {_quoted(path.parent)}"
        )
    return f"permission denied for {user}, though not by owner and mode: look at SELinux, AppArmor or the systemd unit"


def own_user() -> str:
    """The name of the user that this process acts as; its number where it has none."""
    return user_name(os.geteuid())


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


_EFFECTIVE = os.access in os.supports_effective_ids


def _own_group() -> str:
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())


def _belongs(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "cannot be looked at"
    return f"belongs to {user_name(found.st_uid)} (mode {found.st_mode & 0o7777:04o})"


def _absent(path: Path) -> str:
    missing = [folder for folder in Path(os.path.abspath(path)).parents if not folder.is_dir()]
    if missing:
        return f"there is no folder {missing[-1]}"
    return "it is a link to a file that is not there" if path.is_symlink() else "there is no such file"


def _nameless(number: int) -> str:
    return _NAMELESS.get(number, "the name cannot be looked up in DNS")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _lower(text: str) -> str:
    """Without a capital at the beginning, because it follows a colon; words in capitals stay."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
