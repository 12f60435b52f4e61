"""A throwaway Active Directory domain controller (Samba) in one folder: for `scripts/demo --ad` and for the tests.

Samba must be installed and the process must run as root (ports 389 and 636, file ownership). The whole domain is
built before the start, offline, and everything is gone at the end: processes, and the folder's content.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from tests.support.samba_certificate import write_certificate
from tests.support.samba_people import (
    DomainGroup,
    DomainPerson,
    group_dn,
    group_ldif,
    must_change_ldif,
    older_ldif,
    person_dn,
    person_ldif,
    policy_ldif,
    raw_ldif,
)

DEBIAN_PACKAGES = (
    "samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules"
    " winbind krb5-user ldb-tools python3-samba"
)
KEPT_IN = "SAMBA_CACHE"
"""The variable of the environment that says where empty domains are kept."""
START_SECONDS = 60.0
_RESERVATION_PORT = 63636
"""Bound on the domain's address for as long as it runs, so that two runs on one machine choose two addresses."""


class SambaFailed(Exception):
    """Samba could not be provisioned or started; the message holds the end of what it printed."""


def kept_domains() -> Path | None:
    """Where empty domains are kept between runs, or for one run of the tests; None: nowhere."""
    folder = os.environ.get(KEPT_IN)
    return Path(folder) if folder else None


def samba_problem() -> str | None:
    """A sentence that says what is missing; None where a domain can be started."""
    missing = [name for name in ("samba", "samba-tool", "ldbadd", "ldbmodify") if shutil.which(name) is None]
    if missing:
        return f"Samba AD is not installed ({', '.join(missing)} missing): apt-get install {DEBIAN_PACKAGES}"
    if os.geteuid() != 0:
        return "a Samba domain controller needs root: it listens on ports 389 and 636"
    return None


class SambaDC:
    """A domain with one controller, running inside the `with` block.

    `persons` and `groups` are there from the start; `add` and `modify` work at any time. LDAPS answers on `url` with a
    certificate of `ca_file` for the address and for ``dc1.DOMAIN``.
    """

    administrator_password = "Adm1nistrator-of-a-throwaway"
    name = "dc1"
    services = "ldap, cldap, kdc, winbindd"

    def __init__(
        self,
        folder: Path,
        *,
        domain: str = "corp.example",
        netbios_name: str = "CORP",
        address: str | None = "127.0.0.2",
        persons: Sequence[DomainPerson] = (),
        groups: Sequence[DomainGroup] = (),
        upn_suffixes: Sequence[str] = (),
        lockout_threshold: int = 10,
        cache: Path | None = None,
    ) -> None:
        """`address` None: the first free one from 127.0.0.2 to .29. `cache` keeps the empty domain for others."""
        self.folder = folder
        self.domain = domain
        self.netbios_name = netbios_name
        self.base_dn = ",".join(f"DC={label}" for label in domain.split("."))
        self.host = f"{self.name}.{domain}"
        self.ca_file = folder / "ca.pem"
        self._wanted = [address] if address else [f"127.0.0.{last}" for last in range(2, 30)]
        self._persons, self._groups, self._upn_suffixes = persons, groups, upn_suffixes
        self._lockout_threshold = lockout_threshold
        self._cache = cache
        self._resources = contextlib.ExitStack()
        self._dns: dict[str, str] = {}
        self.address = ""

    @property
    def url(self) -> str:
        return f"ldaps://{self.address}"

    def __enter__(self) -> SambaDC:
        reason = samba_problem()
        if reason is not None:
            raise SambaFailed(reason)
        with self._resources:
            self.address = self._resources.enter_context(_reserved_address(self._wanted))
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._resources.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._provision()
            self._fill()
            write_certificate(self.folder, host=self.host, address=self.address)
            self._resources.enter_context(self._running())
            self._resources = self._resources.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._resources.close()

    def dn(self, cn: str) -> str:
        """The DN of a person or group that this class made. `cn` must hold no character that a DN escapes."""
        return f"CN={cn},CN=Users,{self.base_dn}"

    def modify(self, ldif: str) -> None:
        """Apply LDIF changes as the system, without any access check; in force at once."""
        self._ldb("ldbmodify", self._sam, ldif)

    @property
    def _sam(self) -> Path:
        return self.folder / "private" / "sam.ldb"

    @property
    def _globals(self) -> dict[str, str]:
        """What keeps it to its address and its folder."""
        return {
            "bind interfaces only": "yes",
            "interfaces": f"{self.address}/8",
            "vfs objects": "dfs_samba4 acl_xattr",
            "server services": self.services,
            "pid directory": f"{self.folder}/run",
            "ncalrpc dir": f"{self.folder}/ncalrpc",
            "winbindd socket directory": f"{self.folder}/wb",
            "ntp signd socket directory": f"{self.folder}/ntp",
            "log file": f"{self.folder}/log.samba",
        }

    @property
    def _options(self) -> list[str]:
        return [f"--option={name}={value}" for name, value in self._globals.items()]

    def _provision(self) -> None:
        """Make an empty domain, or take a copy of one that was kept: to make it takes a processor eight seconds."""
        # fmt: off
        command = [
            "samba-tool", "domain", "provision", f"--realm={self.domain.upper()}", f"--domain={self.netbios_name}",
            "--server-role=dc", "--dns-backend=NONE", f"--host-name={self.name}",
            f"--adminpass={self.administrator_password}",
        ]
        # fmt: on
        own = [f"--targetdir={self.folder}", f"--host-ip={self.address}", *self._options]
        if self._cache is None:
            self._make([*command, *own])
            return
        recipe = "\n".join(command) + _run(["samba", "--version"], self.folder)
        kept = self._cache / f"samba-{sha256(recipe.encode()).hexdigest()[:16]}.tar"
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several that want the same one, one makes it
            if not kept.exists():
                self._make([*command, *own])
                self._keep(kept)
                return
        self._take(kept)

    def _make(self, command: list[str]) -> None:
        _run(command, self.folder)
        self._configure_tls()

    def _configure_tls(self) -> None:
        configuration = self.folder / "etc" / "smb.conf"
        lines = "".join(f"\ttls {kind}file = {self.folder}/{kind}.pem\n" for kind in ("key", "cert", "ca"))
        configuration.write_text(configuration.read_text().replace("[global]\n", "[global]\n" + lines, 1))

    def _keep(self, kept: Path) -> None:
        (self.folder / "provisioned-in").write_text(str(self.folder))
        unfinished = kept.with_suffix(f".{os.getpid()}")
        with tarfile.open(unfinished, "w") as archive:
            archive.add(self.folder, arcname=".")
        unfinished.rename(kept)

    def _take(self, kept: Path) -> None:
        with tarfile.open(kept) as archive:
            # Set rather than passed: Python knows it from 3.11.4 on, and warns without it from 3.12 on.
            archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
            archive.extractall(self.folder)  # written by `_keep`
        configuration = self.folder / "etc" / "smb.conf"
        text = configuration.read_text().replace((self.folder / "provisioned-in").read_text(), str(self.folder))
        # At the end of its section: the last value counts.
        own = "".join(f"\t{name} = {value}\n" for name, value in self._globals.items())
        before, section, after = text.partition("[global]\n")
        values, next_section, others = after.partition("\n[")
        configuration.write_text(f"{before}{section}{values}\n{own}{next_section}{others}")

    def _fill(self) -> None:
        self.modify(policy_ldif(self.base_dn, self._upn_suffixes, self._lockout_threshold))
        self.add(self._persons, self._groups)

    def add(self, persons: Sequence[DomainPerson], groups: Sequence[DomainGroup] = ()) -> None:
        """Add persons and groups, in force at once; a group's members may have been there before."""
        self._dns |= {each.username: person_dn(each, self.base_dn) for each in persons}
        self._dns |= {each.name: group_dn(each, self.base_dn) for each in groups}
        additions = person_ldif(self.base_dn, self.domain, persons) + group_ldif(self.base_dn, groups, self._dns)
        if additions:
            self._ldb("ldbadd", self._sam, additions)
        changes = must_change_ldif(self.base_dn, persons)
        if changes:
            self._ldb("ldbmodify", self._sam, changes)
        raw = raw_ldif(self.base_dn, persons, now=time.time())
        if raw:
            self._ldb("ldbmodify", self._partition, raw)

    def age(self, persons: Sequence[DomainPerson], *, seconds: float) -> None:
        """Make these accounts older, and with them all that was written of them until now."""
        found = self._ldb("ldbsearch", self._partition, None, "(sAMAccountName=*)", "replPropertyMetaData")
        dns = {person_dn(each, self.base_dn) for each in persons}
        self._ldb("ldbmodify", self._partition, older_ldif(found, dns, seconds=int(seconds)))

    @property
    def _partition(self) -> Path:
        """The domain's own database, below Samba's modules: what AD itself maintains cannot be written through them."""
        return self._sam.parent / "sam.ldb.d" / f"{self.base_dn.upper()}.ldb"

    def _ldb(self, tool: str, database: Path, ldif: str | None, *arguments: str) -> str:
        configuration = self.folder / "etc" / "smb.conf"
        return _run([tool, f"--configfile={configuration}", "-H", str(database), *arguments], self.folder, ldif)

    @property
    def _command(self) -> list[str]:
        return ["samba", "-F", "--no-process-group", "--debug-stdout", "-s", str(self.folder / "etc" / "smb.conf")]

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        with (self.folder / "samba.out").open("wb") as output:
            # A pipe as its stdin: Samba ends by itself when this process dies without a chance to say so.
            samba = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
        try:
            self._wait_until_it_answers(samba)
            yield
        finally:
            _end_group(samba)

    def _wait_until_it_answers(self, samba: subprocess.Popen[bytes]) -> None:
        context = ssl.create_default_context(cafile=self.ca_file)
        give_up_at = time.monotonic() + START_SECONDS
        while True:
            if samba.poll() is not None:
                raise SambaFailed(f"Samba ended at its start:\n{self._said()}")
            try:
                with (
                    socket.create_connection((self.address, 636), timeout=2) as plain,
                    context.wrap_socket(plain, server_hostname=self.host),
                ):
                    return
            except OSError as exc:
                if time.monotonic() > give_up_at:
                    raise SambaFailed(f"no LDAPS on {self.address} in {START_SECONDS:.0f} s:\n{self._said()}") from exc
                time.sleep(0.05)

    def _said(self) -> str:
        return (self.folder / "samba.out").read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def _reserved_address(wanted: Sequence[str]) -> Iterator[str]:
    for address in wanted:
        with socket.socket() as reservation, socket.socket() as ldaps:
            try:
                reservation.bind((address, _RESERVATION_PORT))
                ldaps.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                ldaps.bind((address, 636))
            except OSError:
                continue
            ldaps.close()
            yield address
            return
    raise SambaFailed(f"port 636 is taken on {', '.join(wanted)}")


def _end_group(samba: subprocess.Popen[bytes]) -> None:
    """End Samba and the thirty processes of its group, which `start_new_session` gave the leader's number."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(samba.pid, signal.SIGTERM)
    if samba.stdin is not None:
        samba.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        samba.wait(3)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(samba.pid, signal.SIGKILL)
    samba.wait()


def _run(command: list[str], folder: Path, text: str | None = None) -> str:
    # LDB tools look for their modules' state in the current folder.
    done = subprocess.run(
        command,
        cwd=folder,
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 or done.stderr.startswith("ERR"):  # LDB tools go on after an error, and end with 0
        raise SambaFailed(f"{command[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
