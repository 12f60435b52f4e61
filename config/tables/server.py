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
from config.values import MADE_LATER, Flag, IdentityEncoding, Integer, NotEmpty, Seconds, SecondsOrNone, Secret


class CertificateSettings(FrozenTable):
    """A certificate with its chain, and its key: PEM files."""

    certificate: Path
    """The certificate with its chain, PEM. A client gets the one that covers the host it asks for (SNI)."""
    key: Path
    """The private key of the certificate, PEM."""


class ServerSettings(FrozenTable):
    """Where Gatepost listens and under which address, its certificates, keys, processes and limits."""

    listen: Annotated[tuple[ListenAddress, ...], NotEmpty] = (ListenAddress("127.0.0.1", 8080),)
    """Addresses and ports to listen on. `"[::]:8443"` is every address of the machine. With port 0 the system chooses
    one."""
    public_url: PublicURL
    """Where browsers reach the sign-in pages: scheme, host and, if it is not the usual one, port. `http://` is for
    loopback only. Passkeys are bound to this host for ever."""
    tls_certificate: Path | None = None
    """The TLS certificate with its chain, a PEM file. Needs `tls_key`. Not set: plain http, behind a proxy that does
    TLS."""
    tls_key: Path | None = None
    """The private key of `tls_certificate`, a PEM file. Both are read again when they change."""
    certificates: tuple[CertificateSettings, ...] = ()
    """Further certificates, chosen by the host that a client names (SNI)."""
    handshake_timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long a client may take from its connection to the end of the TLS handshake, a PROXY header included."""
    hsts: SecondsOrNone = 31_536_000.0
    """How long browsers remember to use https only (RFC 6797). An app's own header takes precedence. At least `"5m"`,
    or `"0s"`: browsers are not told."""
    redirect_listen: tuple[ListenAddress, ...] = ()
    """Addresses where plain http is answered with a redirect to https, and with nothing else."""
    trusted_proxies: tuple[Network, ...] = ()
    """The proxies in front of Gatepost. Only they are believed about who the client is and how it came. If `public_url`
    is https and they report http, Gatepost redirects to https."""
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header in which they say so (`forwarded` is RFC 7239). Gatepost reads only this one: the other may hold what
    a client wrote."""
    identity_encoding: IdentityEncoding = "utf-8"
    """How apps get values that are not ASCII in `Remote-User` and its like: as UTF-8, percent-encoded, or not at all.
    An app's own `identity_encoding` takes precedence."""
    proxy_protocol: Flag = False
    """Whether every connection begins with a PROXY header. Then only `trusted_proxies` may connect."""
    workers: Annotated[Integer, Field(ge=1, le=64)] = 1
    """Processes that share the work: one for each core."""
    drain_timeout: Annotated[Seconds, Field(ge=1, le=3600)] = 30.0
    """How long a worker that stops waits for requests and downloads in flight."""
    reload: Literal["checked", "rehearsed"] = "checked"
    """What a configuration needs to come into force by a reload: no problem (`checked`), or a rehearsal too
    (`rehearsed`; `gatepost rehearse`). What stands in the configuration in force counts. A restart is never refused."""
    admin_listen: ListenAddress | None = None
    """Where `/livez`, `/readyz` and `/metrics` are served: never on a public address. Not set: nowhere."""
    key: Secret | None = None
    """The master keys themselves, in place of `key_file`: 32 random bytes in base64url without "=", or the lines of a
    key file after its first, joined by commas."""
    key_file: Annotated[Path, MADE_LATER] = Path("gatepost.key")
    """The file of the master keys, made at the first start. Keep it secret and back it up. All nodes of one
    installation need the same."""
    max_head_bytes: Annotated[Integer, Field(ge=1024, le=1024 * 1024)] = 32 * 1024
    """The largest head of a request, in bytes."""
    max_connections_per_address: Annotated[Integer, Field(ge=1)] | None = None
    """Connections that one client address (of IPv6: one /64) may have open in one worker. Not set: 1,024, but no more
    than a quarter of what the worker takes."""
    max_connections: Annotated[Integer, Field(ge=1)] | None = None
    """Connections of all clients to this machine, tunnels included; the workers share them. Not set:
    20,000. The limit on open files may allow fewer: `gatepost check` says how many."""

    head_timeout: Seconds = 15.0
    """How long the head of a request may take, from its first byte to its last."""
    keep_alive_timeout: Seconds = 75.0
    """How long a client's connection may stay open without a request."""
    min_body_rate: Annotated[Integer, Field(ge=0)] = 100
    """Bytes a second that a request's body must bring on average over the app's `idle_timeout`. 0: any."""

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
