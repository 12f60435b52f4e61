"""A session that was begun with a pass: the apps of the pass, and nothing else."""

from __future__ import annotations

from typing import Any

from config.factors import Factor
from config.settings import AppSettings, SchemeSettings
from proxy.access.rules import Ambiguous, create_app_rules
from proxy.access.schemes import create_app_demand
from proxy.forwarding.admissions import Admissions, Admit, DenyConfined, DenyFactors, decide, is_still_open
from tests.store.contract.passes import begun_with_a_pass
from tests.support.people import NOW, session

ALICE = begun_with_a_pass()
DENIED = DenyConfined(("Wiki", "Forms"))


class Signer:
    def sign(self, *_: object) -> bytes:
        return b"x"


def app(name: str, **more: Any) -> AppSettings:
    host = f"{name.lower()}.corp.example"
    return AppSettings.model_validate({"name": name, "host": host, "upstream": "http://127.0.0.1:1", **more})


def test_it_opens_the_apps_of_the_pass_and_no_others() -> None:
    assert decide(ALICE, app("Wiki"), now=NOW) == Admit()
    assert decide(ALICE, app("Forms"), now=NOW) == Admit()
    assert decide(ALICE, app("Payroll"), now=NOW) == DENIED
    assert decide(session(), app("Payroll"), now=NOW) == Admit()


def test_no_rule_opens_another_app_and_no_tunnel_stays_open_there() -> None:
    payroll = app("Payroll", rules=[{"path": "/all/", "groups": ["Wiki Users"]}])
    rules = create_app_rules(payroll, ())
    assert rules is not None
    rule = rules.choose(b"GET", b"/all/x")
    assert not isinstance(rule, Ambiguous)
    assert rule is not None
    assert decide(ALICE, payroll, rule, now=NOW) == DENIED
    assert not is_still_open(ALICE, payroll, rule)


def test_what_is_remembered_of_another_session_does_not_open_it() -> None:
    admissions, payroll = Admissions(Signer()), app("Payroll")  # type: ignore[arg-type]
    assert admissions.get(session(session_id="one"), payroll, NOW).is_admitted
    confined = begun_with_a_pass(session_id="one")
    assert not admissions.get(confined, payroll, NOW).is_admitted
    assert admissions.get(ALICE, payroll, NOW).identity_block == b""


def test_a_pass_counts_only_where_the_configuration_lets_it() -> None:
    wiki = app("Wiki", scheme="strong")
    without = SchemeSettings(name="strong", factors=("password", "sms"))
    with_it = without.model_copy(update={"factors": ((Factor.PASSWORD,), (Factor.SMS, Factor.PASS))})
    assert decide(ALICE, wiki, None, create_app_demand(wiki, [without]), now=NOW) == DenyFactors("strong")
    assert decide(ALICE, wiki, None, create_app_demand(wiki, [with_it]), now=NOW) == Admit()
