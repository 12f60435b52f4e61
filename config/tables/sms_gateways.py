"""How SMS gateways are described: by a table of `gateways.toml` that ships with the program, or by the operator's own.

A table that has the name of a preset, or names one as its `preset`, changes only what it says.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from config.frozen_table import FrozenTable
from config.problems import nearest, told
from config.tables.gateway_values import (
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
    fill,
    placeholders,
)
from config.values import Flag, Integer, Seconds, Secret, Text

NumberFormat = Literal["e164", "digits", "idd", "national"]
"""``+447400123456``, ``447400123456``, ``00447400123456``; ``07400123456`` at home and digits elsewhere."""

_ATOM = re.compile(r"[A-Za-z0-9.+_-]+", re.ASCII)
_OWN_HEADERS = frozenset(("connection", "content-length", "content-type", "host", "transfer-encoding"))
_GENERIC_ONLY = ("headers", "body", "success", "failure", "refused", "token", "several_lines")
KAPOW_HTTP = "kapow_http"
KAPOW_URL = "https://www.kapow.co.uk/scripts/sendsms.php"


class SMSGatewaySettings(FrozenTable):
    """An e-mail-to-SMS gateway of your own, or a known one with changes."""

    preset: GatewayName | None = None
    """The known gateway that this one is like: the other keys change only what they name. Not set: the known one of the
    same name, if there is one."""
    # Keys are meant for `password`, but people write them where the vendor's example has them.
    address: Annotated[GatewayAddress | None, Field(repr=False)] = None
    """The recipient of the mail. `{number}` is the phone number; `{username}`, `{password}` and `{account}` may stand
    in it too. Needed without a preset."""
    subject: Annotated[SubjectTemplate, Field(repr=False)] = ""
    """The Subject of the mail. `{text}` is the SMS. `{number}`, `{username}`, `{password}` and `{account}` may stand in
    it too. At most 200 characters."""
    body: Annotated[MailBodyTemplate, Field(repr=False)] = "{text}"
    """The body of the mail, with the same placeholders. `{text}` stands here or in `subject`. At most 2,000
    characters."""
    subject_with_login: Annotated[SubjectTemplate | None, Field(repr=False)] = None
    """Replaces `subject` where a username or password is given."""
    body_with_login: Annotated[MailBodyTemplate | None, Field(repr=False)] = None
    """Replaces `body` where a username or password is given."""
    number_format: NumberFormat = "digits"
    """How the number is written: `digits` 447400123456, `e164` +447400123456, `idd` 00447400123456, `national`
    07400123456 for `home_region` and digits for the rest."""
    terminator: Terminator = ""
    """What ends the text, for gateways that would send a signature too. At most 8 characters."""
    max_characters: Annotated[Integer, Field(ge=20, le=2000)] = 160
    """The longest text, in characters of the GSM alphabet (some count as two)."""
    gsm7: Flag = True
    """Whether the text must keep to the GSM 7-bit alphabet."""
    seven_bit: Flag = True
    """Whether the mail must be pure ASCII."""
    several_lines: Flag = False
    """Whether line breaks of the text reach the phone."""
    username: Text | None = None
    """The login at the gateway, for `{username}`."""
    password: Secret | None = None
    """Its password, for `{password}`."""
    account: Annotated[Text | None, Field(repr=False)] = None
    """The account or key at the gateway, for `{account}`."""


class HTTPGatewaySettings(FrozenTable):
    """An SMS gateway that is asked over HTTPS: Kapow's own interface, or any that one request can be described for."""

    api: Literal["kapow", "generic"] | None = None
    """`kapow`: Kapow's own interface. `generic`: any gateway that one request can describe. Not set: `kapow` for the
    table `kapow_http`, else `generic`."""
    url: Annotated[GatewayURL | None, Field(repr=False)] = None
    """Where to send the request: https, or http to this machine. `{number}` and `{username}` may stand in it. Not set:
    Kapow's own address; `generic` needs it."""
    method: Literal["POST", "PUT"] = "POST"
    """The method of the request. There is no `GET`: URLs end up in logs, and the passcode with them."""
    headers: dict[HeaderName, HeaderTemplate] = Field(default_factory=dict, repr=False)
    """Fields of the request. `{basic}` is the login for HTTP Basic; `{username}`, `{password}`, `{token}` and
    `{message_id}` may stand in them. `generic` only."""
    body: Annotated[BodyTemplate | None, Field(repr=False)] = None
    """What is sent, with `{text}`, `{number}`, `{message_id}`, `{sender}`, `{username}`, `{password}`, `{token}`. At
    most 8,000 characters. `generic` needs it."""
    body_type: Literal["json", "form", "xml"] = "json"
    """Says how the placeholders of `body` are escaped, and the Content-Type."""
    success: Pattern | None = None
    """A 2xx answer in which it is found took the message. Not set: every 2xx did. `generic`
    only."""
    failure: Pattern | None = None
    """An answer in which it is found did not take the message, although its status leaves that
    open (2xx, 302, 303, 500, 502, 504): the next channel is tried. `generic` only."""
    refused: Pattern | None = None
    """An answer in which it is found, whatever its status, refuses this one number. `generic`
    only."""
    number_format: NumberFormat = "e164"
    """How the number is written, as in `[sms.gateways.NAME]`. For Kapow the default is `digits`."""
    max_characters: Annotated[Integer, Field(ge=20, le=2000)] = 160
    """The longest text, in characters of the GSM alphabet (some count as two)."""
    gsm7: Flag = True
    """Whether the text must keep to the GSM 7-bit alphabet."""
    several_lines: Flag = False
    """Whether line breaks of the text reach the phone. `generic` only."""
    sender: Annotated[Text | None, Field(alias="from")] = None
    """What the phone shows as the sender, where the account may choose it, for `{sender}`."""
    username: Text | None = None
    """The login at the gateway, for `{username}`. Kapow needs it."""
    password: Secret | None = None
    """Its password, for `{password}`. Kapow needs it."""
    token: Secret | None = None
    """A token for the gateway, for `{token}`. `generic` only."""
    warn_credit_below: Annotated[Integer, Field(ge=0)] = 100
    """With fewer credits than this, `gatepost check`, `/readyz` and `/metrics` warn. 0: never. Kapow only."""
    ca_file: Path | None = None
    """The certificate authority that signed the gateway's certificate, a PEM file. Not set: those that the operating
    system trusts."""
    timeout: Annotated[Seconds, Field(le=60)] = 8.0
    """How long one request may take."""


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


def gateway_problems(
    gateways: Mapping[str, SMSGatewaySettings], http: Mapping[str, HTTPGatewaySettings], channels: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Key and sentence of everything that keeps a gateway from being asked as it is described.

    `gateways` and `http` as `[sms]` holds them; `channels`: the presets that are used are looked at too.
    """
    for name in http:
        if name in gateways or name in gateway_presets():
            yield f"http.{name}", "an e-mail-to-SMS gateway has this name: choose another"
    for name in sorted({*gateways, *(each for each in channels if each in gateway_presets())}):
        yield from told(_in(f"gateways.{name}", _mail_gateway(name, gateways)))
    for name, each in http.items():
        yield from told(_in(f"http.{name}", _http_gateway(name, each)))


def _in(table: str, found: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, message in found:
        yield f"{table}.{key}", message


def _http_gateway(name: str, gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    if is_kapow_api(name, gateway):
        yield from told(_kapow_login(gateway), _kapow_fixed(gateway))
    else:
        yield from told(_generic_parts(gateway), _generic_use(gateway), _generic_json(gateway))


def _mail_gateway(name: str, own: Mapping[str, SMSGatewaySettings]) -> Iterator[tuple[str, str]]:
    gateway = gateway_named(name, own)
    if gateway is None:
        return
    if gateway.preset is not None and gateway.preset not in gateway_presets():
        yield "preset", f'there is no preset "{gateway.preset}"' + nearest(gateway.preset, gateway_presets())
    if gateway.address is None:
        yield "address", 'is missing: write "{number}@sms.example"'
        return
    subject, body = subject_and_body(gateway)
    used = [*placeholders(gateway.address), *placeholders(subject), *placeholders(body)]
    if "number" not in used:
        yield "address", "the {number} is missing: every SMS would go to the same phone"
    if used.count("text") != 1:
        yield "body", "the {text} must appear exactly once, in subject or body"
    yield from _missing_secrets(gateway, used)
    for key in ("username", "password", "account"):
        value = _value(gateway, key)
        if value is None:
            continue
        if key in placeholders(gateway.address) and not _ATOM.fullmatch(value):
            yield key, "becomes part of an address: only letters, digits, dots, dashes, underscores and + can"
        elif not value.isascii() or not value.isprintable():
            yield key, "becomes part of a mail: it must be a single line of ASCII"


def _kapow_login(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    for key in ("username", "password"):
        if getattr(gateway, key) is None:
            yield key, "is missing" + (" (or give password_file)" if key == "password" else "")


def _kapow_fixed(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    for key in _GENERIC_ONLY:
        if key in gateway.model_fields_set:
            yield key, "means nothing here: what Kapow is asked is fixed"
    if gateway.url is not None and placeholders(gateway.url):
        yield "url", "must hold no placeholders"


def _generic_parts(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    for key, message in (("url", "is missing"), ("body", "is missing: write what is sent, with {number} and {text}")):
        if getattr(gateway, key) is None:
            yield key, message


def _generic_use(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    if gateway.body is None:
        return
    body = placeholders(gateway.body)
    in_headers = [name for each in gateway.headers.values() for name in placeholders(each)]
    used = [*body, *placeholders(gateway.url or ""), *in_headers]
    if "text" not in body:
        yield "body", "the {text} is missing"
    if "number" not in used:
        yield "body", "the {number} is missing"
    yield from _missing_secrets(gateway, used)
    if "sender" in used and gateway.sender is None:
        yield "from", "is missing: {sender} needs it"
    for name in gateway.headers:
        if name.lower() in _OWN_HEADERS:
            yield f"headers.{name}", "is set by Gatepost itself"
    for key in ("username", "password", "token"):
        value = _value(gateway, key)
        if key in in_headers and value is not None and not (value.isascii() and value.isprintable()):
            yield key, "becomes part of a header: it must be a single line of ASCII"


def _generic_json(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    if gateway.body is None or gateway.body_type != "json":
        return
    try:
        json.loads(fill(gateway.body, dict.fromkeys(placeholders(gateway.body), "x")))
    except ValueError:
        yield "body", 'is not JSON: placeholders stand inside quotes, as in {"to": "{number}"}'


def _missing_secrets(
    gateway: SMSGatewaySettings | HTTPGatewaySettings, used: Collection[str]
) -> Iterator[tuple[str, str]]:
    for key in ("username", "password", "account", "token"):
        if (key in used or (key in ("username", "password") and "basic" in used)) and _value(gateway, key) is None:
            file = "" if key in ("username", "account") else f" (or give {key}_file)"
            yield key, f"is missing: this gateway wants it{file}"


def _value(gateway: SMSGatewaySettings | HTTPGatewaySettings, key: str) -> str | None:
    """None also where gateways of this kind have no such key."""
    value = getattr(gateway, key) if key in type(gateway).model_fields else None
    return value if value is None or isinstance(value, str) else str(value.get_secret_value())
