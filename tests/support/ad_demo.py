"""`gatepost demo` with its people in a throwaway Samba AD domain: what `scripts/demo --ad` runs, as root."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from proxy.demo import demo
from tests.support.samba_dc import SambaDC, SambaFailed, kept_domains, samba_problem
from tests.support.samba_people import DomainGroup, DomainPerson

SERVICE_USER = "svc-gatepost"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo --ad", description=__doc__)
    demo.add_arguments(parser)
    arguments = parser.parse_args()
    if (problem := samba_problem()) is not None:
        print(f"scripts/demo --ad: {problem}", file=sys.stderr)
        return 2
    print("Making a throwaway Active Directory domain, about 15 seconds ...", flush=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="gatepost-demo-") as folder,
            SambaDC(
                Path(folder), address=None, persons=domain_persons(), groups=domain_groups(), cache=kept_domains()
            ) as dc,
        ):
            return demo.serve(arguments, sys.stdout, Path(folder), directory_table(dc.url, dc.ca_file))
    except SambaFailed as error:
        print(f"scripts/demo --ad: {error}", file=sys.stderr)
        return 1


def domain_persons() -> list[DomainPerson]:
    """The same people, and the plain account that Gatepost reads the domain with."""
    service = DomainPerson(username=SERVICE_USER, password=demo.PASSWORD)
    return [
        service,
        *(
            DomainPerson(
                username=person.username,
                password=demo.PASSWORD,
                display_name=person.display_name,
                mail=f"{person.username}@corp.example",
                mobile=person.mobile,
            )
            for person in demo.PEOPLE
        ),
    ]


def domain_groups() -> list[DomainGroup]:
    names = dict.fromkeys(group for person in demo.PEOPLE for group in person.groups)
    return [
        DomainGroup(name=name, members=[each.username for each in demo.PEOPLE if name in each.groups]) for name in names
    ]


def directory_table(url: str, ca_file: Path) -> str:
    """The `[[directories]]` table of that domain."""
    return f"""[[directories]]
name = "corp"
type = "active_directory"
domain = "corp.example"
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{SERVICE_USER}@corp.example"
bind_password = "{demo.PASSWORD}"
"""


if __name__ == "__main__":
    sys.exit(main())
