"""The log: JSON lines on stderr (readable ones on a terminal), each value masked once more before it is written.

The parts of Gatepost log no secrets in the first place; `redact` is the second safety net. The standard library's
loggers (asyncio, aiohttp) use the same processors. Each part gets the logger as an argument.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

MASK = "[masked]"
AUDIT_ALONE = "login_name"
"""A field that the audit keeps, sealed (`proxy.audit.audited_log`), and no line of the log."""

_SECRET_WORDS = frozenset(
    (
        *("password", "passcode", "secret", "token", "cookie", "ticket"),
        *("subject", "authorization", "number", "mobile", "digest", "csrf"),
    )
)
"""The last word of a key decides: ``sms_number``, ``bind_password``."""
_SECRET_KEYS = frozenset(("session_id", "set_cookie", "cookies", "passwords", "numbers", "recipient", "key"))
_NUMBER = re.compile(r"\+[0-9](?:[ ().\-]{0,2}[0-9]){6,14}", re.ASCII)
_NUMBER_AS_ADDRESS = re.compile(r"(?<![0-9A-Za-z])[0-9]{7,15}(?=@)", re.ASCII)
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Control, line-separating and direction-changing characters: they forge lines or hide text on a terminal."""
_UNSAFE_IN_TRACEBACK = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_MAX_DEPTH = 6


def mask_number(number: str) -> str:
    """An E.164 number with all but its last three digits hidden: ``+*********456``."""
    digits = re.sub(r"[^0-9]", "", number)
    return "+" + "*" * max(len(digits) - 3, 0) + digits[-3:]


def redact(logger: Any, method: str, event: EventDict) -> EventDict:
    """A structlog processor: mask what stands under a secret's name and what looks like a number, escape the rest."""
    return {
        key: _text(value, _UNSAFE_IN_TRACEBACK)
        if key == "exception" and isinstance(value, str)
        else _redacted(key, value, 0)
        for key, value in event.items()
    }


def leave_out(logger: Any, method: str, event: EventDict) -> EventDict:
    """A structlog processor: what is for the audit alone, where there is none."""
    event.pop(AUDIT_ALONE, None)
    return event


class ErrorLines:
    """How many lines of level error were written, of this process. A structlog processor."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, logger: Any, method: str, event: EventDict) -> EventDict:
        if event.get("level") in ("error", "critical"):
            self.count += 1
        return event


def configure_log(
    stream: TextIO | None = None, *, human: bool | None = None, errors: ErrorLines | None = None
) -> FilteringBoundLogger:
    """The program's logger, writing to `stream` (stderr), in words for a `human` (by default: on a terminal); `errors`
    counts.

    Takes over the root logger, once per process.
    """
    out = stream if stream is not None else sys.stderr
    for_human = out.isatty() if human is None else human
    # Frames' local variables hold passwords: tracebacks show code and lines only.
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if for_human
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    shared: list[Processor] = [
        leave_out,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    if errors is not None:
        shared.append(errors)
    _route_standard_library(out, shared, renderer)
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(out),  # one write for each line, so that lines of several workers do not mix
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return logger


def _route_standard_library(stream: TextIO, shared: list[Processor], renderer: Processor) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, renderer],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # An access line holds the query, and a query may hold a ticket; mail.log (aiosmtpd) holds whole messages.
    for name in ("aiohttp.access", "mail.log"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    name = key.lower().replace("-", "_")
    return name in _SECRET_KEYS or name.rpartition("_")[2] in _SECRET_WORDS


def _redacted(key: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, (bool, float)):
        return value
    if _is_secret(key):
        return MASK
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return _text(value, _UNSAFE)
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {_text(str(each), _UNSAFE): _redacted(str(each), inner, depth + 1) for each, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted("", inner, depth + 1) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return _text(bytes(value).decode("ascii", "backslashreplace"), _UNSAFE)
    return _text(str(value), _UNSAFE)


def _text(text: str, unsafe: re.Pattern[str]) -> str:
    text = _NUMBER.sub(lambda match: mask_number(match[0]), text)
    text = _NUMBER_AS_ADDRESS.sub(lambda match: mask_number(match[0]), text)
    return unsafe.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
