"""What has to agree in `[[apps.rules]]`, and what of it is seldom meant: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from config.rule_values import has_one_folding
from config.schema import Place, nearest
from config.settings import AppSettings, PathRuleSettings, SchemeSettings


def rule_problems(
    apps: Mapping[int, AppSettings], schemes: Mapping[int, SchemeSettings]
) -> Iterator[tuple[Place, str]]:
    """Everything that makes a rule mean nothing, or two things."""
    # Without any [[schemes]] there is one, of this name.
    known = {scheme.name for scheme in schemes.values()} or {"browser"}
    for position, app in apps.items():
        for number, rule in enumerate(app.rules):
            for key, message in (*_rule_problems(rule, known), *_case_problems(rule, app)):
                yield Place("apps", position, f"rules[{number}].{key}"), message


def _rule_problems(rule: PathRuleSettings, schemes: set[str]) -> Iterator[tuple[str, str]]:
    if rule.path is None and rule.pattern is None:
        yield "path", 'is missing (or give pattern): write "/" for everything'
    if rule.path is not None and rule.pattern is not None:
        yield "pattern", "path is given too: keep one of them"
    if rule.scheme is not None and rule.scheme not in schemes:
        yield "scheme", f'there is no scheme "{rule.scheme}"' + nearest(rule.scheme, schemes)
    if rule.public:
        for key in ("groups", "scheme"):
            if getattr(rule, key) is not None:
                yield key, "means nothing where public = true: nobody is asked who they are"


def _case_problems(rule: PathRuleSettings, app: AppSettings) -> Iterator[tuple[str, str]]:
    key, text = ("pattern", rule.pattern) if rule.pattern is not None else ("path", rule.path or "")
    if app.ignore_case and not has_one_folding(text):
        yield key, "has letters whose case servers ignore in different ways: no request gets so far with ignore_case"


def rule_warnings(apps: Sequence[AppSettings]) -> Iterator[str]:
    """What works, but is seldom meant."""
    for app in apps:
        for number, rule in enumerate(app.rules):
            name = f'apps ("{app.name}"): rules[{number}]'
            shadow = next((each for each in range(number) if _covers(app.rules[each], rule, app)), None)
            if shadow is not None:
                yield f"{name}: is never used: rules[{shadow}] matches all that it is for"
            if rule.public and (rule.path == "/" or (rule.pattern or "").startswith("/**")):
                yield f"{name}: opens the app to everybody, without a sign-in"


def _covers(earlier: PathRuleSettings, later: PathRuleSettings, app: AppSettings) -> bool:
    """Whether every request that `later` is for falls under `earlier`, as far as that can be read off the text."""
    if earlier.methods is not None and (later.methods is None or not set(later.methods) <= set(earlier.methods)):
        return False
    path, pattern, later_path, later_pattern = (
        text.casefold() if app.ignore_case and text is not None else text
        for text in (earlier.path, earlier.pattern, later.path, later.pattern)
    )
    if pattern is not None:
        return pattern == "/**" or pattern == later_pattern
    path = path or ""
    if path.endswith("/"):
        # What stands before the first star is in every path that the pattern matches.
        return (later_path or (later_pattern or "").partition("*")[0]).startswith(path)
    return later_path == path
