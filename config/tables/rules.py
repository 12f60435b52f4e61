"""`[[apps.rules]]`: who may reach which part of an app, and what of it cannot be or is seldom meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator

from config.addresses import Network
from config.client_kinds import ClientKind
from config.frozen_table import FrozenTable
from config.values import Flag, NotEmpty, Text, matching


def _check_rule_path(value: str) -> str:
    """Written as rules are matched: decoded, in the one form that a request may have (`proxy.access.paths`)."""
    segments = value.split("/")[1:]
    if not value.startswith("/") or not value.isprintable():
        raise ValueError('not a path: write "/admin/" for all below it, or "/admin/users" for exactly that')
    if any(sign in value for sign in "\\%;?#") or unicodedata.normalize("NFC", value) != value:
        raise ValueError("must be written decoded, without query, parameters, backslashes and percent signs")
    if "" in segments[:-1] or any(segment.endswith((".", " ")) for segment in segments):
        raise ValueError("has an empty segment, or one that ends in a dot or a space: no request gets so far")
    return value


def _check_rule_pattern(value: str) -> str:
    segments = _check_rule_path(value).split("/")
    if "*" not in value:
        raise ValueError('has no "*": write it as path')
    if segments.count("**") > 1 or any(segment.count("*") > 1 for segment in segments if segment != "**"):
        raise ValueError('may hold one "*" in each segment, and one "**" that is a segment of its own')
    return value


def _check_plain_rule_path(value: str) -> str:
    if "*" in value:
        raise ValueError('holds a "*": write it as pattern')
    return _check_rule_path(value)


def has_one_folding(text: str) -> bool:
    """Whether all servers that ignore case read this text alike: a dotless i or a sharp s, for example, has several
    forms."""
    return text.isascii() or all(sign.isascii() or _is_folded_alike(sign) for sign in text)


def _is_folded_alike(sign: str) -> bool:
    folded = sign.casefold()
    return len(folded) == 1 and not folded.isascii() and folded == sign.lower() == sign.upper().lower()


def _check_clients(clients: tuple[ClientKind, ...]) -> tuple[ClientKind, ...]:
    if len(set(clients)) < len(clients):
        raise ValueError("names the same thing twice")
    return clients


Clients = Annotated[tuple[ClientKind, ...], NotEmpty, AfterValidator(_check_clients)]
Method = Annotated[str, matching(r"[A-Z][A-Z-]{0,31}", 'not a method: write it in capitals, such as "GET"')]
RulePath = Annotated[str, AfterValidator(_check_plain_rule_path)]
RulePattern = Annotated[str, AfterValidator(_check_rule_pattern)]


class PathRuleSettings(FrozenTable):
    """Who may reach a part of an app. `path` or `pattern`, and `methods`, choose; the other keys are asked for."""

    path: RulePath | None = None
    """With a `/` at its end: everything below it. Without: exactly this path. Written decoded. A rule has a `path` or a
    `pattern`."""
    pattern: RulePattern | None = None
    """A path in which `*` stands for a part of one segment, and a segment `**` for any number of segments."""
    methods: Annotated[tuple[Method, ...], NotEmpty] | None = None
    """The methods that it is for, in capitals. `GET` covers `HEAD` too. Not set: all."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Members of any of these groups may reach it. Not set: the app's groups."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme too."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """A request from elsewhere is denied. Not set: from everywhere."""
    clients: Clients | None = None
    """Fewer than the app's `clients`. Not set: the same."""
    public: Flag = False
    """Whether nobody has to sign in. The app is still told about a signed-in person who may use it."""


def path_problems(rule: PathRuleSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of what makes a rule mean nothing, or two things."""
    if rule.path is None and rule.pattern is None:
        yield "path", 'is missing (or give pattern): write "/" for everything'
    if rule.path is not None and rule.pattern is not None:
        yield "pattern", "path is given too: keep one of them"


def public_problems(rule: PathRuleSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of what a public rule ignores."""
    for key in ("groups", "scheme", "clients"):
        if rule.public and getattr(rule, key) is not None:
            yield key, "means nothing where public = true: nobody is asked who they are"


def clients_problems(rule: PathRuleSettings, of_app: tuple[ClientKind, ...]) -> Iterator[tuple[str, str]]:
    """Key and sentence of what a rule would open that the app does not."""
    for kind in rule.clients or ():
        if kind not in of_app:
            yield "clients", f'"{kind.value}" is none of the app\'s clients: a rule can only take some away'


def case_problems(rule: PathRuleSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence of what cannot be matched with `ignore_case`."""
    key, text = ("pattern", rule.pattern) if rule.pattern is not None else ("path", rule.path or "")
    if not has_one_folding(text):
        yield key, "has letters whose case servers ignore in different ways: no request gets so far with ignore_case"


def rule_warnings(rules: Sequence[PathRuleSettings], *, ignore_case: bool) -> Iterator[str]:
    """What of the rules of an app works, but is seldom meant."""
    for number, rule in enumerate(rules):
        name = f"rules[{number}]"
        earlier = (each for each in range(number) if _covers(rules[each], rule, ignore_case=ignore_case))
        shadow = next(earlier, None)
        if shadow is not None:
            yield f"{name}: is never used: rules[{shadow}] matches all that it is for"
        if rule.public and (rule.path == "/" or (rule.pattern or "").startswith("/**")):
            yield f"{name}: opens the app to everybody, without a sign-in"


def _covers(earlier: PathRuleSettings, later: PathRuleSettings, *, ignore_case: bool) -> bool:
    """Whether every request that `later` is for falls under `earlier`, as far as that can be read off the text."""
    if earlier.methods is not None and (later.methods is None or not set(later.methods) <= set(earlier.methods)):
        return False
    path, pattern, later_path, later_pattern = (
        text.casefold() if ignore_case and text is not None else text
        for text in (earlier.path, earlier.pattern, later.path, later.pattern)
    )
    if pattern is not None:
        return pattern == "/**" or pattern == later_pattern
    path = path or ""
    if path.endswith("/"):
        # What stands before the first star is in every path that the pattern matches.
        return (later_path or (later_pattern or "").partition("*")[0]).startswith(path)
    return later_path == path
