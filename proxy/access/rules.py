"""An app's path rules: which one a request falls under, and what it requires. Pure; linear in the path.

The first rule whose path and method match decides; if none matches, the app's own groups do. What a rule requires
(networks, groups, a scheme) is required: a request without it is denied, and never passed to a later rule.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from config.addresses import Network
from config.client_kinds import ClientKind
from config.factors import Choice
from config.settings import AppSettings, PathRuleSettings, SchemeSettings
from proxy.access.networks import is_within, parse_address
from proxy.access.paths import Ambiguous, CanonicalPath, canonical_path, fold_case
from proxy.access.schemes import Freshness, freshness_of

Matcher = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """One rule, worked out."""

    key: tuple[str, int]
    """The app's name and the rule's position: the key of remembered decisions."""
    written: str = ""
    """Its path or pattern, as the configuration has it. Only a pattern holds a star."""
    matches: Matcher
    methods: frozenset[bytes] | None
    groups: tuple[str, ...] | None
    """Any one of these admits; None admits every signed-in person."""
    scheme: str
    """The required scheme, for the page; empty if there is none."""
    factors: tuple[Choice, ...]
    """What that scheme requires a session to have proven."""
    freshness: Freshness | None = None
    """Which of them must have been proven recently."""
    networks: tuple[Network, ...] | None
    is_public: bool
    clients: frozenset[ClientKind] = frozenset({ClientKind.BROWSER})

    def is_open_from(self, client_address: str) -> bool:
        """Whether the rule's networks hold the client; an address that cannot be parsed is in none."""
        return self.networks is None or is_within(parse_address(client_address), self.networks)


class AppRules:
    """All rules of one app, in their order.

    They are kept by how the paths that they match begin, so that a request meets only those that it may fall under.
    """

    __slots__ = ("_ignores_case", "_longest", "_rules", "_shortest", "has_methods")

    def __init__(self, rules: tuple[PathRule, ...], *, ignores_case: bool = False) -> None:
        """`ignores_case`: the rules match paths in lower case, and every path is read so."""
        self._ignores_case = ignores_case
        self.has_methods = any(rule.methods is not None for rule in rules)
        self._rules: dict[str, list[tuple[int, PathRule]]] = {}
        """By `_beginning`; with their positions, in their order."""
        for placed in enumerate(rules):
            self._rules.setdefault(_beginning(placed[1], ignores_case=ignores_case), []).append(placed)
        self._shortest = min(map(len, self._rules), default=0)
        self._longest = max(map(len, self._rules), default=0)

    def choose(self, method: bytes, target: bytes) -> PathRule | Ambiguous | None:
        """The rule that decides on this request; None: the app's own groups do."""
        path = self.path_of(target)
        if isinstance(path, Ambiguous):
            return path
        text, rules, longest = path.text, self._rules, self._longest
        chosen: PathRule | None = None
        before, end = sys.maxsize, text.find("/", self._shortest)
        while True:
            if end < 0:  # the whole of it comes last
                end, longest = len(text), 0
            for position, rule in rules.get(text[:end], ()):
                if position > before:
                    break
                if (rule.methods is None or method in rule.methods) and rule.matches(text):
                    before, chosen = position, rule
                    break
            if end >= longest:
                return chosen
            end = text.find("/", end + 1)

    def path_of(self, target: bytes) -> CanonicalPath | Ambiguous:
        """The one reading of a target's path that rules are matched on."""
        path = canonical_path(target)
        return fold_case(path) if self._ignores_case and isinstance(path, CanonicalPath) else path


def _beginning(rule: PathRule, *, ignores_case: bool) -> str:
    """Whole segments with which every path that the rule matches begins, each after its ``/``; empty: any path may
    match."""
    text = rule.written.casefold() if ignores_case else rule.written
    before, star, _ = text.partition("*")
    return before.rpartition("/")[0] if star else before.removesuffix("/")


def create_app_rules(app: AppSettings, schemes: Iterable[SchemeSettings]) -> AppRules | None:
    """The app's rules; None if it has none: then nobody looks at its paths.

    Raises `ValueError` for a scheme that is not there; the configuration's checks have said so before.
    """
    rules = rules_of(app, schemes)
    return AppRules(rules, ignores_case=app.ignore_case) if rules else None


def rules_of(app: AppSettings, schemes: Iterable[SchemeSettings]) -> tuple[PathRule, ...]:
    """In their order. Raises `ValueError` as `create_app_rules` does."""
    known = {scheme.name: scheme for scheme in schemes}
    return tuple(_rule(app, position, known) for position, _ in enumerate(app.rules))


def _rule(app: AppSettings, position: int, schemes: Mapping[str, SchemeSettings]) -> PathRule:
    settings = app.rules[position]
    if settings.scheme is not None and settings.scheme not in schemes:
        raise ValueError(f"no scheme {settings.scheme!r}")
    scheme = schemes[settings.scheme] if settings.scheme is not None else None
    return PathRule(
        key=(app.name, position),
        written=settings.path or settings.pattern or "",
        matches=create_matcher(settings, ignores_case=app.ignore_case),
        methods=_methods(settings),
        groups=settings.groups if settings.groups is not None else app.groups,
        scheme=settings.scheme or "",
        factors=scheme.factors if scheme is not None else (),
        freshness=freshness_of(scheme) if scheme is not None else None,
        networks=settings.networks,
        is_public=settings.public,
        clients=frozenset(settings.clients or app.clients),
    )


def _methods(settings: PathRuleSettings) -> frozenset[bytes] | None:
    """``GET`` covers ``HEAD``, which asks for the same without the body (RFC 9110 section 9.3.2)."""
    if settings.methods is None:
        return None
    methods = {method.encode("ascii") for method in settings.methods}
    return frozenset(methods | {b"HEAD"} if b"GET" in methods else methods)


def create_matcher(settings: PathRuleSettings, *, ignores_case: bool = False) -> Matcher:
    """Whether a canonical path, in lower case where the app `ignores_case`, falls under the rule.

    Many servers answer ``/admin`` and ``/admin/`` alike, so a rule that requires something covers both. A public
    rule, which gives something away, covers exactly what it says.
    """
    path, pattern = settings.path or "", settings.pattern
    if ignores_case:
        path, pattern = path.casefold(), pattern.casefold() if pattern is not None else None
    exact = _pattern_matcher(pattern) if pattern is not None else _path_matcher(path)
    if settings.public:
        return exact
    return lambda path: exact(path) or exact(path.removesuffix("/") if path.endswith("/") else path + "/")


def _path_matcher(path: str) -> Matcher:
    if path.endswith("/"):
        return lambda asked: asked.startswith(path)
    return lambda asked: asked == path


def _pattern_matcher(pattern: str) -> Matcher:
    """Segment by segment: ``*`` stands for a part of one (once in each), a whole ``**`` for any number (once)."""
    segments = pattern.split("/")[1:]
    if "**" not in segments:
        whole = [_segment_matcher(segment) for segment in segments]
        return lambda path: _all_match(whole, path.split("/")[1:])
    at = segments.index("**")
    first = [_segment_matcher(segment) for segment in segments[:at]]
    last = [_segment_matcher(segment) for segment in segments[at + 1 :]]

    def matches(path: str) -> bool:
        asked = path.split("/")[1:]
        if len(asked) < len(first) + len(last):
            return False
        end = len(asked) - len(last)
        return _all_match(first, asked[: len(first)]) and _all_match(last, asked[end:])

    return matches


def _all_match(matchers: list[Matcher], segments: list[str]) -> bool:
    return len(matchers) == len(segments) and all(
        matches(segment) for matches, segment in zip(matchers, segments, strict=True)
    )


def _segment_matcher(segment: str) -> Matcher:
    before, star, after = segment.partition("*")
    if not star:
        return lambda asked: asked == segment
    shortest = max(1, len(before) + len(after))
    return lambda asked: len(asked) >= shortest and asked.startswith(before) and asked.endswith(after)
