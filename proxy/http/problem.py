"""Why Gatepost answers a request by itself."""

from __future__ import annotations

from enum import Enum


class Problem(Enum):
    """The reasons Gatepost answers by itself. The value is the machine-readable code in JSON and log."""

    MALFORMED_REQUEST = "malformed_request"  # 400
    AMBIGUOUS_REQUEST = "ambiguous_request"  # 400
    NOT_SIGNED_IN = "not_signed_in"  # 401, JSON only: page loads are redirected
    SIGNED_OUT = "signed_out"  # 401, to who sent a form with the cookie of a session that has ended
    NOT_ALLOWED = "not_allowed"  # 403; `detail` names the groups asked for
    TOO_FEW_FACTORS = "too_few_factors"  # 403; `scheme` is the one asked for. Page loads are redirected
    NOT_FROM_HERE = "not_from_here"  # 403: from this address, for everybody
    BAD_FORM = "bad_form"  # 403: CSRF token missing or stale
    NOT_FOUND = "not_found"  # 404 below /.gatepost/
    KEPT_FORM_GONE = "kept_form_gone"  # 410: it was sent already, or its time is over
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
    SIGN_IN_UNAVAILABLE = "sign_in_unavailable"  # 503: what happens cannot be recorded, and has to be
    OVERLOADED = "overloaded"  # 503
    UPSTREAM_SILENT = "upstream_silent"  # 504
    VERSION_NOT_SUPPORTED = "version_not_supported"  # 505
