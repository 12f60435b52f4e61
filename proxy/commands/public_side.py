"""What `gatepost check` says of the side that browsers see (certificates, TLS, addresses), and of secrets' files."""

from __future__ import annotations

import errno
import http.client
import os
import shlex
import socket
import ssl
import stat
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from config.addresses import ListenAddress
from config.settings import ServerSettings, Settings
from config.system_errors import listening_reason
from directory.directory import CheckResult
from proxy.forwarding.certificate_names import CertificateNames, choose_certificate
from proxy.forwarding.public_tls import LoadedCertificates
from proxy.operations.listening import bind, bind_udp
from proxy.ssh.words import TURNED_AWAY

_SECONDS = 2.0


def check_certificates(loaded: LoadedCertificates, *, now: float) -> list[CheckResult]:
    """One line for each certificate, and one more for each that is for no host at all. Pure."""
    found = []
    for path, ends_at in loaded.ends_at:
        end = f"{datetime.fromtimestamp(ends_at, UTC):%Y-%m-%d}"
        detail = f"valid until {end}"
        if ends_at <= now:
            detail = (
                f"not valid since {end}, so browsers refuse it: get a new one, and put it in the place of this file"
            )
        found.append(CheckResult(subject=f"certificate {path.name}", ok=ends_at > now, detail=detail))
    detail = (
        "has no subjectAltName, and browsers read no other name: get one whose subjectAltName is its host (DNS:...)"
    )
    return found + [
        CheckResult(subject=f"certificate {path.name}", ok=False, detail=detail) for path in loaded.nameless
    ]


def check_hosts(settings: Settings, certificates: Sequence[CertificateNames]) -> list[CheckResult]:
    """One line for each host that no certificate is for: browsers refuse to go there. Pure.

    Apps with `forward_auth` are left out: the proxy in front has their certificates.
    """
    hosts = [settings.server.public_url.host, *(app.host for app in settings.apps if not app.forward_auth)]
    known = sorted(
        {name for each in certificates for name in each.exact}
        | {f"*.{name}" for each in certificates for name in each.wildcards}
    )
    return [
        CheckResult(
            subject=f"certificate for {host}",
            ok=False,
            detail=f"there is none, so browsers will refuse it; there are some for {', '.join(known) or 'no host'}: get"
            " one with this name, or add a pair to server.certificates",
        )
        for host in dict.fromkeys(hosts)
        if choose_certificate(host, certificates) is None
    ]


def check_scheme(server: ServerSettings) -> list[CheckResult]:
    """One line if browsers are told to use TLS, and nothing here speaks it. Pure."""
    if server.public_url.scheme != "https" or server.certificate_pairs or server.trusted_proxies:
        return []
    detail = (
        "begins with https://, but nobody speaks TLS: give tls_certificate and tls_key, or name the proxy in front that"
        " does in trusted_proxies"
    )
    return [CheckResult(subject="server.public_url", ok=False, detail=detail)]


def check_secret_files(files: Iterable[Path]) -> list[CheckResult]:
    """One line for each file that everybody on this machine may read."""
    found = []
    for path in dict.fromkeys(files):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # the check that needs it says so
        is_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
        if stat.S_ISREG(mode) and mode & stat.S_IROTH and is_open:
            command = f"chmod o-rwx {shlex.quote(str(path))}"
            detail = f"everybody on this machine may read it (mode {mode & 0o7777:04o}): {command}"
            found.append(CheckResult(subject=f"secret {path}", ok=False, detail=detail))
    return found


def secret_files(settings: Settings, read: Iterable[Path]) -> list[Path]:
    """`read`: the files that the configuration reads secrets from. Also private keys, keytabs and hashes. Pure."""
    found = [*read, *(pair.key for pair in settings.server.certificate_pairs)]
    found += [app.client_key for app in settings.apps if app.client_key is not None]
    found += [key for key in (settings.store.client_key, settings.bounces.tls_key) if key is not None]
    named = [getattr(each, name, None) for each in settings.directories for name in ("kerberos_keytab", "file")]
    return found + [path for path in named if isinstance(path, Path)]


def check_addresses(settings: Settings) -> list[CheckResult]:
    """One line for each address that cannot be listened on. Blocks.

    An address that a running Gatepost or a systemd socket holds is fine.
    """
    server = settings.server
    wanted = [("server.listen", each) for each in server.listen]
    wanted += [("server.redirect_listen", each) for each in server.redirect_listen]
    wanted += [("ssh.listen", each) for each in settings.ssh.listen]
    if server.admin_listen is not None:
        wanted.append(("server.admin_listen", server.admin_listen))
    found = []
    for key, address in wanted:
        try:
            for listener in bind(*address):
                listener.close()
        except OSError as error:
            if address.port and error.errno == errno.EADDRINUSE and _is_gatepost(settings, key, address):
                continue
            if error.errno in (errno.EACCES, errno.EPERM) and address.port < 1024 and os.geteuid() != 0:
                continue  # the service has the capability that this command lacks
            detail = f"{address.host}:{address.port} cannot be listened on: {listening_reason(error)}"
            found.append(CheckResult(subject=key, ok=False, detail=detail))
    return found + _check_radius(settings.radius.listen)


def _check_radius(listen: Sequence[ListenAddress]) -> list[CheckResult]:
    """The same of UDP. Whose a taken one is nobody can ask: only RADIUS clients are answered."""
    found = []
    for address in listen:
        try:
            for each in bind_udp(*address):
                each.close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                detail = f"{address.host}:{address.port} cannot be listened on: {listening_reason(error, is_udp=True)}"
                found.append(CheckResult(subject="radius.listen", ok=False, detail=detail))
    return found


def _is_gatepost(settings: Settings, key: str, address: ListenAddress) -> bool:
    """Whether a Gatepost answers there, or nobody yet: systemd holds its socket before the first start."""
    if key == "ssh.listen":
        return _is_jump_host(address)
    host = _here(address.host)
    path, expected = ("/livez", b"ok") if key == "server.admin_listen" else ("/.gatepost/jwks.json", b'"keys"')
    connection: http.client.HTTPConnection
    try:
        if key == "server.listen" and settings.server.certificate_pairs:
            # This only asks who answers: other checks judge the certificate.
            context = ssl._create_unverified_context()  # noqa: S323
            connection = http.client.HTTPSConnection(host, address.port, timeout=_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection(host, address.port, timeout=_SECONDS)
        public = settings.server.public_url
        with closing(connection):
            connection.request("GET", path, headers={"Host": public.authority(public.host)})
            with connection.getresponse() as answer:
                body = answer.read(4096)
    except TimeoutError:
        return True  # accepted by the kernel, but by no process: a systemd socket, or a busy Gatepost
    except (OSError, http.client.HTTPException):
        # It hangs up on a client without a PROXY header.
        return settings.server.proxy_protocol and key != "server.admin_listen"
    origin = settings.server.public_url.origin
    return expected in body or (answer.getheader("Location") or "").startswith(origin)


def _is_jump_host(address: ListenAddress) -> bool:
    """The same, of SSH: a server speaks first (RFC 4253 section 4.2)."""
    try:
        with socket.create_connection((_here(address.host), address.port), timeout=_SECONDS) as connection:
            return connection.recv(64).startswith((b"SSH-2.0-Gatepost", TURNED_AWAY))
    except TimeoutError:
        return True
    except OSError:
        return False


def _here(host: str) -> str:
    """Where to ask for what listens on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # to compare with
