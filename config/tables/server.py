"""`[server]`: where Gatepost listens and under which address, its certificates, keys, processes and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import ListenAddress, Network, PublicURL
from config.frozen_table import FrozenTable
from config.values import Flag, IdentityEncoding, Integer, NotEmpty, Seconds, SecondsOrNone, Secret


class CertificateSettings(FrozenTable):
    """A certificate with its chain, and its key: PEM files."""

    certificate: Path
    key: Path


class ServerSettings(FrozenTable):
    listen: Annotated[tuple[ListenAddress, ...], NotEmpty] = (ListenAddress("127.0.0.1", 8080),)
    public_url: PublicURL
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    certificates: tuple[CertificateSettings, ...] = ()
    """Further ones, chosen by the host that a client names (SNI)."""
    handshake_timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """From a connection to the end of its TLS handshake, a PROXY header included."""
    hsts: SecondsOrNone = 31_536_000.0
    """How long browsers remember that a host is https only (RFC 6797); 0: they are not told."""
    redirect_listen: tuple[ListenAddress, ...] = ()
    """Where plain http is answered with a redirect to https, and with nothing else."""
    trusted_proxies: tuple[Network, ...] = ()
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """In which of the two they say who the client is. The other one is not read: they may pass on a client's own."""
    identity_encoding: IdentityEncoding = "utf-8"
    """For all apps that have no other."""
    proxy_protocol: Flag = False
    """Whether every connection begins with a PROXY header, which only trusted proxies may send."""
    workers: Annotated[Integer, Field(ge=1, le=64)] = 1
    """Processes that share the work."""
    drain_timeout: Annotated[Seconds, Field(ge=1, le=3600)] = 30.0
    """How long a worker that is to end waits for what it has in flight."""
    admin_listen: ListenAddress | None = None
    key: Secret | None = None
    """The master keys, in place of `key_file`."""
    key_file: Path = Path("gatepost.key")
    """Where the master keys are; made at the first start when it is not there."""
    max_head_bytes: Annotated[Integer, Field(ge=1024, le=1024 * 1024)] = 32 * 1024
    max_connections_per_address: Annotated[Integer, Field(ge=1)] | None = None
    """In one worker; None: 1,024, and no more than a quarter of what the worker takes."""
    max_connections: Annotated[Integer, Field(ge=1)] | None = None
    """Of all clients together, tunnels included; None: 20,000. Never more than the limit of open files carries."""

    head_timeout: Seconds = 15.0
    """From the first byte of a request's head to its last."""
    keep_alive_timeout: Seconds = 75.0
    """How long a client's connection may stay without a request."""
    min_body_rate: Annotated[Integer, Field(ge=0)] = 100
    """Bytes a second that a request's body must bring on average over the app's `idle_timeout`; 0: any."""

    @property
    def certificate_pairs(self) -> tuple[CertificateSettings, ...]:
        """All certificates, the default one first; none: TLS is not spoken."""
        first: tuple[CertificateSettings, ...] = ()
        if self.tls_certificate is not None and self.tls_key is not None:
            first = (CertificateSettings(certificate=self.tls_certificate, key=self.tls_key),)
        return (*first, *self.certificates)
