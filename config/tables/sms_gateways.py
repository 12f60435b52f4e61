"""How SMS gateways are described: by a table of `gateways.toml` that ships with the program, or by the operator's own.

A table that has the name of a preset, or names one as its `preset`, changes only what it says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from config.frozen_table import FrozenTable
from config.gateway_values import (
    BodyTemplate,
    GatewayAddress,
    GatewayName,
    GatewayURL,
    HeaderName,
    HeaderTemplate,
    MailBodyTemplate,
    Pattern,
    SubjectTemplate,
    Terminator,
)
from config.values import Flag, Integer, Seconds, Secret, Text

NumberFormat = Literal["e164", "digits", "idd", "national"]
"""``+447400123456``, ``447400123456``, ``00447400123456``; ``07400123456`` at home and digits elsewhere."""

KAPOW_HTTP = "kapow_http"
KAPOW_URL = "https://www.kapow.co.uk/scripts/sendsms.php"


class SMSGatewaySettings(FrozenTable):
    """An e-mail-to-SMS gateway."""

    preset: GatewayName | None = None
    """What this table builds on; None: the preset of its own name, if there is one."""
    # Keys are meant for `password`, but people write them where the vendor's example has them.
    address: Annotated[GatewayAddress | None, Field(repr=False)] = None
    subject: Annotated[SubjectTemplate, Field(repr=False)] = ""
    body: Annotated[MailBodyTemplate, Field(repr=False)] = "{text}"
    subject_with_login: Annotated[SubjectTemplate | None, Field(repr=False)] = None
    """In place of `subject` where a username or password is given."""
    body_with_login: Annotated[MailBodyTemplate | None, Field(repr=False)] = None
    number_format: NumberFormat = "digits"
    terminator: Terminator = ""
    """Follows the text, to keep signatures out of the SMS."""
    max_characters: Annotated[Integer, Field(ge=20, le=2000)] = 160
    gsm7: Flag = True
    """Whether the text must keep to the GSM 7-bit alphabet."""
    seven_bit: Flag = True
    """Whether the mail must be pure ASCII."""
    several_lines: Flag = False
    """Whether a line break of the text reaches the phone."""
    username: Text | None = None
    password: Secret | None = None
    account: Annotated[Text | None, Field(repr=False)] = None


class HTTPGatewaySettings(FrozenTable):
    """An SMS gateway that is asked over HTTPS: Kapow's own interface, or any that one request can be described for."""

    api: Literal["kapow", "generic"] | None = None
    """None: Kapow's for the table ``kapow_http``, else generic."""
    url: Annotated[GatewayURL | None, Field(repr=False)] = None
    method: Literal["POST", "PUT"] = "POST"
    """Never GET: the passcode would stand in the URL."""
    headers: dict[HeaderName, HeaderTemplate] = Field(default_factory=dict, repr=False)
    body: Annotated[BodyTemplate | None, Field(repr=False)] = None
    body_type: Literal["json", "form", "xml"] = "json"
    success: Pattern | None = None
    """A 2xx answer that it is found in took the message; None: every 2xx did."""
    failure: Pattern | None = None
    """An answer that it is found in did not take the message, though its status leaves that open (2xx, 302, 303, 500,
    502, 504): another channel may be tried."""
    refused: Pattern | None = None
    """An answer that it is found in, whatever its status, refuses this one number."""
    number_format: NumberFormat = "e164"
    max_characters: Annotated[Integer, Field(ge=20, le=2000)] = 160
    gsm7: Flag = True
    several_lines: Flag = False
    sender: Annotated[Text | None, Field(alias="from")] = None
    """What the phone shows as the sender, where the account may choose it."""
    username: Text | None = None
    password: Secret | None = None
    token: Secret | None = None
    warn_credit_below: Annotated[Integer, Field(ge=0)] = 100
    """Kapow only; 0: never."""
    ca_file: Path | None = None
    timeout: Annotated[Seconds, Field(le=60)] = 8.0


@cache
def gateway_presets() -> Mapping[str, SMSGatewaySettings]:
    """The e-mail-to-SMS gateways that are known by name."""
    path = Path(__file__).parent.with_name("gateways.toml")
    tables = tomllib.loads(path.read_text())
    return MappingProxyType({name: SMSGatewaySettings.model_validate(each) for name, each in tables.items()})


def gateway_named(name: str, own: Mapping[str, SMSGatewaySettings]) -> SMSGatewaySettings | None:
    """The gateway of this name, an operator's table laid over the preset that it builds on; None if there is none."""
    table = own.get(name)
    preset = gateway_presets().get((table.preset if table is not None else None) or name)
    if table is None or preset is None:
        return table or preset
    return preset.model_copy(update={key: getattr(table, key) for key in table.model_fields_set})


def is_kapow_api(name: str, gateway: HTTPGatewaySettings) -> bool:
    """Whether an HTTP gateway is spoken to as Kapow's own interface wants it."""
    return gateway.api == "kapow" or (gateway.api is None and name == KAPOW_HTTP)


def subject_and_body(gateway: SMSGatewaySettings) -> tuple[str, str]:
    """The templates in force: those with a login where there is one."""
    has_login = gateway.username is not None or gateway.password is not None
    subject = gateway.subject_with_login if has_login else None
    body = gateway.body_with_login if has_login else None
    return (gateway.subject if subject is None else subject, gateway.body if body is None else body)
