"""Proof that a form came from a page of ours in this browser: stateless, so that any number of tabs work at once.

A token is an HMAC over the form's name and what the form belongs to: the session it acts on or, before there is one,
the browser's cookie. Every tab of one browser has the same token, and one for a half signed-in session is worthless for
the next.

If a browser without a cookie loads several tabs at once, each gets a cookie, and the browser keeps only the last. The
forms in the other tabs should still work, so a sign-in form also carries a stamp. It no longer shows for which cookie
the form was made, but it shows that the form is ours and when it was made. It counts only if the browser itself says
which page sent the form.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from enum import Enum


class Form(Enum):
    SIGN_IN = "sign_in"
    PASSCODE = "passcode"  # a form's name
    STEP_UP = "step_up"
    SIGN_OUT = "sign_out"
    PASSWORD = "password"  # noqa: S105  # a form's name
    ME = "me"
    FACTORS = "factors"
    APP_PASSWORDS = "app_passwords"  # a form's name
    VOUCH = "vouch"
    KEPT = "kept"
    ADMIN = "admin"


STAMP_SECONDS = 12 * 3600.0
"""How long a sign-in form may have been open for its stamp to count; instants are epoch seconds."""
CLOCK_SECONDS = 60.0
"""How far ahead another node's clock may be."""
_STAMP = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{43})", re.ASCII)


def csrf_token(key: bytes, *, form: Form, browser: str, session_id: str = "") -> str:
    """What a form carries; 43 characters of base64url."""
    return _mac(key, form.value, "" if session_id else browser, session_id)


def is_csrf_token(given: str, key: bytes, *, form: Form, browser: str | None, session_id: str = "") -> bool:
    """Compare in constant time. Without a session, a browser that sent no cookie has no token."""
    if browser is None and not session_id:
        return False
    expected = csrf_token(key, form=form, browser=browser or "", session_id=session_id)
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def form_stamp(key: bytes, *, token: str, now: float) -> str:
    """Says that the form with this token was made by us at `now`."""
    made = str(int(now))
    return f"{made}.{_mac(key, 'stamp', made, token)}"


def is_form_stamp(given: str, key: bytes, *, token: str, now: float) -> bool:
    """Whether it is this token's, and not too old."""
    match = _STAMP.fullmatch(given)
    if match is None or not -CLOCK_SECONDS <= now - int(match[1]) <= STAMP_SECONDS:
        return False
    return hmac.compare_digest(match[2], _mac(key, "stamp", match[1], token))


def _mac(key: bytes, *parts: str) -> str:
    """43 characters of base64url: HMAC-SHA256 over the parts, each with its length before it."""
    message = b"".join(len(part).to_bytes(4) + part for part in (each.encode(errors="replace") for each in parts))
    return urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).rstrip(b"=").decode()
