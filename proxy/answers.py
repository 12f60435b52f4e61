"""Gatepost's own answers: what went wrong, whose fault it is and what to do, as a page or as JSON.

Every answer carries the incident id that the log has too. The words stand in `proxy/texts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Problem(Enum):
    """The reasons Gatepost answers by itself. The value is the machine-readable code in JSON and log."""

    MALFORMED_REQUEST = "malformed_request"  # 400
    AMBIGUOUS_REQUEST = "ambiguous_request"  # 400
    NOT_SIGNED_IN = "not_signed_in"  # 401, JSON only: page loads are redirected
    NOT_ALLOWED = "not_allowed"  # 403; `detail` names the groups asked for
    BAD_FORM = "bad_form"  # 403: CSRF token missing or stale
    NOT_FOUND = "not_found"  # 404 below /.gatepost/
    METHOD_NOT_ALLOWED = "method_not_allowed"  # 405
    REQUEST_TIMEOUT = "request_timeout"  # 408
    BODY_TOO_LARGE = "body_too_large"  # 413
    TARGET_TOO_LONG = "target_too_long"  # 414
    UNKNOWN_HOST = "unknown_host"  # 421
    THROTTLED = "throttled"  # 429
    HEAD_TOO_LARGE = "head_too_large"  # 431
    INTERNAL = "internal_error"  # 500
    NOT_IMPLEMENTED = "not_implemented"  # 501: a method, transfer coding or expectation nobody offers
    UPSTREAM_UNREACHABLE = "upstream_unreachable"  # 502
    UPSTREAM_BROKEN = "upstream_broken"  # 502: its answer was no HTTP
    DIRECTORY_UNAVAILABLE = "directory_unavailable"  # 503
    STORE_UNAVAILABLE = "store_unavailable"  # 503
    OVERLOADED = "overloaded"  # 503
    UPSTREAM_SILENT = "upstream_silent"  # 504
    VERSION_NOT_SUPPORTED = "version_not_supported"  # 505


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    problem: Problem
    detail: str = ""
    """One sentence more for this case (which group is asked for); plain text, escaped when rendered."""
    app: str = ""
    retry_after_seconds: int | None = None
    incident: str = field(default="")

    @property
    def status(self) -> int:
        raise NotImplementedError


def wants_page(accept: bytes | None, fetch_mode: bytes | None, fetch_dest: bytes | None, method: bytes) -> bool:
    """Whether a person waits for this as a page: a GET or HEAD navigation (Sec-Fetch-Mode, else Accept: text/html)."""
    raise NotImplementedError


def render(answer: Answer, *, page: bool, sign_in_origin: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Header fields (content type, cache control, CSP, Retry-After and the like, no length) and body.

    Style sheets are loaded from `sign_in_origin`'s static prefix or inlined by hash: the page stands on any host.
    """
    raise NotImplementedError
