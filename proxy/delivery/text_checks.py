"""Whether every text can arrive as it is: by each channel, in each language, for each app, with any name or none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from config.problems import Finding, Place, told
from config.settings import AppSettings, Settings
from config.tables.texts import Template
from proxy.delivery.person_names import LONGEST_NAME
from proxy.delivery.templates import MessageTexts, texts_of
from proxy.delivery.text_rules import TextRules, gsm7_length, shown, wrong_with

LONGEST_TAG = "mountain mountain"
"""As long as the longest that `proxy.factors.passcode.tag` makes: a test holds the two together."""
ONE_SMS_SEPTETS = 160
ONE_SMS_UCS2 = 70


def check_texts(settings: Settings, every_rules: Iterable[TextRules]) -> list[Finding]:
    """Every problem, for every gateway, language and app, with the longest values; empty if all is well."""
    texts = texts_of(settings)
    found = (_problems(settings, texts, rules, language) for rules in every_rules for language in texts.languages)
    return list(dict.fromkeys(told(*found)))


def text_warnings(settings: Settings, every_rules: Iterable[TextRules]) -> Iterator[str]:
    """Texts that arrive, but in several parts or without something that the operator asked for: a line each."""
    texts = texts_of(settings)
    every_rules = list(every_rules)
    for rules in every_rules:
        for language in texts.languages:
            every = (_rendered(settings, texts, rules, language, LONGEST_NAME, *app) for app in _apps(settings))
            longest = max(every, key=len)
            septets = gsm7_length(longest)
            units = len(longest.encode("utf-16-le")) // 2
            if septets is None and units > ONE_SMS_UCS2:
                what = f"{units} characters with some outside the GSM alphabet, and one such SMS holds {ONE_SMS_UCS2}"
            elif septets is not None and septets > ONE_SMS_SEPTETS:
                what = f"{septets} characters, and one SMS holds {ONE_SMS_SEPTETS}"
            else:
                continue
            place = _shown_place(settings, texts.template(rules.gateway, language))
            yield f"{place}: through {rules.gateway} it can have {what}: several are paid for"
    if settings.sms.webotp and not any(texts.last_line("0", rules) for rules in every_rules):
        yield "sms: webotp: no channel passes several lines on, so no SMS can hold the line that phones look for"


def _problems(settings: Settings, texts: MessageTexts, rules: TextRules, language: str) -> Iterator[Finding]:
    template = texts.template(rules.gateway, language)
    place = _place(settings, template)
    own = wrong_with("".join(template.pieces).strip(), rules)
    if own is not None:
        yield place, own
        return  # no app's name is at fault
    for app, host in _apps(settings):
        texts_for = (_rendered(settings, texts, rules, language, name, app, host) for name in (LONGEST_NAME, ""))
        wrong = next(filter(None, (wrong_with(text, rules) for text in texts_for)), None)
        if wrong is not None:
            yield place, f"for the app {shown(app)}, {wrong}"


def _apps(settings: Settings) -> Iterator[tuple[str, str]]:
    """Name and host of each, and of the sign-in pages themselves."""
    yield from told(*(_named(app) for app in settings.apps), _sign_in_pages(settings))


def _named(app: AppSettings) -> Iterator[tuple[str, str]]:
    yield app.name, app.host


def _sign_in_pages(settings: Settings) -> Iterator[tuple[str, str]]:
    yield settings.server.public_url.host, settings.server.public_url.host


def _rendered(
    settings: Settings, texts: MessageTexts, rules: TextRules, language: str, name: str, app: str, host: str
) -> str:
    passcode = "0" * settings.passcode.digits
    text = texts.template(rules.gateway, language).render(
        passcode=passcode,
        app=app,
        host=host,
        minutes=math.ceil(settings.passcode.lifetime / 60),
        name=name,
        tag=LONGEST_TAG,
    )
    return text + texts.last_line(passcode, rules)


def _place(settings: Settings, template: Template) -> Place:
    """Which key says it."""
    own = (position for position, each in enumerate(settings.texts) if getattr(each, "text", None) is template)
    position = next(own, None)
    return Place("sms", None, "text") if position is None else Place("texts", position, "text")


def _shown_place(settings: Settings, template: Template) -> str:
    place = _place(settings, template)
    if place.position is None:
        return "sms.text"
    text = settings.texts[place.position]
    of = f' for "{text.channel}"' if text.channel else ""
    return f'texts in "{text.language or settings.second_factor.language}"{of}'
