"""`[server]`: where Gatepost listens and under which address, its certificates, keys, processes and limits; and what
has to agree there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import ListenAddress, Network, PublicURL, is_loopback
from config.frozen_table import FrozenTable, half_pairs
from config.problems import told
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
        if self.tls_certificate is None or self.tls_key is None:
            return self.certificates
        return (CertificateSettings(certificate=self.tls_certificate, key=self.tls_key), *self.certificates)


def server_problems(server: ServerSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    yield from told(
        half_pairs(server, "tls_certificate", "tls_key"),
        _public_url(server),
        _listen(server),
        _admin_listen(server),
        _redirect_scheme(server),
        _redirect_listen(server),
        _proxy_protocol(server),
        _hsts(server),
    )


def _public_url(server: ServerSettings) -> Iterator[tuple[str, str]]:
    if server.public_url.scheme == "http" and not is_loopback(server.public_url.host):
        yield (
            "public_url",
            "must begin with https:// (http:// is for localhost, *.localhost and loopback addresses only)",
        )


def _listen(server: ServerSettings) -> Iterator[tuple[str, str]]:
    fixed = [address for address in server.listen if address.port]
    if len(set(fixed)) != len(fixed):
        yield "listen", "names the same address twice"


def _admin_listen(server: ServerSettings) -> Iterator[tuple[str, str]]:
    admin = server.admin_listen
    if admin is not None and admin.port and admin in server.listen:
        yield "admin_listen", "must differ from listen: health and metrics are not public"


def _redirect_scheme(server: ServerSettings) -> Iterator[tuple[str, str]]:
    if server.redirect_listen and server.public_url.scheme != "https":
        yield "redirect_listen", "redirects to https: public_url must begin with https://"


def _redirect_listen(server: ServerSettings) -> Iterator[tuple[str, str]]:
    taken = {*server.listen, server.admin_listen}
    for position, address in enumerate(server.redirect_listen):
        if address.port and (address in taken or address in server.redirect_listen[:position]):
            yield "redirect_listen", f"{address.host}:{address.port} is listened on already"


def _proxy_protocol(server: ServerSettings) -> Iterator[tuple[str, str]]:
    if server.proxy_protocol and not server.trusted_proxies:
        yield "proxy_protocol", "needs trusted_proxies: nobody else may say where a connection comes from"


def _hsts(server: ServerSettings) -> Iterator[tuple[str, str]]:
    if server.hsts and server.hsts < 300:
        yield "hsts", 'must be at least "5m", or "0s" to say nothing'
