"""Rules of apps that take upper and lower case in paths alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import AppSettings
from proxy.access.paths import Ambiguous
from proxy.access.rules import AppRules, create_app_rules


def rules_of(*rules: dict[str, Any], ignore_case: bool = True) -> AppRules:
    values = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "rules": rules}
    found = create_app_rules(AppSettings.model_validate({**values, "ignore_case": ignore_case}), ())
    assert found is not None
    return found


def chosen(rules: AppRules, target: str) -> object:
    found = rules.choose(b"GET", target.encode("ascii"))
    return found if found is None or isinstance(found, Ambiguous) else found.key[1]


@pytest.mark.parametrize("target", ["/admin/x", "/ADMIN/x", "/aDmIn/X", "/%41dmin/x", "/Admin", "/ADMIN"])
def test_a_path_is_matched_in_every_case(target: str) -> None:
    for path in ("/admin/", "/Admin/", "/ADMIN/"):
        assert chosen(rules_of({"path": path}), target) == 0
        strict = rules_of({"path": path}, ignore_case=False)
        assert (chosen(strict, target) == 0) is target.replace("%41", "A").startswith(path.rstrip("/"))


def test_a_pattern_is_matched_in_every_case() -> None:
    rules = rules_of({"pattern": "/Projects/*/Settings/**"})
    assert chosen(rules, "/pROJECTS/x/sETTINGS/y") == 0
    assert chosen(rules, "/pROJECTS/x/y") is None


def test_the_order_of_rules_stays() -> None:
    rules = rules_of({"path": "/Public/", "public": True}, {"path": "/public/admin/"}, {"path": "/"})
    assert [chosen(rules, target) for target in ("/PUBLIC/admin/", "/public", "/x")] == [0, 2, 2]


@pytest.mark.parametrize("letter", ["\xe9", "\xc9", "\u0416", "\u0436"])
def test_letters_of_other_scripts_are_folded_too(letter: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in letter.encode())
    for path in (letter.lower(), letter.upper()):
        assert chosen(rules_of({"path": f"/{path}/"}), f"/{escaped}/x") == 0


@pytest.mark.parametrize("letter", ["\u0131", "\u0130", "\u017f", "\xdf", "\u1e9e", "\u03c2", "\xb5", "\ufb01"])
def test_a_letter_that_servers_fold_in_different_ways_has_no_reading(letter: str) -> None:
    """A dotless i is an i to one server and none to another: ``/adm%C4%B1n`` would be two paths."""
    escaped = "".join(f"%{byte:02X}" for byte in letter.encode())
    assert isinstance(chosen(rules_of({"path": "/admin/"}), f"/{escaped}"), Ambiguous)
    assert chosen(rules_of({"path": "/admin/"}, ignore_case=False), f"/{escaped}") is None


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5))
def test_whatever_is_accepted_is_chosen_alike_in_every_case(text: str) -> None:
    rules = rules_of({"path": "/admin/"})
    readings = set()
    for spelling in (text, text.upper(), text.lower(), text.casefold(), text.swapcase(), text.title()):
        path = rules.path_of(("/" + "".join(f"%{byte:02X}" for byte in spelling.encode())).encode())
        if isinstance(path, Ambiguous):
            continue
        readings.add(path)
    first = rules.path_of(("/" + "".join(f"%{byte:02X}" for byte in text.encode())).encode())
    assert isinstance(first, Ambiguous) or readings == {first}
