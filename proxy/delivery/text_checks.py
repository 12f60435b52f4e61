"""Whether every text can arrive as it is: by each channel, in each language, for each app, with any name or none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from config.problems import Finding, Place, told
from config.settings import AppSettings, Settings
from config.tables.texts import Template
from proxy.delivery.channel import PasscodeMessage
from proxy.delivery.fitting import fitting, without_marks
from proxy.delivery.person_names import LONGEST_NAME
from proxy.delivery.templates import MessageTexts, texts_of
from proxy.delivery.text_rules import TextRules, measured, shown, wrong_with
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.languages.current import Language, in_language

LONGEST_TAG = "mountain mountain"
"""As long as the longest that `proxy.factors.passcode.tag` makes: a test holds the two together."""


def check_texts(settings: Settings, every_rules: Iterable[TextRules]) -> list[Finding]:
    """Every problem, for every gateway, language and app, with the longest values; empty if all is well.

    Gatepost's own words are none in any language: where a gateway does not pass them on, others are sent.
    """
    texts = texts_of(settings)
    found = (_problems(settings, texts, rules, language) for rules in every_rules for language in texts.languages)
    return list(dict.fromkeys(told(*found)))


def text_warnings(
    settings: Settings, every_rules: Iterable[TextRules], languages: Languages = ENGLISH_ALONE
) -> Iterator[str]:
    """Texts that arrive, but in several parts, in other words or without something that the operator asked for: a line
    each."""
    texts = texts_of(settings, languages)
    every_rules = list(every_rules)
    for rules in every_rules:
        for language in texts.languages:
            if texts.is_ours(rules.gateway, language):
                yield from _of_ours(settings, texts, rules, languages.tagged(language) or languages.default)
                continue
            every = (_rendered(settings, texts, rules, language, LONGEST_NAME, *app) for app in _apps(settings))
            what, parts = measured(max(every, key=len))
            if parts > 1:
                place = _shown_place(settings, texts.template(rules.gateway, language))
                yield f"{place}: through {rules.gateway} it can have {what}: {parts} are paid for"
    if settings.sms.webotp and not any(texts.last_line("0", rules) for rules in every_rules):
        yield "sms: webotp: no channel passes several lines on, so no SMS can hold the line that phones look for"


def notice_warnings(
    notices: Callable[[], Iterable[str]], every_rules: Iterable[TextRules], languages: Languages
) -> Iterator[str]:
    """The same of what else a person may be told by SMS: a line for each language and gateway."""
    every_rules = list(every_rules)
    for language in languages.in_order:
        if language.tag == "en":
            continue
        with in_language(language):
            said = list(notices())
        for rules in every_rules:
            yield from _told_of(said, rules, language, "notices")


def _of_ours(settings: Settings, texts: MessageTexts, rules: TextRules, language: Language) -> Iterator[str]:
    yield from _told_of([_our_longest(settings, texts, language)], rules, language, "codes")


def _our_longest(settings: Settings, texts: MessageTexts, language: Language) -> str:
    every = (
        PasscodeMessage(
            passcode="0" * settings.passcode.digits,
            number=None,
            app=app,
            host=host,
            minutes=math.ceil(settings.passcode.lifetime / 60),
            message_id="",
        )
        for app, host in _apps(settings)
    )
    return max((texts.own_sms(each, language) for each in every), key=len)


def _told_of(said: Sequence[str], rules: TextRules, language: Language, kind: str) -> Iterator[str]:
    """What becomes of Gatepost's own texts in this language on their way through this gateway."""
    place = f'pages.languages: "{language.tag}": {kind} by SMS through {rules.gateway}'
    not_passed = [text for text in said if fitting([text], rules) is None]
    bare = [text for text in said if text not in not_passed and wrong_with(text, rules) is not None]
    if not_passed:
        longest = max(not_passed, key=len)
        why = wrong_with(without_marks(longest, rules), rules)
        what, _ = measured(longest)
        yield f"{place} go in another language: {shown(longest)} has {what}; {why}"
    if bare:
        yield f"{place} lose their accents: {wrong_with(max(bare, key=len), rules)}"
    sent = [text for text in said if text not in not_passed]
    if sent:
        longest = max(sent, key=lambda text: measured(text)[1] * 1000 + len(text))
        what, parts = measured(fitting([longest], rules) or longest)
        if parts > 1:
            yield f"{place}: {shown(longest)} has {what}: {parts} are paid for"


def _problems(settings: Settings, texts: MessageTexts, rules: TextRules, language: str) -> Iterator[Finding]:
    if texts.is_ours(rules.gateway, language):
        return
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
    return f'texts in "{text.language or settings.message_language}"{of}'
