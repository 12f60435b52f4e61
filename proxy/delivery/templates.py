"""The text of a passcode message: four placeholders, nothing evaluated, and checked before the first person signs in.

`str.format` is never called: its ``{passcode.__class__}`` reads attributes. A template is cut into pieces once
and joined for each message.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from string import Formatter

from config.settings import Settings
from proxy.delivery.errors import WrongTemplate
from proxy.delivery.gsm7 import gsm7_length, not_gsm7
from proxy.delivery.presets import GatewayPreset, preset_named

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


def wrong_with(text: str, preset: GatewayPreset) -> str | None:
    """What stops a rendered text from arriving as it is through this SMS gateway, or None.

    A Subject is one line, and one character outside ASCII would turn it into an encoded word (RFC 2047) that
    gateways send on as it stands; a text that already looks like one would be decoded on the way.
    """
    if preset.gsm7:
        odd = not_gsm7(text)
        if odd is not None:
            return f"the character {_shown(odd)} is not in the GSM alphabet"
    if preset.text_in == "subject":
        odd = next((each for each in text if not (each.isascii() and each.isprintable())), None)
        if odd is not None:
            return (
                f"the character {_shown(odd)} can't be sent in a Subject, and {preset.name} takes the text from there"
            )
        if "=?" in text:
            return 'the characters "=?" start an encoded word in a Subject'
        if text != text.strip():
            return "a Subject must not begin or end with a space"
    length = (gsm7_length(text) or 0) if preset.gsm7 else len(text)
    if length > preset.max_characters:
        return f"{length} characters are too long: {preset.name} takes {preset.max_characters}"
    return None


def check_texts(settings: Settings) -> list[str]:
    """Every problem of the SMS text, for every app at its longest; empty if all is well. Run at every start."""
    preset = preset_named(settings.sms.gateway)
    if preset is None:
        return []  # that is a problem of `sms.gateway`, which `create_channel` states
    try:
        template = parse_template(settings.sms.text)
    except WrongTemplate as error:
        return [f"sms.text: {error}"]

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
        problem = wrong_with(text, preset)
        if problem is not None:
            wrong[app] = problem
    literal = "".join(template.pieces)
    own = wrong_with(literal.strip(), preset)
    if own is not None:
        return [f"sms.text: {own}"]  # no app's name is at fault
    return [f"sms.text: for the app {_shown(app)}, {problem}" for app, problem in wrong.items()]


def _shown(text: str) -> str:
    """Readable in an error, and unambiguous: printable text as it is, anything else by its code point."""
    if len(text) == 1:
        return f'"{text}" (U+{ord(text):04X})' if text.isprintable() else f"U+{ord(text):04X}"
    return f'"{text}"'
