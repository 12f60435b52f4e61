"""TLS towards clients: certificates chosen by SNI, and read again when their files change.

New connections get the new certificates, open ones keep theirs. If a pair cannot be used, the old ones stay in use and
the log says so. Times are seconds; files are read in a thread.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.certificates import load_pair
from config.settings import CertificateSettings
from proxy.forwarding.certificate_names import CertificateNames, certificate_names, choose_certificate

POLL_SECONDS = 1.0
"""How long after one look at the files the next one follows."""
WARN_BEFORE_SECONDS = 14 * 86_400.0
WARN_AGAIN_SECONDS = 86_400.0

Fingerprint = tuple[tuple[int, int, int] | None, ...]
"""Of each file its time of change (ns), inode and size; None if it is not there."""


class CertificateContext(ssl.SSLContext):
    """The context of one certificate: what a connection was given when its client named a host."""

    names = CertificateNames()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCertificates:
    """Everything that was read in one go."""

    front: ssl.SSLContext
    """What a handshake begins with: the first certificate, unless the client names a host of another one."""
    ends_at: tuple[tuple[Path, float], ...]
    """When each certificate's validity ends; epoch seconds."""
    nameless: tuple[Path, ...]
    """Certificates without subjectAltName: no browser accepts them."""
    names: tuple[CertificateNames, ...]
    """What each is for."""


def names_by_sni(connection: ssl.SSLObject | None) -> CertificateNames | None:
    """What the certificate is for that the client of this connection chose by naming a host; None if it chose none."""
    context = connection.context if connection is not None else None
    return context.names if isinstance(context, CertificateContext) else None


def _hardened(context: ssl.SSLContext) -> None:
    """OpenSSL's and Python's defaults for servers: strong ciphers, our order, no compression, session tickets."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # TLS 1.2 lets a client ask for many handshakes on one connection, and each costs us more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])


def load_certificates(pairs: Sequence[CertificateSettings]) -> LoadedCertificates:
    """Read all pairs (blocking); raises `UnusableFile`."""
    contexts: list[CertificateContext] = []
    ends_at = []
    nameless = []
    for pair in pairs:
        context = CertificateContext(ssl.PROTOCOL_TLS_SERVER)
        _hardened(context)
        leaf = load_pair(context, pair.certificate, pair.key)
        context.names = certificate_names(leaf)
        contexts.append(context)
        ends_at.append((pair.certificate, leaf.not_valid_after_utc.timestamp()))
        if context.names == CertificateNames():
            nameless.append(pair.certificate)
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _hardened(front)
    load_pair(front, pairs[0].certificate, pairs[0].key)
    all_names = [context.names for context in contexts]

    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        position = choose_certificate(server_name, all_names) if server_name is not None else None
        if position is not None:
            connection.context = contexts[position]

    front.sni_callback = choose
    return LoadedCertificates(front=front, ends_at=tuple(ends_at), nameless=tuple(nameless), names=tuple(all_names))


def fingerprint(pairs: Sequence[CertificateSettings]) -> Fingerprint:
    """What shows that a file changed (blocking)."""
    found: list[tuple[int, int, int] | None] = []
    for pair in pairs:
        for path in (pair.certificate, pair.key):
            try:
                status = os.stat(path)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_ino, status.st_size))
    return tuple(found)


class PublicTLS:
    """The certificates in use. The first ones are read at once and must be right; `run` keeps them fresh."""

    def __init__(
        self,
        pairs: Sequence[CertificateSettings],
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._pairs = tuple(pairs)
        self._log = log
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._fingerprint = fingerprint(self._pairs)
        self._loaded = load_certificates(self._pairs)
        self._warn_at = 0.0
        self._warn_nameless()

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        return self._loaded.front

    @property
    def ends_at(self) -> Mapping[str, float]:
        """When each certificate's validity ends, by its file; epoch seconds."""
        return {str(path): ends_at for path, ends_at in self._loaded.ends_at}

    async def run(self) -> None:
        """Look at the files again and again, until cancelled."""
        while True:
            self.warn_of_ends(self._clock())
            await asyncio.sleep(self._poll_seconds)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the files if they changed since the last look."""
        # Taken before reading: a write in the meantime then shows as a change the next time.
        seen = await asyncio.to_thread(fingerprint, self._pairs)
        if seen == self._fingerprint:
            return
        self._fingerprint = seen
        try:
            self._loaded = await asyncio.to_thread(load_certificates, self._pairs)
        except OSError as exc:
            self._log.error("tls.certificates_kept", reason=str(exc))
            return
        self._log.info("tls.certificates_loaded", certificates=[str(pair.certificate) for pair in self._pairs])
        self._warn_at = 0.0
        self._warn_nameless()

    def warn_of_ends(self, now: float) -> None:
        """Tell the log of certificates that end within two weeks, once a day."""
        if now < self._warn_at:
            return
        self._warn_at = now + WARN_AGAIN_SECONDS
        for path, end in self._loaded.ends_at:
            if end - now < WARN_BEFORE_SECONDS:
                self._log.warning("tls.certificate_ends", certificate=str(path), days_left=int((end - now) // 86_400))

    def _warn_nameless(self) -> None:
        for path in self._loaded.nameless:
            self._log.warning("tls.certificate_without_names", certificate=str(path))
