"""The sweep of `gatepost mobiles` beside `ldapsearch -E pr=1000/noprompt`: same server, same attributes, one run.

    SAMBA_CACHE=/var/tmp/gatepost python -m benchmarks.mobiles [--persons 10000] [--rounds 5]

Needs what the tests with Samba need, and ldapsearch (ldap-utils). The domain with its persons is built once and kept in
the cache folder. Rounds alternate, so that other work on the machine affects both alike. Prints seconds
(medians), the ratio, and the growth of this process's memory.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from config.settings import MobileSettings
from directory.active_directory.filters import IS_PERSON
from directory.active_directory.sweep import attributes_to_read
from directory.mobile_sweep import Findings, Rules, sweep
from tests.support.samba import SERVICE_PASSWORD, SERVICE_USER, person, settings_for
from tests.support.samba_dc import SambaDC

DEPARTMENTS = ("Sales", "Finance", "Engineering", "Legal", "Facilities", "People", "Support", "Research")
PLACES = ("London", "Leeds", "Cardiff", "Glasgow", "Belfast")
TEAMS = ("Office", "Field", "Night shift")


class PopulatedDC(SambaDC):
    """A domain with many persons, which its cache keeps too."""

    def __init__(self, folder: Path, *, count: int, cache: Path) -> None:
        super().__init__(folder, address=None, persons=[person(SERVICE_USER, password=SERVICE_PASSWORD)], cache=cache)
        self._count = count

    def _kept(self, command: list[str]) -> Path | None:
        return super()._kept([*command, f"persons={self._count}"])

    def _keep(self, kept: Path) -> None:
        print(f"building a domain with {self._count} persons, once", file=sys.stderr)
        self._ldb("ldbadd", self._sam, population_ldif(self.base_dn, self._count))
        super()._keep(kept)


def population_ldif(base_dn: str, count: int) -> str:
    """The same persons every time: nine in ten with a good number, the rest with what fields really hold."""
    chance = random.Random(4)
    records = []
    for place in PLACES:
        records.append(_record(f"OU={place},{base_dn}", {"objectClass": "organizationalUnit"}))
        records += [_record(f"OU={team},OU={place},{base_dn}", {"objectClass": "organizationalUnit"}) for team in TEAMS]
    for index in range(count):
        name = f"person{index:06}"
        fields = {
            "objectClass": "user",
            "sAMAccountName": name,
            "displayName": f"Person Nº {index}",
            "userPrincipalName": f"{name}@corp.example",
            "mail": f"{name}@corp.example",
            "department": chance.choice(DEPARTMENTS),
            # No password is needed for these: hashing one would take most of the time.
            "userAccountControl": str(0x222 if chance.random() < 0.02 else 0x220),
            "telephoneNumber": f"020 7946 {chance.randrange(10_000):04}",
        }
        if (mobile := _mobile(chance, index)) is not None:
            fields["mobile"] = mobile
        place, team = chance.choice(PLACES), chance.choice(TEAMS)
        records.append(_record(f"CN={name},OU={team},OU={place},{base_dn}", fields))
    return "".join(records)


def _mobile(chance: random.Random, index: int) -> str | None:
    number = f"7400 {index:06}" if index < 1_000_000 else "7400 000000"
    roll = chance.random()
    if roll < 0.45:
        return f"0{number}"
    if roll < 0.90:
        return f"+44 {number}"
    odd = (None, None, number, f"O{number}", f"0{number} (work)", "020 7946 0018", "n/a", "0740", "07400 000001",
           "+33 6 12 34 56 78", "07400 123456 / 07400 654321")  # fmt: skip
    return chance.choice(odd)


def _record(dn: str, fields: dict[str, str]) -> str:
    lines = [("dn", dn), *fields.items()]
    return "".join(f"{name}:: {base64.b64encode(value.encode()).decode()}\n" for name, value in lines) + "\n"


@contextlib.contextmanager
def domain(count: int, cache: Path) -> Iterator[SambaDC]:
    # Not below a deep folder: Samba's socket paths grow too long.
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-") as folder,
        PopulatedDC(Path(folder) / "dc", count=count, cache=cache) as dc,
    ):
        yield dc


def time_sweep(dc: SambaDC) -> tuple[float, int]:
    """Read, judge, count and keep everybody: all that a report needs before it is written."""
    rules = Rules(mobile=MobileSettings(), now=time.time(), changed_within_seconds=86_400.0, include_disabled=True)
    settings = settings_for(dc)
    started_at = time.perf_counter()
    with Findings(rules) as findings:
        for each in sweep(settings):
            findings.add(each)
        return time.perf_counter() - started_at, findings.totals.all.persons


def time_ldapsearch(dc: SambaDC) -> tuple[float, int]:
    """ldapsearch for the same attributes, its output thrown away."""
    settings = settings_for(dc)
    command = [
        "ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", dc.url, "-D", settings.bind_user,
        "-w", SERVICE_PASSWORD, "-b", dc.base_dn, "-E", "pr=1000/noprompt", IS_PERSON,
        *attributes_to_read(settings.mobile_attributes),
    ]  # fmt: skip
    started_at = time.perf_counter()
    # A file, as an administrator would have it: reading a pipe would take time from this process.
    with tempfile.TemporaryFile() as output:
        subprocess.run(command, check=True, stdout=output, env={**os.environ, "LDAPTLS_CACERT": str(dc.ca_file)})
        elapsed = time.perf_counter() - started_at
        output.seek(0)
        return elapsed, sum(line.startswith(b"dn:") for line in output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cache = Path(os.environ.get("SAMBA_CACHE") or Path(tempfile.gettempdir()) / "gatepost-cache")
    own, theirs = [], []
    with domain(options.persons, cache) as dc:
        time_sweep(dc)  # the code is read, the server's cache is warm
        memory = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
        for _ in range(options.rounds):
            (ldapsearch, found), (swept, persons) = time_ldapsearch(dc), time_sweep(dc)
            if found != persons:
                sys.exit(f"ldapsearch found {found} persons, the sweep {persons}")
            theirs.append(ldapsearch)
            own.append(swept)
            print(f"{persons} persons: ldapsearch {ldapsearch:.2f} s, gatepost {swept:.2f} s", flush=True)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    ratio = statistics.median(own) / statistics.median(theirs)
    print(
        f"median ldapsearch {statistics.median(theirs):.2f} s, gatepost {statistics.median(own):.2f} s: {ratio:.2f};"
        f" memory {memory[1] / 1024:.0f} MiB, of it {(memory[1] - memory[0]) / 1024:.0f} MiB since the first sweep"
    )


if __name__ == "__main__":
    main()
