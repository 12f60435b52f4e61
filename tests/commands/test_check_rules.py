"""What `gatepost check` says of an app's rules."""

from __future__ import annotations

from config.settings import AppSettings
from proxy.commands.check import rule_case


def app(**values: object) -> AppSettings:
    return AppSettings.model_validate(
        {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", **values}
    )


def test_it_says_how_rules_take_upper_and_lower_case() -> None:
    rules = ({"path": "/admin/"},)
    (strict,) = rule_case(app(rules=rules))
    assert (strict.ok, strict.subject) == (True, "app Wiki, rules")
    assert "tell /Admin/ from /admin/" in strict.detail
    assert "Express" in strict.detail
    assert "IIS" in strict.detail
    assert strict.detail.endswith("set ignore_case = true")
    (loose,) = rule_case(app(rules=rules, ignore_case=True))
    assert loose.detail == "match /Admin/ and /admin/ alike (ignore_case = true)"
    assert rule_case(app()) == []
