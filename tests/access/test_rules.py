"""Which rule a request falls under."""

from __future__ import annotations

import fnmatch
import re
import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import Factor
from config.settings import AppSettings, SchemeSettings
from proxy.access.paths import Ambiguous
from proxy.access.rules import AppRules, PathRule, create_app_rules
from proxy.access.rules import rules_of as all_rules_of

SCHEMES = (
    SchemeSettings(name="browser", factors=("password", "sms")),
    SchemeSettings(name="weak", factors=("password",)),
)


def an_app(*rules: dict[str, Any], **keys: Any) -> AppSettings:
    needed = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"}
    return AppSettings.model_validate({**needed, "rules": rules, **keys})


def rules_of(*rules: dict[str, Any], groups: tuple[str, ...] | None = ("Wiki Users",)) -> AppRules:
    found = create_app_rules(an_app(*rules, groups=groups), SCHEMES)
    assert found is not None
    return found


def chosen(rules: AppRules, target: bytes, method: bytes = b"GET") -> int | None:
    rule = rules.choose(method, target)
    assert not isinstance(rule, Ambiguous)
    return None if rule is None else rule.key[1]


def is_for(target: bytes, **rule: Any) -> bool:
    return chosen(rules_of(rule), target) == 0


def test_an_app_without_rules_has_none() -> None:
    app = AppSettings.model_validate({"name": "W", "host": "w.example", "upstream": "http://127.0.0.1:1"})
    assert create_app_rules(app, SCHEMES) is None


def test_the_first_that_matches_decides() -> None:
    rules = rules_of({"path": "/a/b"}, {"path": "/a/"}, {"path": "/"})
    assert [chosen(rules, target) for target in (b"/a/b", b"/a/c", b"/c")] == [0, 1, 2]


@pytest.mark.parametrize("is_public", [False, True])
@pytest.mark.parametrize(
    ("path", "target", "matches"),
    [
        ("/admin/", b"/admin/x", True),
        ("/admin/", b"/admin/", True),
        ("/admin/", b"/administrator", False),
        ("/admin/", b"/Admin/x", False),
        ("/admin/", b"/x/admin/", False),
        ("/admin/", b"/%61dmin/x", True),
        ("/admin/", b"/x?/admin/", False),
        ("/admin", b"/admin", True),
        ("/admin", b"/admin?x", True),
        ("/admin", b"/admin/x", False),
        ("/admin", b"/adminx", False),
        ("/caf\u00e9/", b"/caf%C3%A9/x", True),
        ("/", b"/", True),
        ("/", b"/x", True),
    ],
)
def test_a_path_is_a_prefix_if_it_ends_in_a_slash(path: str, target: bytes, matches: bool, is_public: bool) -> None:
    assert is_for(target, path=path, public=is_public) is matches


@pytest.mark.parametrize(
    ("rule", "target"),
    [({"path": "/admin/"}, b"/admin"), ({"path": "/admin"}, b"/admin/"), ({"pattern": "/*/admin"}, b"/x/admin/")],
)
def test_a_slash_at_the_end_is_no_way_around_a_rule_and_no_way_into_a_public_one(
    rule: dict[str, Any], target: bytes
) -> None:
    assert is_for(target, **rule)
    assert not is_for(target, **rule, public=True)


@pytest.mark.parametrize(
    ("pattern", "target", "matches"),
    [
        ("/*", b"/a", True),
        ("/*", b"/", False),
        ("/*", b"/a/b", False),
        ("/*/edit", b"/a/edit", True),
        ("/*/edit", b"/a/b/edit", False),
        ("/a*z", b"/az", True),
        ("/a*z", b"/abz", True),
        ("/a*a", b"/a", False),
        ("/*.php", b"/x.php", True),
        ("/*.php", b"/x/y.php", False),
        ("/**/*.php", b"/x.php", True),
        ("/**/*.php", b"/x/y/z.php", True),
        ("/**/*.php", b"/x.php/y", False),
        ("/a/**", b"/a", True),
        ("/a/**", b"/a/", True),
        ("/a/**", b"/a/b/c", True),
        ("/a/**", b"/ab", False),
        ("/a/**/b", b"/a/b", True),
        ("/a/**/b", b"/a/x/y/b", True),
        ("/a/**/b", b"/a/x", False),
        ("/**", b"/", True),
        ("/*.php", b"/xAphp", False),
    ],
)
def test_a_pattern_goes_segment_by_segment(pattern: str, target: bytes, matches: bool) -> None:
    assert is_for(target, pattern=pattern, public=True) is matches


segment = st.text(alphabet="ab", max_size=3)


@given(
    st.lists(st.one_of(segment, st.tuples(segment, segment).map("*".join)), min_size=1, max_size=4),
    st.lists(segment, min_size=1, max_size=4),
)
def test_a_pattern_without_a_double_star_agrees_with_fnmatch(pattern: list[str], path: list[str]) -> None:
    text = "/" + "/".join(pattern)
    target = "/" + "/".join(path)
    if "*" not in text or "//" in text or "//" in target:
        return
    # fnmatch's star is any number of signs; alone in a segment ours is at least one.
    expected = len(pattern) == len(path) and all(
        re.fullmatch(fnmatch.translate(one), other) is not None and not (one == "*" and not other)
        for one, other in zip(pattern, path, strict=True)
    )
    assert is_for(target.encode(), pattern=text, public=True) is expected


part = st.sampled_from(["a", "b", "ab", "B", "\u00e9"])
star = st.sampled_from(["*", "a*", "*b", "**", "a*b"])
ending = st.sampled_from(["", "/"])
paths = st.builds(lambda parts, end: "/" + "/".join(parts) + (end if parts else ""), st.lists(part, max_size=3), ending)
patterns = st.builds(
    lambda parts, end: "/" + "/".join(parts) + end, st.lists(part | star, min_size=1, max_size=4), ending
).filter(lambda text: "*" in text and text.split("/").count("**") < 2)
written_rules = st.builds(
    lambda where, methods, public: {**where, "methods": methods, "public": public},
    paths.map(lambda text: {"path": text}) | patterns.map(lambda text: {"pattern": text}),
    st.sampled_from([None, ["GET"], ["POST", "PUT"]]),
    st.booleans(),
)


@given(
    st.lists(written_rules, min_size=1, max_size=12),
    st.lists(paths, min_size=1, max_size=8),
    st.sampled_from([b"GET", b"HEAD", b"POST", b"OTHER"]),
    st.booleans(),
)
def test_the_same_rule_is_chosen_as_by_trying_one_after_the_other(
    rules: list[dict[str, Any]], asked: list[str], method: bytes, ignore_case: bool
) -> None:
    app = an_app(*rules, ignore_case=ignore_case)
    found = create_app_rules(app, SCHEMES)
    assert found is not None
    for text in asked:
        path = text.casefold() if ignore_case else text
        in_turn = (
            rule.key[1]
            for rule in all_rules_of(app, SCHEMES)
            if (rule.methods is None or method in rule.methods) and rule.matches(path)
        )
        assert chosen(found, quote(text).encode(), method) == next(in_turn, None)


def test_a_request_meets_only_rules_that_it_may_fall_under() -> None:
    """However many there are."""
    met: list[str] = []

    def noting(rule: PathRule) -> PathRule:
        def matches(path: str) -> bool:
            met.append(rule.written)
            return rule.matches(path)

        return replace(rule, matches=matches)

    written = [{"path": f"/part{number}/"} for number in range(1000)]
    app = an_app(*written, {"pattern": "/part7/*.php"}, {"pattern": "/*.cgi"}, {"path": "/"})
    rules = AppRules(tuple(map(noting, all_rules_of(app, SCHEMES))))
    assert chosen(rules, b"/part999/page") == 999
    assert met == ["/*.cgi", "/", "/part999/"]


def test_matching_a_hostile_path_is_quick() -> None:
    rules = rules_of(*({"pattern": f"/a*a/**/a*{number}"} for number in range(50)))
    target = b"/" + b"a/" * 4000 + b"a" * 8000
    start = time.process_time()
    assert chosen(rules, target) is None
    assert time.process_time() - start < 0.5


def test_methods_choose_and_get_is_head_too() -> None:
    rules = rules_of({"path": "/", "methods": ["POST", "DELETE"]}, {"path": "/a", "methods": ["GET"]})
    assert chosen(rules, b"/a", b"POST") == 0
    assert chosen(rules, b"/a", b"GET") == chosen(rules, b"/a", b"HEAD") == 1
    assert chosen(rules, b"/a", b"PUT") is None
    assert chosen(rules, b"/a", b"post") is None


def only(**rule: Any) -> PathRule:
    found = rules_of({"path": "/", **rule}).choose(b"GET", b"/")
    assert isinstance(found, PathRule)
    return found


def test_a_rule_without_groups_asks_for_the_apps() -> None:
    assert only().groups == ("Wiki Users",)
    assert only(groups=["A"]).groups == ("A",)


def test_a_scheme_stands_for_its_factors() -> None:
    assert only().factors == ()
    assert only(scheme="browser").factors == ((Factor.PASSWORD,), (Factor.SMS,))


def test_a_scheme_that_is_not_there_is_no_rule_without_one() -> None:
    with pytest.raises(ValueError, match="no scheme"):
        only(scheme="gone")


def test_networks_hold_addresses_and_nothing_else() -> None:
    rule = only(networks=["10.0.0.0/8"])
    assert rule.is_open_from("10.1.2.3")
    assert rule.is_open_from("::ffff:10.1.2.3")
    for elsewhere in ("192.0.2.1", "", "unknown", "10.0.0.0/8"):
        assert not rule.is_open_from(elsewhere)
    assert only().is_open_from("anywhere")


@pytest.mark.parametrize("target", [b"/admin/../x", b"/x/..%2fadmin/", b"//admin/", b"/admin;x/", b"/admin%2fx"])
def test_a_path_with_two_readings_falls_under_no_rule_not_even_a_public_one(target: bytes) -> None:
    assert isinstance(rules_of({"path": "/", "public": True}).choose(b"GET", target), Ambiguous)
