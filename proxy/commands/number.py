"""`gatepost number`: what Gatepost makes of the text of a `mobile` field.

One line per text: the text, a TAB, the E.164 number or ``!`` and the reason. So that it stays one line, control
characters, line separators, direction overrides, lone surrogates and the backslash are written as escapes. The JSON
form also has both readings of an ambiguous text.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

import phonenumbers
from pydantic import ValidationError

from config.load import load_mobile
from config.settings import MobileSettings
from directory.mobile import UnusableNumber, UsableNumber, first_usable
from proxy.commands.config_option import USUAL_FILE, named_file

_DEFAULTS = MobileSettings()
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home-region",
        type=_region,
        metavar="GB",
        help=f"whose numbers may begin with 0 (default: the configuration's, else {_DEFAULTS.home_region})",
    )
    parser.add_argument(
        "--allow",
        type=_countries,
        metavar="COUNTRIES",
        help=f'such as "GB GG JE IM", or "*" for all (default: the configuration\'s, else '
        f"{' '.join(_DEFAULTS.allowed_countries)})",
    )
    parser.add_argument(
        "--extra-range",
        action="append",
        type=_extra_range,
        metavar="+447700900",
        help="accept numbers that begin like this (default: the configuration's); may be repeated",
    )
    parser.add_argument(
        "--json", action="store_true", help='print JSON objects; with "-" as TEXT, read one JSON string a line'
    )
    parser.add_argument("text", nargs="+", metavar="TEXT", help="as typed in AD")


def run(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> int:
    """Print what each text is. 1 if one is unusable; 2 if the configuration or a line of input is.

    Raises `ConfigurationError`.
    """
    settings = _settings(arguments, os.environ)
    texts = _json_lines(stdin) if arguments.json and arguments.text == ["-"] else iter(arguments.text)
    line = _json_line if arguments.json else _plain_line
    try:
        are_usable = True
        for text in texts:
            outcome = first_usable([text], settings)
            are_usable = are_usable and isinstance(outcome, UsableNumber)
            print(line(text, outcome), file=stdout)
    except _BadInput as error:
        stdout.flush()
        print(f"gatepost number: {error}", file=sys.stderr)
        return 2
    return 0 if are_usable else 1


def _settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> MobileSettings:
    """As in the configuration's `[mobile]`, if there is one that was named or is in the usual place, and as typed.

    The rest of the file is not judged: the user may not be allowed to read Gatepost's secrets.
    """
    file = named_file(arguments.config, environ) or (USUAL_FILE if USUAL_FILE.exists() else None)
    typed = {
        "home_region": arguments.home_region,
        "allowed_countries": arguments.allow,
        "extra_ranges": tuple(arguments.extra_range) if arguments.extra_range else None,
    }
    configured = load_mobile(file, environ) if file is not None else _DEFAULTS
    return configured.model_copy(update={key: value for key, value in typed.items() if value is not None})


class _BadInput(Exception):
    """A line of the input that is not one JSON string; says which."""


def _json_lines(stdin: TextIO) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(stdin, start=1):
            try:
                text = json.loads(line)
            except (ValueError, RecursionError):
                raise _BadInput(f"line {number} is not JSON: write one JSON string a line") from None
            if not isinstance(text, str):
                raise _BadInput(f"line {number} is not a JSON string")
            yield text
    except UnicodeDecodeError:
        raise _BadInput(f"the input is not UTF-8 text, somewhere after line {number}") from None


def _json_line(text: str, outcome: UsableNumber | UnusableNumber) -> str:
    if isinstance(outcome, UsableNumber):
        return json.dumps({"text": text, "e164": outcome.e164})
    readings = {"readings": outcome.readings} if outcome.readings else {}
    return json.dumps({"text": text, "reason": outcome.reason.value, **readings})


def _plain_line(text: str, outcome: UsableNumber | UnusableNumber) -> str:
    result = outcome.e164 if isinstance(outcome, UsableNumber) else f"!{outcome.reason.value}"
    return f"{''.join(map(_shown, text))}\t{result}"


def _shown(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _DIRECTION_OVERRIDES:
        return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
    return char


def _region(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise argparse.ArgumentTypeError(f"{value!r} is not a country, such as GB")
    return value


def _countries(value: str) -> Sequence[str]:
    return _checked("allowed_countries", tuple(value.replace(",", " ").split()))


def _extra_range(value: str) -> str:
    return _checked("extra_ranges", (value,))[0]


def _checked(key: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """By the rules of the configuration's `[mobile]` table."""
    try:
        MobileSettings.model_validate({key: values})
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise argparse.ArgumentTypeError(str(found.get("ctx", {}).get("error", found["type"]))) from None
    return values
