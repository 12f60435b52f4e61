"""An app, or a part of one, that asks for a passcode proven recently: exact to the instant, on every request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.factors import Factor
from config.settings import AppSettings, SchemeSettings
from proxy.access.rules import Ambiguous, PathRule, create_app_rules
from proxy.access.schemes import AppDemand, create_app_demand
from proxy.factors.proof import Proof
from proxy.forwarding.admissions import Admissions, Admit, DenyFactors, decide, is_still_open
from tests.support.people import NOW, session

FRESH = 600.0
SCHEMES = (
    SchemeSettings(name="browser", factors=("password", "sms")),
    SchemeSettings(name="strong", factors=("password", "sms"), fresh=FRESH),
)
ALICE = session(proven=(Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW + 5)))


class Signer:
    def sign(self, *_: object) -> bytes:
        return b"x"


def app_with(**more: Any) -> AppSettings:
    return AppSettings.model_validate(
        {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", **more}
    )


def whole_app() -> tuple[AppSettings, PathRule | None, AppDemand | None]:
    app = app_with(scheme="strong")
    return app, None, create_app_demand(app, SCHEMES)


def part_of_it() -> tuple[AppSettings, PathRule | None, AppDemand | None]:
    app = app_with(scheme="browser", rules=[{"path": "/pay/", "scheme": "strong"}])
    rules = create_app_rules(app, SCHEMES)
    assert rules is not None
    rule = rules.choose(b"GET", b"/pay/out")
    assert rule is not None
    assert not isinstance(rule, Ambiguous)
    return app, rule, create_app_demand(app, SCHEMES)


@pytest.mark.parametrize("place", [whole_app, part_of_it])
def test_a_passcode_counts_until_it_is_too_old(place: Any) -> None:
    asked = place()
    assert decide(ALICE, *asked, now=NOW + 5 + FRESH - 0.001) == Admit()
    assert decide(ALICE, *asked, now=NOW + 5 + FRESH) == DenyFactors("strong")
    again = replace(ALICE, proven=(Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW + 500)))
    assert decide(again, *asked, now=NOW + 5 + FRESH) == Admit()


def test_where_the_scheme_is_not_named_no_proof_grows_old() -> None:
    app = app_with(scheme="browser")
    assert decide(ALICE, app, None, create_app_demand(app, SCHEMES), now=NOW + 40_000) == Admit()
    assert decide(ALICE, app_with(), None, None, now=NOW + 40_000) == Admit()


@pytest.mark.parametrize("place", [whole_app, part_of_it])
def test_what_is_kept_of_a_decision_ends_with_the_proof(place: Any) -> None:
    """Else it would be passed over for half an assertion's life."""
    admissions = Admissions(Signer())  # type: ignore[arg-type]
    app, rule, demand = place()
    stale_at = NOW + 5 + FRESH
    assert admissions.get(ALICE, app, stale_at - 10, rule, demand).is_admitted
    assert admissions.get(ALICE, app, stale_at - 0.001, rule, demand).is_admitted
    assert not admissions.get(ALICE, app, stale_at, rule, demand).is_admitted
    denied = admissions.get(ALICE, app, stale_at + 1, rule, demand)
    assert denied is admissions.get(ALICE, app, stale_at + 2, rule, demand)


@pytest.mark.parametrize("place", [whole_app, part_of_it])
def test_what_is_open_stays_open(place: Any) -> None:
    assert is_still_open(ALICE, *place())
    assert not is_still_open(session(proven=(Proof(Factor.PASSWORD, NOW),), factors=((Factor.PASSWORD,),)), *place())
