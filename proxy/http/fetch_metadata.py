"""What a browser says by itself about where a request comes from: fields that no script can set. Pure.

Fetch standard, "Origin header", and the Fetch Metadata request headers.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def is_own_request(*, origin: str | None, referer: str | None, fetch_site: str | None, own_origin: str) -> bool:
    """What the browser itself says about the origin of a POST. An old browser may say nothing; a wrong origin is
    refused.

    Fetch standard, "Origin header" and "Sec-Fetch-Site".
    """
    if not is_from_here(fetch_site):
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


def is_from_here(fetch_site: str | None) -> bool:
    """Whether no page of another origin asks, of the same site neither. An old browser says nothing."""
    return fetch_site in (None, "same-origin", "none")


def is_brought_here(
    *, fetch_site: str | None, fetch_mode: str | None, fetch_dest: str | None, purpose: str | None
) -> bool:
    """Whether a GET comes from our own page or from a person's navigation, and was not loaded by another page.

    An app's host is of the same site, so what its pages load is sent with our cookie (Fetch standard,
    "Sec-Fetch-Site"; Sec-Purpose: speculative loads).
    """
    if is_from_here(fetch_site):
        return True
    return fetch_mode == "navigate" and fetch_dest == "document" and purpose is None
