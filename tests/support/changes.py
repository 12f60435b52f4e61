"""What an administrator changes about a person or group of the tests' domain, as LDIF."""

from __future__ import annotations

import base64
import time

from tests.support.samba_dc import SambaDC
from tests.support.samba_people import filetime


def modify(dc: SambaDC, name: str, *changes: str) -> None:
    """Each of `changes` is ``replace: ATTRIBUTE`` and its values, by lines."""
    body = "-\n".join(f"{change}\n" for change in changes)
    dc.modify(f"dn: {dc.dn(name)}\nchangetype: modify\n{body}")


def disable(dc: SambaDC, name: str) -> None:
    modify(dc, name, "replace: userAccountControl\nuserAccountControl: 514")


def enable(dc: SambaDC, name: str) -> None:
    modify(dc, name, "replace: userAccountControl\nuserAccountControl: 512")


def expire(dc: SambaDC, name: str) -> None:
    modify(dc, name, f"replace: accountExpires\naccountExpires: {filetime(time.time() - 60)}")


def lock(dc: SambaDC, name: str) -> None:
    modify(dc, name, f"replace: lockoutTime\nlockoutTime: {filetime(time.time())}")


def delete(dc: SambaDC, name: str) -> None:
    dc.modify(f"dn: {dc.dn(name)}\nchangetype: delete\n")


def set_password(dc: SambaDC, name: str, password: str) -> None:
    modify(dc, name, f"replace: clearTextPassword\nclearTextPassword:: {_utf16_base64(password)}")


def add_member(dc: SambaDC, group: str, member: str) -> None:
    modify(dc, group, f"add: member\nmember: {dc.dn(member)}")


def remove_member(dc: SambaDC, group: str, member: str) -> None:
    modify(dc, group, f"delete: member\nmember: {dc.dn(member)}")


def _utf16_base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-le")).decode()
