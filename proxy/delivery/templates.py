"""The text of a passcode message: four placeholders, nothing evaluated, and checked before the first person signs in.

`str.format` is never called: its ``{passcode.__class__}`` reads attributes. A template is cut into pieces once
and joined for each message.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter

from config.settings import Settings
from proxy.delivery.channel import PasscodeMessage
from proxy.delivery.errors import WrongTemplate
from proxy.delivery.text_rules import TextRules, shown, wrong_with

PLACEHOLDERS = ("passcode", "app", "host", "minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Literal texts and placeholder names in turn: ``pieces[0] + values[names[0]] + pieces[1] + ...``."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]

    def render(self, *, passcode: str, app: str, host: str, minutes: int) -> str:
        values = {"passcode": passcode, "app": app, "host": host, "minutes": str(minutes)}
        rendered = [self.pieces[0]]
        for name, piece in zip(self.names, self.pieces[1:], strict=True):
            rendered += (values[name], piece)
        return "".join(rendered)


def parse_template(text: str) -> Template:
    """Cut `text` at its placeholders; ``{{`` and ``}}`` stand for braces.

    Raises `WrongTemplate` for an unknown placeholder, an attribute, index, conversion or format, for a stray
    brace, and where ``{passcode}`` does not stand exactly once.
    """
    pieces, names = [""], []
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise WrongTemplate(f"{error} (write {{{{ and }}}} for braces)") from error
    for literal, name, format_spec, conversion in parsed:
        pieces[-1] += literal
        if name is None:
            continue
        if name not in PLACEHOLDERS or format_spec or conversion:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise WrongTemplate(f"unknown placeholder {{{name}}}: there are {known}, as they stand")
        names.append(name)
        pieces.append("")
    if names.count("passcode") != 1:
        raise WrongTemplate("must contain {passcode} exactly once")
    return Template(pieces=tuple(pieces), names=tuple(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What each channel says: an SMS, or the Subject and the body of a mail to read."""

    sms_template: Template

    def sms(self, message: PasscodeMessage, rules: TextRules) -> str:
        """For a gateway with these `rules`."""
        return self.sms_template.render(
            passcode=message.passcode, app=message.app, host=message.host, minutes=message.minutes
        )

    def mail(self, message: PasscodeMessage) -> tuple[str, str]:
        """The passcode stands in the body only: Subjects are shown on locked screens and kept in logs."""
        text = self.sms_template.render(
            passcode=message.passcode, app=message.app, host=message.host, minutes=message.minutes
        )
        return f"Your sign-in code for {message.app}", f"{text}\n\nIf you did not try to sign in, tell your help desk."


def check_texts(settings: Settings, every_rules: Iterable[TextRules]) -> list[str]:
    """Every problem of the SMS text, for every gateway and for every app at its longest; empty if all is well."""
    try:
        template = parse_template(settings.sms.text)
    except WrongTemplate as error:
        return [f"sms.text: {error}"]
    problems = [problem for rules in every_rules for problem in _problems(settings, template, rules)]
    return list(dict.fromkeys(problems))


def _problems(settings: Settings, template: Template, rules: TextRules) -> list[str]:
    sign_in_host = settings.server.public_url.host
    places = [(each.name, each.host) for each in settings.apps] + [(sign_in_host, sign_in_host)]
    wrong = {}
    for app, host in places:
        text = template.render(
            passcode="0" * settings.passcode.digits,
            app=app,
            host=host,
            minutes=math.ceil(settings.passcode.lifetime / 60),
        )
        problem = wrong_with(text, rules)
        if problem is not None:
            wrong[app] = problem
    literal = "".join(template.pieces)
    own = wrong_with(literal.strip(), rules)
    if own is not None:
        return [f"sms.text: {own}"]  # no app's name is at fault
    return [f"sms.text: for the app {shown(app)}, {problem}" for app, problem in wrong.items()]
