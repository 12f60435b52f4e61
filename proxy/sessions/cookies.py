"""Reading Gatepost's cookies out of ``Cookie`` fields: a pure function on header values (RFC 6265).

Names are compared exactly, without the spaces around them and around the ``=``, as servers do.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.secrets.tokens import is_token

_BLANKS = b" \t"


def read_token(cookie_fields: Sequence[bytes], name: bytes) -> bytes | None:
    """The token in the cookie of this name; None also where its value does not have the form of one."""
    found = read_cookie(cookie_fields, name)
    return found if found is not None and is_token(found) else None


def read_cookie(cookie_fields: Sequence[bytes], name: bytes) -> bytes | None:
    """The value of the cookie of this name, out of the values of all ``Cookie`` fields of a request.

    None if there is none, or more than one (even an equal one).
    """
    found: bytes | None = None
    for field in cookie_fields:
        if name not in field:
            continue
        for pair in field.split(b";"):
            if name not in pair:
                continue
            key, _, value = pair.partition(b"=")
            if key.strip(_BLANKS) == name:
                if found is not None:
                    return None
                found = value.strip(_BLANKS)
    return found
