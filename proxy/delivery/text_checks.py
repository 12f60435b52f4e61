"""Whether every text can arrive as it is: by each channel, in each language, for each app, with any name or none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from config.settings import Settings
from proxy.delivery.gsm7 import gsm7_length
from proxy.delivery.person_names import LONGEST_NAME
from proxy.delivery.templates import MessageTexts, texts_of
from proxy.delivery.text_rules import TextRules, shown, wrong_with
from proxy.factors.passcode.tag import LONGEST_TAG

ONE_SMS_SEPTETS = 160
ONE_SMS_UCS2 = 70


def check_texts(settings: Settings, every_rules: Iterable[TextRules]) -> list[str]:
    """Every problem, for every gateway, language and app, with the longest values; empty if all is well."""
    texts = texts_of(settings)
    problems = [
        problem
        for rules in every_rules
        for language in texts.languages
        for problem in _problems(settings, texts, rules, language)
    ]
    return list(dict.fromkeys(problems))


def text_warnings(settings: Settings, every_rules: Iterable[TextRules]) -> Iterator[str]:
    """What arrives, but in several parts or without what was asked for: a line each."""
    texts = texts_of(settings)
    every_rules = list(every_rules)
    for rules in every_rules:
        for language in texts.languages:
            longest = max(_rendered(settings, texts, rules, language, LONGEST_NAME), key=lambda each: len(each[1]))[1]
            septets = gsm7_length(longest)
            units = len(longest.encode("utf-16-le")) // 2
            if septets is None and units > ONE_SMS_UCS2:
                what = f"{units} characters with some outside the GSM alphabet, and one such SMS holds {ONE_SMS_UCS2}"
            elif septets is not None and septets > ONE_SMS_SEPTETS:
                what = f"{septets} characters, and one SMS holds {ONE_SMS_SEPTETS}"
            else:
                continue
            yield f"{_place(texts, rules, language)}: through {rules.gateway} it can have {what}: several are paid for"
    if settings.sms.webotp and not any(texts.last_line("0", rules) for rules in every_rules):
        yield "sms: webotp: no channel passes several lines on, so no SMS can hold the line that phones look for"


def _problems(settings: Settings, texts: MessageTexts, rules: TextRules, language: str) -> list[str]:
    place = _place(texts, rules, language)
    literal = "".join(texts.template(rules.gateway, language).pieces)
    own = wrong_with(literal.strip(), rules)
    if own is not None:
        return [f"{place}: {own}"]  # no app's name is at fault
    wrong: dict[str, str] = {}
    for name in (LONGEST_NAME, ""):
        for app, text in _rendered(settings, texts, rules, language, name):
            problem = wrong_with(text, rules)
            if problem is not None:
                wrong.setdefault(app, problem)
    return [f"{place}: for the app {shown(app)}, {problem}" for app, problem in wrong.items()]


def _rendered(
    settings: Settings, texts: MessageTexts, rules: TextRules, language: str, name: str
) -> Iterator[tuple[str, str]]:
    """The text for each app and for the sign-in pages themselves."""
    sign_in_host = settings.server.public_url.host
    passcode = "0" * settings.passcode.digits
    for app, host in [*((each.name, each.host) for each in settings.apps), (sign_in_host, sign_in_host)]:
        text = texts.template(rules.gateway, language).render(
            passcode=passcode,
            app=app,
            host=host,
            minutes=math.ceil(settings.passcode.lifetime / 60),
            name=name,
            tag=LONGEST_TAG,
        )
        yield app, text + texts.last_line(passcode, rules)


def _place(texts: MessageTexts, rules: TextRules, language: str) -> str:
    """Which key says it."""
    if texts.template(rules.gateway, language) is texts.sms_template:
        return "sms.text"
    for channel, spoken in ((rules.gateway, language), ("", language), (rules.gateway, texts.default_language)):
        if (channel, spoken) in texts.sms_templates:
            of = f' for "{channel}"' if channel else ""
            return f'texts in "{spoken}"{of}'
    return "sms.text"
