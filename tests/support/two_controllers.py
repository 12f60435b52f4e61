"""A second domain controller that joined the first one's domain, and replication between the two.

Each controller finds the other by a name of its own (``GUID._msdcs.DOMAIN``), which only a file of hosts knows here:
both run in a mount namespace in which it is ``/etc/hosts``. They replicate when the test says so and not by themselves,
so that what one knows and the other does not is certain.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.samba_dc import START_SECONDS, SambaDC, kept_domains, samba_problem
from tests.support.samba_people import DomainPerson

_DRS = "E3514235-4B06-11D1-AB04-00C04FC2DCD2"
"""What names the replication service in Kerberos (MS-DRSR section 2.2.3.2)."""


class _ReplicatingDC(SambaDC):
    services = "rpc, ldap, cldap, kdc, drepl, winbindd"

    def __init__(self, folder: Path, shared: Path, **facts: object) -> None:
        """`shared`: the folder of what both have: ``hosts`` and ``krb5.conf``."""
        super().__init__(folder, address=None, **facts)  # type: ignore[arg-type]
        self.shared = shared

    @property
    def _globals(self) -> dict[str, str]:
        never = {f"dreplsrv:{kind}_interval": "86400" for kind in ("notify", "periodic", "periodic_startup")}
        return {**super()._globals, **never}

    @property
    def _command(self) -> list[str]:
        hosts, kerberos = self.shared / "hosts", self.shared / "krb5.conf"
        script = f'mount --make-rprivate / && mount --bind {hosts} /etc/hosts && exec env KRB5_CONFIG={kerberos} "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh", *super()._command]

    def _provision(self) -> None:
        super()._provision()
        (self.shared / "krb5.conf").write_text(
            "[libdefaults]\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
            f"default_realm = {self.domain.upper()}\n[realms]\n"
            + "".join(f"{realm} = {{\n kdc = {self.address}\n}}\n" for realm in (self.domain.upper(), self.domain))
        )
        # Samba's own programme for this needs DNS.
        service = f"{_DRS}/{self._announce()}/{self.domain}"
        self.modify(
            f"dn: CN={self.name.upper()},OU=Domain Controllers,{self.base_dn}\nchangetype: modify\n"
            f"add: servicePrincipalName\nservicePrincipalName: {service}\n"
        )

    def _wait_until_it_answers(self, samba: subprocess.Popen[bytes]) -> None:
        """LDAPS is there before winbindd, without which nobody can sign in to replicate (error 51f)."""
        super()._wait_until_it_answers(samba)
        command = ["samba-tool", "drs", "bind", self.address, *self._as_administrator]
        give_up_at = time.monotonic() + START_SECONDS
        while (done := self._samba_tool(command)).returncode:
            assert samba.poll() is None, "Samba ended at its start"
            assert time.monotonic() < give_up_at, (done.stdout + done.stderr)[-3000:]

    @property
    def _as_administrator(self) -> list[str]:
        return [f"-UAdministrator%{self.administrator_password}", "-s", str(self.folder / "etc" / "smb.conf")]

    def _samba_tool(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "KRB5_CONFIG": str(self.shared / "krb5.conf")}
        return subprocess.run(
            command, cwd=self.folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    def _announce(self) -> str:
        """Write into the hosts file where this one is; its GUID."""
        settings_dn = f"CN=NTDS Settings,CN={self.name.upper()},CN=Servers"
        base = f"{settings_dn},CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{self.base_dn}"
        guid = re.search("^objectGUID: (.+)$", self.said_of("(objectClass=*)", "objectGUID", base=base), re.MULTILINE)
        assert guid is not None
        with (self.shared / "hosts").open("a") as hosts:
            hosts.write(f"{self.address} {guid[1]}._msdcs.{self.domain} {self.host}\n")
        return guid[1]

    def said_of(self, filter_text: str, *attributes: str, base: str | None = None) -> str:
        """What this controller's own copy holds, read past LDAP and without any access check."""
        command = ["ldbsearch", "-H", str(self._sam), "-b", base or self.base_dn, filter_text, *attributes]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.folder).stdout


class _JoinedDC(_ReplicatingDC):
    name = "dc2"

    def __init__(self, folder: Path, first: _ReplicatingDC) -> None:
        super().__init__(folder, first.shared, domain=first.domain, netbios_name=first.netbios_name)
        self._first = first

    def _provision(self) -> None:
        command = [
            *("samba-tool", "domain", "join", self.domain, "DC", f"--targetdir={self.folder}"),
            *(f"--server={self._first.address}", "--dns-backend=NONE", f"--realm={self.domain.upper()}"),
            *(f"-UAdministrator%{self.administrator_password}", f"--option=netbios name={self.name.upper()}"),
            *self._options,
        ]
        done = self._samba_tool(command)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        self._configure_tls()
        self._announce()

    def _fill(self) -> None:
        """With what the first one holds, by joining it."""


@dataclass(frozen=True, slots=True)
class TwoControllers:
    first: _ReplicatingDC
    second: _ReplicatingDC
    ca_file: Path
    """Of both: each has an authority of its own."""

    @property
    def both(self) -> tuple[_ReplicatingDC, _ReplicatingDC]:
        return self.first, self.second

    def replicate(self, source: SambaDC, to: SambaDC) -> None:
        """Once this returns, `to` knows all that `source` knows now."""
        command = [
            *("samba-tool", "drs", "replicate", to.address, source.name, source.base_dn),
            *(f"-UAdministrator%{source.administrator_password}", "-s", str(self.first.folder / "etc" / "smb.conf")),
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def two_controllers(
    *, domain: str, netbios_name: str, persons: Sequence[DomainPerson], lockout_threshold: int
) -> Iterator[TwoControllers]:
    problem = samba_problem() or _namespace_problem()
    if problem is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    # Not below pytest's folders: Samba's socket paths there grow too long.
    with tempfile.TemporaryDirectory(prefix="gatepost-") as name:
        folder = Path(name)
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        first = _ReplicatingDC(
            folder / "dc",
            folder,
            domain=domain,
            netbios_name=netbios_name,
            persons=persons,
            lockout_threshold=lockout_threshold,
            cache=kept_domains(),
        )
        with first, _JoinedDC(folder / "dc2", first) as second:
            ca_file = folder / "ca.pem"
            ca_file.write_bytes(first.ca_file.read_bytes() + second.ca_file.read_bytes())
            yield TwoControllers(first, second, ca_file)


def _namespace_problem() -> str | None:
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    return f"no mount namespace for two domain controllers: {done.stderr.strip()}" if done.returncode else None
