"""What an app may say about request fields: which it asks for in `pass_fields`, and how it reads names of persons."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from config.field_kinds import OF_THE_CONNECTION, canonical, is_own

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
"""RFC 9110 section 5.1."""


def _check_field_name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError('not the name of a request field, such as "X-Real-IP"')
    name = canonical(value.encode("ascii"))
    if is_own(name):
        raise ValueError(f'"{value}": only Gatepost says this to apps, whatever a client sends: leave it out')
    if name == b"authorization":
        raise ValueError(f'"{value}": write pass_authorization = true instead')
    if name in OF_THE_CONNECTION or name == b"cookie":
        raise ValueError(f'"{value}": Gatepost decides itself what becomes of this field: leave it out')
    return value


FieldName = Annotated[str, AfterValidator(_check_field_name)]
IdentityEncoding = Literal["utf-8", "percent", "leave_out"]
"""How ``Remote-User`` and its like write what is not ASCII: as it is, percent-encoded, or not at all."""
