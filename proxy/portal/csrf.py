"""Proof that a form came from a page of ours in this browser: stateless, so that any number of tabs work at once.

A token is an HMAC over the browser's cookie, the form's name and the session it acts on. Of one browser every tab has
the same token, and one for a half signed-in session is worthless for the next.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from enum import Enum
from urllib.parse import urlsplit


class Form(Enum):
    SIGN_IN = "sign_in"
    PASSCODE = "passcode"  # a form's name
    SIGN_OUT = "sign_out"
    PASSWORD = "password"  # noqa: S105  # a form's name


def csrf_token(key: bytes, *, form: Form, browser: str, session_id: str = "") -> str:
    """43 characters of base64url: HMAC-SHA256 over the three parts, each with its length before it."""
    message = b"".join(
        len(part).to_bytes(4) + part for part in (form.value.encode(), browser.encode(), session_id.encode())
    )
    return urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).rstrip(b"=").decode()


def is_csrf_token(given: str, key: bytes, *, form: Form, browser: str | None, session_id: str = "") -> bool:
    """Compare in constant time. A browser that sent no cookie has no token."""
    if browser is None:
        return False
    expected = csrf_token(key, form=form, browser=browser, session_id=session_id)
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def is_own_request(*, origin: str | None, referer: str | None, fetch_site: str | None, own_origin: str) -> bool:
    """What the browser itself says of where a POST comes from; an old one may say nothing, a wrong word refuses.

    Fetch standard, "Origin header" and "Sec-Fetch-Site".
    """
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    if origin is not None:
        return origin == own_origin
    if referer is not None:
        try:
            parts = urlsplit(referer)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" == own_origin
    return True
