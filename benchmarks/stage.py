"""Everything that takes part, started on its cores: the upstreams, nginx, haproxy and Gatepost.

Programs that are not installed are left out and named in `Stage.missing`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks import configurations
from benchmarks.configurations import ECHO, FILES, SIGN_IN
from benchmarks.processes import Cores, Process, free_port, program, raise_file_limit, started
from proxy.http.reserved import session_cookie
from proxy.sessions.way import TOKEN_HOST

GATEPOST, NGINX, NGINX_AUTH, NGINX_AUTH_THERE, HAPROXY = (
    "Gatepost",
    "nginx",
    "nginx + auth_request (204 in place)",
    "nginx + auth_request (204 by an upstream)",
    "haproxy",
)
BARE = "bare uvloop forwarder"
PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
"""Debian's names for what is measured beside, and what measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One way to the upstreams."""

    name: str
    port: int
    tls_port: int
    process: Process
    tls_process: Process | None = None

    def process_for(self, *, tls: bool) -> Process:
        return self.tls_process if tls and self.tls_process is not None else self.process


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    folder: Path
    cores: Cores
    proxies: Mapping[str, Proxy]
    """By name."""
    files_port: int
    echo_port: int
    open_files: int
    """How many files one process may open."""
    missing: tuple[str, ...]

    cookies: Mapping[str, str]
    """By host, the ``Cookie`` field that opens Gatepost; the others are sent the same bytes."""
    tls_cookies: Mapping[str, str]

    @contextmanager
    def gatepost(
        self, name: str, *, smtp_port: int = 25, directory: str | None = None, arguments: tuple[str, ...] = ()
    ) -> Iterator[tuple[Process, int, dict[str, str]]]:
        """One more Gatepost, in a folder of that name: its process, port and cookies by host; under `*` a token."""
        with _gatepost(
            self.folder / name,
            cores=self.cores,
            files_port=self.files_port,
            echo_port=self.echo_port,
            smtp_port=smtp_port,
            directory=directory,
            arguments=arguments,
        ) as started_one:
            yield started_one


@contextmanager
def set_stage(*, gatepost_arguments: tuple[str, ...] = (), large_bytes: int = 1024**3) -> Iterator[Stage]:
    """Start it all; this process joins the load's cores. Raises `CannotStart`."""
    cores, open_files = Cores.of_this_machine(), raise_file_limit()
    missing = tuple(
        f"{name} is not installed (package {package})" for name, package in PACKAGES.items() if program(name) is None
    )
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores.load)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, before)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-benchmarks-")))
        _write_files(folder, large_bytes)
        certificate, key, pem = _write_certificate(folder)
        echo = stack.enter_context(
            started([sys.executable, "-m", "benchmarks.upstream"], cores=cores.load, log=folder / "echo.log", says=True)
        )
        echo_port = int(echo.first_line)
        user = "user root;" if os.geteuid() == 0 else ""  # otherwise its worker may not read the folder
        connections = min(open_files, 65_536) - 64
        files_port = 0
        nginx = program("nginx")
        if nginx is not None:
            files_port = free_port()
            path = configurations.write_nginx_upstream(folder, port=files_port, user=user, files=connections)
            command = [nginx, "-c", str(path), "-e", str(folder / "nginx-start.log")]
            stack.enter_context(started(command, cores=cores.load, log=folder / "upstream.log", ports=(files_port,)))
        proxies = {}
        sockets = {"files_port": files_port, "echo_port": echo_port, "cores": cores}
        plain = stack.enter_context(_gatepost(folder / "gatepost", arguments=gatepost_arguments, **sockets))  # type: ignore[arg-type]
        tls = stack.enter_context(_gatepost(folder / "gatepost-tls", tls=(certificate, key), **sockets))  # type: ignore[arg-type]
        proxies[GATEPOST] = Proxy(
            name=GATEPOST,
            port=plain[1],
            tls_port=tls[1],
            process=plain[0],
            tls_process=tls[0],
        )
        if files_port:
            command = [sys.executable, "-m", "benchmarks.bare_forwarder", str(files_port)]
            bare = stack.enter_context(started(command, cores=cores.proxy, log=folder / "bare.log", says=True))
            proxies[BARE] = Proxy(name=BARE, port=int(bare.first_line), tls_port=0, process=bare)
        if nginx is not None:
            ports = {auth: (free_port(), free_port()) for auth in ("", "here", "there")}
            path = configurations.write_nginx_proxies(
                folder,
                ports=ports,
                files_port=files_port,
                echo_port=echo_port,
                certificate=certificate,
                key=key,
                user=user,
                files=connections,
            )
            command = [nginx, "-c", str(path), "-e", str(folder / "nginx-start.log")]
            flat = [port for pair in ports.values() for port in pair]
            process = stack.enter_context(started(command, cores=cores.proxy, log=folder / "proxies.log", ports=flat))
            for name, auth in ((NGINX, ""), (NGINX_AUTH, "here"), (NGINX_AUTH_THERE, "there")):
                proxies[name] = Proxy(name=name, port=ports[auth][0], tls_port=ports[auth][1], process=process)
        haproxy = program("haproxy")
        if haproxy is not None:
            port, tls_port = free_port(), free_port()
            path = configurations.write_haproxy(
                folder,
                port=port,
                tls_port=tls_port,
                files_port=files_port,
                echo_port=echo_port,
                pem=pem,
                connections=(connections - 64) // 2,
            )
            process = stack.enter_context(
                started(
                    [haproxy, "-db", "-f", str(path)],
                    cores=cores.proxy,
                    log=folder / "haproxy.log",
                    ports=(port, tls_port),
                )
            )
            proxies[HAPROXY] = Proxy(name=HAPROXY, port=port, tls_port=tls_port, process=process)
        yield Stage(
            folder=folder,
            cores=cores,
            proxies=proxies,
            files_port=files_port,
            echo_port=echo_port,
            open_files=open_files,
            missing=missing,
            cookies=plain[2],
            tls_cookies=tls[2],
        )


@contextmanager
def _gatepost(
    folder: Path,
    *,
    cores: Cores,
    files_port: int,
    echo_port: int,
    smtp_port: int = 25,
    tls: tuple[Path, Path] | None = None,
    directory: str | None = None,
    arguments: tuple[str, ...] = (),
) -> Iterator[tuple[Process, int, dict[str, str]]]:
    config = configurations.write_gatepost(
        folder,
        port=free_port(),
        files_port=files_port or 9,  # nothing listens there: only what needs no files is measured then
        echo_port=echo_port,
        smtp_port=smtp_port,
        tls=tls,
        directory=directory,
    )
    hosts = [part for host in (FILES, ECHO, SIGN_IN) for part in ("--host", host)]
    command = [sys.executable, "-m", "benchmarks.gatepost", "--config", str(config), *hosts, *arguments]
    with started(command, cores=cores.proxy, log=folder / "gatepost.log", says=True) as process:
        line = json.loads(process.first_line)
        name = session_cookie("http" if tls is None else "https")
        cookies = {host: f"theme=dark; {name}={token}" for host, token in line["tokens"].items() if host != TOKEN_HOST}
        cookies[TOKEN_HOST] = line["tokens"][TOKEN_HOST]
        yield process, (line["ports"] or [0])[0], cookies


def _write_files(folder: Path, large_bytes: int) -> None:
    """Sparse files: their pages come from memory, as those of a file that is read often do."""
    for name, size in (("64k", 64 * 1024), ("10m", 10 * 1024**2), ("large", large_bytes)):
        with (folder / name).open("wb") as file:
            file.truncate(size)


def _write_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """The same one for all: certificate, key, and both in one file."""
    leaf = trustme.CA().issue_cert(FILES, ECHO, SIGN_IN)
    certificate, key, pem = folder / "certificate.pem", folder / "key.pem", folder / "both.pem"
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    leaf.private_key_and_cert_chain_pem.write_to_path(pem)
    key.chmod(0o600)
    return certificate, key, pem
