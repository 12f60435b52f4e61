"""Whether the texts that are configured can be sent, found without the channels that would send them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from config.problems import Finding, told
from config.settings import Settings
from config.tables.gateway_values import EMAIL
from config.tables.sms_gateways import HTTPGatewaySettings, is_kapow_api
from proxy.delivery.gateway_preset import preset_named
from proxy.delivery.text_checks import check_texts, notice_warnings, text_warnings
from proxy.delivery.text_rules import TextRules
from proxy.languages.choice import ENGLISH_ALONE, Languages


def sms_text_problems(settings: Settings) -> Iterator[Finding]:
    """Every text that cannot arrive as it is."""
    yield from check_texts(settings, rules_in_use(settings))


def delivery_warnings(
    settings: Settings, languages: Languages = ENGLISH_ALONE, notices: Callable[[], Iterable[str]] = tuple
) -> list[str]:
    """What works but is seldom intended, a line each, in settings that `create_channels` accepted. `notices`: every
    other SMS that a person may get, in the language in use."""
    rules = rules_in_use(settings)
    return [*text_warnings(settings, rules, languages), *notice_warnings(notices, rules, languages)]


def rules_in_use(settings: Settings) -> list[TextRules]:
    """What the text of an SMS must keep to, for each SMS channel that is used and known."""
    return list(told(*(_rules(settings, name) for name in settings.all_channels)))


def _rules(settings: Settings, name: str) -> Iterator[TextRules]:
    if name in settings.sms.http:
        yield http_rules(name, settings.sms.http[name])
    elif name != EMAIL and (preset := preset_named(name, settings.sms)) is not None:
        yield preset.rules


def http_rules(name: str, gateway: HTTPGatewaySettings) -> TextRules:
    """What the text of an SMS through an HTTP gateway must keep to."""
    return TextRules(
        gateway=name,
        gsm7=gateway.gsm7,
        seven_bit=is_kapow_api(name, gateway),  # which alphabet it reads beyond ASCII is not documented
        several_lines=gateway.several_lines,
        max_characters=gateway.max_characters,
    )
