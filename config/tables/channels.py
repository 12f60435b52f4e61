"""What has to agree between `[second_factor]`, `[sms]` and the schemes, so that passcodes can go out: pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping

from config.errors import Place, nearest
from config.gateway_values import fill, placeholders
from config.settings import SchemeSettings, SecondFactorSettings, Settings, SMSSettings
from config.tables.sms_gateways import (
    KAPOW_HTTP,
    HTTPGatewaySettings,
    SMSGatewaySettings,
    gateway_named,
    gateway_presets,
    is_kapow_api,
    subject_and_body,
)

Finding = tuple[Place, str]

EMAIL = "email"
"""The channel to a person's own mail address."""
_ATOM = re.compile(r"[A-Za-z0-9.+_-]+", re.ASCII)
_OWN_HEADERS = frozenset(("connection", "content-length", "content-type", "host", "transfer-encoding"))
_GENERIC_ONLY = ("headers", "body", "success", "failure", "refused", "token", "several_lines")


def channel_problems(
    sms: SMSSettings, second_factor: SecondFactorSettings, schemes: Mapping[int, SchemeSettings]
) -> Iterator[Finding]:
    """Everything that keeps the channels from working as they are written."""
    at = Place("sms", None, "gateway")
    names: Collection[str] = (sms.gateway,)
    if second_factor.channels is not None:
        at = Place("second_factor", None, "channels")
        names = second_factor.channels
    known = {*gateway_presets(), *sms.gateways, *sms.http} | ({EMAIL} if second_factor.channels is not None else set())
    for name in names:
        if name == KAPOW_HTTP and name not in sms.http:
            yield at, f'"{name}" needs a table [sms.http.{name}] with username and password_file'
        elif name not in known:
            listed = ", ".join(f'"{each}"' for each in sorted(known))
            kind = "channel" if second_factor.channels is not None else "SMS gateway"
            yield at, f'unknown {kind} "{name}"; there is {listed}{nearest(name, known)}'
    if second_factor.email_for_sms and EMAIL not in names:
        yield Place("second_factor", None, "email_for_sms"), f'needs "{EMAIL}" among the channels'
    asked: set[str] = {factor for scheme in schemes.values() for factor in scheme.factors} if schemes else {"sms"}
    if set(names) == {EMAIL} and "sms" in asked and not second_factor.email_for_sms:
        yield at, 'names no way to send an SMS, and a scheme asks for "sms"'
    for name in sms.http:
        if name in sms.gateways or name in gateway_presets():
            yield Place("sms", None, f"http.{name}"), "an e-mail-to-SMS gateway has this name: choose another"
    for name in sorted({*sms.gateways, *(each for each in names if each in gateway_presets())}):
        gateway = gateway_named(name, sms.gateways)
        if gateway is not None:
            yield from _at(f"gateways.{name}", _mail_gateway(gateway))
    for name, http in sms.http.items():
        found = _kapow(http) if is_kapow_api(name, http) else _generic(http)
        yield from _at(f"http.{name}", found)


def channel_names(sms: SMSSettings | None, second_factor: SecondFactorSettings | None) -> tuple[str, ...] | None:
    """The channels that passcodes go by, where both tables can be read."""
    if sms is None or second_factor is None:
        return None
    return second_factor.channels or (sms.gateway,)


def channel_warnings(settings: Settings) -> Iterator[str]:
    """What works, but is seldom meant."""
    channels = settings.channels
    if "gateway" in settings.sms.model_fields_set and settings.sms.gateway not in channels:
        yield "sms: gateway: means nothing where second_factor.channels is given"
    if settings.second_factor.email_for_sms:
        yield (
            "second_factor: email_for_sms: whoever reads a person's mail passes as the holder of their phone,"
            ' also where a scheme asks for "sms"'
        )
    asked: set[str] = {factor for scheme in settings.schemes for factor in scheme.factors}
    stands_in = settings.second_factor.email_for_sms or settings.mobile.then == "other_channel"
    if EMAIL in channels and not stands_in and EMAIL not in asked:
        yield (
            'second_factor: channels: "email" is never used, not even where no SMS goes out: name it among the'
            " factors of a scheme, or set email_for_sms = true (whoever reads a person's mail then passes as the holder"
            " of their phone)"
        )
    for name, http in settings.sms.http.items():
        if name in channels and http.success is None and not is_kapow_api(name, http):
            yield f"sms: http.{name}.success: is not set: any answer with a status 2xx counts as accepted"
    for name in (*settings.sms.gateways, *settings.sms.http):
        if name not in channels:
            yield f"sms: {name}: is never used: second_factor.channels does not name it"


def _at(table: str, found: Iterator[tuple[str, str]]) -> Iterator[Finding]:
    for key, message in found:
        yield Place("sms", None, f"{table}.{key}"), message


def _mail_gateway(gateway: SMSGatewaySettings) -> Iterator[tuple[str, str]]:
    if gateway.preset is not None and gateway.preset not in gateway_presets():
        yield "preset", f'there is no preset "{gateway.preset}"' + nearest(gateway.preset, gateway_presets())
    if gateway.address is None:
        yield "address", 'is missing: write "{number}@sms.example"'
        return
    subject, body = subject_and_body(gateway)
    used = [*placeholders(gateway.address), *placeholders(subject), *placeholders(body)]
    if "number" not in used:
        yield "address", "the {number} stands nowhere: every SMS would go to the same phone"
    if used.count("text") != 1:
        yield "body", "the {text} must stand exactly once, in subject or body"
    yield from _missing_secrets(gateway, used)
    for key in ("username", "password", "account"):
        value = _value(gateway, key)
        if value is None:
            continue
        if key in placeholders(gateway.address) and not _ATOM.fullmatch(value):
            yield key, "becomes part of an address: only letters, digits, dots, dashes, underscores and + can"
        elif not value.isascii() or not value.isprintable():
            yield key, "becomes part of a mail: it must be a single line of ASCII"


def _kapow(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    for key in ("username", "password"):
        if getattr(gateway, key) is None:
            yield key, "is missing" + (" (or give password_file)" if key == "password" else "")
    for key in _GENERIC_ONLY:
        if key in gateway.model_fields_set:
            yield key, "means nothing here: what Kapow is asked is fixed"
    if gateway.url is not None and placeholders(gateway.url):
        yield "url", "must hold no placeholders"


def _generic(gateway: HTTPGatewaySettings) -> Iterator[tuple[str, str]]:
    if gateway.url is None:
        yield "url", "is missing"
    if gateway.body is None:
        yield "body", "is missing: write what is sent, with {number} and {text}"
        return
    body = placeholders(gateway.body)
    used = [
        *body,
        *placeholders(gateway.url or ""),
        *(p for each in gateway.headers.values() for p in placeholders(each)),
    ]
    if "text" not in body:
        yield "body", "the {text} stands nowhere"
    if "number" not in used:
        yield "body", "the {number} stands nowhere"
    yield from _missing_secrets(gateway, used)
    if "sender" in used and gateway.sender is None:
        yield "from", "is missing: {sender} needs it"
    for name in gateway.headers:
        if name.lower() in _OWN_HEADERS:
            yield f"headers.{name}", "is set by Gatepost itself"
    in_headers = {name for each in gateway.headers.values() for name in placeholders(each)}
    for key in ("username", "password", "token"):
        value = _value(gateway, key)
        if key in in_headers and value is not None and not (value.isascii() and value.isprintable()):
            yield key, "becomes part of a header: it must be a single line of ASCII"
    if gateway.body_type == "json":
        try:
            json.loads(fill(gateway.body, dict.fromkeys(body, "x")))
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
    value = getattr(gateway, key, None)
    return value if value is None or isinstance(value, str) else str(value.get_secret_value())
