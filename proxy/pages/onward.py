"""Links from one page of a sign-in to another that keep the fragment of the page asked for, without a script too.

No server ever sees a fragment (``#/orders/42``). A browser hands it on through a form without an `action` (HTML
standard, "form submission algorithm") and through a redirect (Fetch standard, "HTTP-redirect fetch"), but through no
link. So where no script can add it to the link, a button stands in its place: it posts where the link leads to, and is
redirected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from proxy.http.reserved import KERBEROS, PASSCODE, PASSWORD, SIGN_IN, STEP_UP, VOUCH

ONWARD = "onward"
"""The name of such a button; its value is the path of the page that comes next, whose query stands in fields of its
form's own."""
STEPS = frozenset((SIGN_IN, KERBEROS, PASSCODE, STEP_UP, PASSWORD, VOUCH))
"""The pages of a sign-in: nothing changes by looking at one, and each takes such buttons."""
_PLAIN = re.compile(r"[!-~]*", re.ASCII)


def leads_onward(href: str) -> bool:
    """Whether this is the path of such a page, with or without a query."""
    return onward_path(href) in STEPS and _PLAIN.fullmatch(href) is not None and "#" not in href


def onward_path(href: str) -> str:
    """The value of the button that leads to the same page as this link."""
    return href.partition("?")[0]


def onward_fields(href: str) -> list[tuple[str, str]]:
    """What else it posts."""
    return parse_qsl(href.partition("?")[2], keep_blank_values=True)


def onward_location(fields: Mapping[str, str]) -> str | None:
    """Where a posted form of this kind is redirected to, on the host that it was posted to; None for any other form."""
    path = fields.get(ONWARD, "")
    query = {name: value for name, value in fields.items() if name != ONWARD}
    href = f"{path}?{urlencode(query)}" if query else path
    return href if leads_onward(href) else None
