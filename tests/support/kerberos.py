"""Kerberos as people have it: tickets got with a password from the Samba domain, and clients that show them."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.samba_dc import SambaDC

_TOKEN = """
import base64, sys
import gssapi
service = gssapi.Name(sys.argv[1], gssapi.NameType.hostbased_service)
mechanism = gssapi.OID.from_int_seq(sys.argv[2])
context = gssapi.SecurityContext(name=service, mech=mechanism, usage="initiate")
print(base64.b64encode(context.step()).decode())
"""
SPNEGO = "1.3.6.1.5.5.2"
KERBEROS = "1.2.840.113554.1.2.2"


def export_keytab(dc: SambaDC, keytab: Path, *principals: str) -> Path:
    """The keys of these services, as `samba-tool domain exportkeytab` writes them."""
    for principal in principals:
        _run(["samba-tool", "domain", "exportkeytab", str(keytab), f"--principal={principal}", *_configuration(dc)])
    keytab.chmod(0o600)
    return keytab


def _configuration(dc: SambaDC) -> list[str]:
    return ["-s", str(dc.folder / "etc" / "smb.conf")]


@dataclass(frozen=True, slots=True)
class Workstation:
    """One person's tickets, in a folder of their own."""

    folder: Path
    dc: SambaDC

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "KRB5_CONFIG": str(self.folder / "krb5.conf"),
            "KRB5CCNAME": f"FILE:{self.folder / 'tickets'}",
        }

    def sign_in(self, username: str, password: str) -> None:
        """`kinit`: a ticket to get tickets with, for ten hours."""
        realm = self.dc.domain.upper()
        self.folder.mkdir(exist_ok=True)
        (self.folder / "krb5.conf").write_text(
            f"[libdefaults]\ndefault_realm = {realm}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
            "dns_canonicalize_hostname = false\nrdns = false\n"
            f"[realms]\n{realm} = {{\n kdc = {self.dc.address}\n}}\n"
            f"[domain_realm]\n.{self.dc.domain} = {realm}\n.localhost = {realm}\n"
        )
        _run(["kinit", username], self.environ, text=password + "\n")

    def sign_in_with(self, keytab: Path, principal: str) -> None:
        """In the place of whoever signed in before."""
        _run(["kinit", "-kt", str(keytab), principal], self.environ)

    def token(self, service: str, mechanism: str = SPNEGO) -> bytes:
        """What a browser would send to ``HTTP@host``."""
        said = _run([sys.executable, "-c", _TOKEN, service, mechanism], self.environ)
        return base64.b64decode(said)


def _run(command: Sequence[str], environ: dict[str, str] | None = None, text: str = "") -> str:
    done = subprocess.run(command, env=environ, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout
