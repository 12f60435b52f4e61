"""The first scheme that matches the person and the place is used, and none means no way in."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.factors import Choice, Factor
from config.settings import AppSettings, SchemeSettings
from proxy.access.schemes import (
    AppDemand,
    Freshness,
    choose_scheme,
    counting_factors,
    create_app_demand,
    is_offered,
)
from proxy.factors.proof import Proof, missing_choices
from tests.support.people import principal


def scheme(name: str, *, networks: tuple[str, ...] | None = None, groups: tuple[str, ...] | None = None) -> Any:
    return SchemeSettings.model_construct(
        name=name,
        factors=((Factor.PASSWORD,),),
        groups=groups,
        apps=None,
        networks=None if networks is None else tuple(ip_network(each) for each in networks),
    )


ADMINS = scheme("admins", groups=("Gatepost Admins", "Owners"), networks=("127.0.0.0/8", "2001:db8::/32"))
BROWSER = scheme("browser")


@pytest.mark.parametrize(
    ("groups", "address", "name"),
    [
        ({"Owners"}, "127.0.0.1", "admins"),
        ({"Owners"}, "2001:db8::1", "admins"),
        ({"Owners"}, "::ffff:127.0.0.1", "admins"),
        ({"Owners"}, "128.0.0.1", "browser"),
        ({"owners"}, "127.0.0.1", "browser"),
        (set(), "127.0.0.1", "browser"),
        ({"Owners"}, "unknown", "browser"),
        ({"Owners"}, "", "browser"),
    ],
)
def test_the_first_that_matches_person_and_place_is_used(groups: set[str], address: str, name: str) -> None:
    chosen = choose_scheme([ADMINS, BROWSER], principal(groups=frozenset(groups)), address)
    assert chosen is not None
    assert chosen.name == name


def test_order_decides() -> None:
    assert choose_scheme([BROWSER, ADMINS], principal(groups=frozenset({"Owners"})), "127.0.0.1") is BROWSER


def test_no_match_is_no_way_in() -> None:
    assert choose_scheme([ADMINS], principal(), "127.0.0.1") is None
    assert choose_scheme([], principal(), "127.0.0.1") is None


def test_empty_conditions_match_nobody() -> None:
    assert choose_scheme([scheme("x", groups=())], principal(), "127.0.0.1") is None
    assert choose_scheme([scheme("x", networks=())], principal(), "127.0.0.1") is None


QUICK = SchemeSettings(name="quick", factors=("password",), apps=("Canteen",))
TICKET = SchemeSettings(name="ticket", factors=("kerberos",))
SMS = SchemeSettings(name="sms", factors=("password", "sms"))


def demand_of(app: str, *schemes: SchemeSettings, names: str | None = None) -> AppDemand | None:
    return create_app_demand(AppSettings.model_construct(name=app, scheme=names), schemes)


@pytest.mark.parametrize(("app", "name"), [("Canteen", "quick"), ("Wiki", "sms"), ("canteen", "sms"), ("", "sms")])
def test_a_scheme_for_certain_apps_is_for_who_comes_from_them(app: str, name: str) -> None:
    chosen = choose_scheme([QUICK, SMS], principal(), "127.0.0.1", app=app)
    assert chosen is not None
    assert chosen.name == name
    assert is_offered([QUICK], Factor.PASSWORD, "127.0.0.1", app=app) == (name == "quick")


def test_nothing_more_is_asked_where_no_scheme_is_for_certain_apps() -> None:
    assert demand_of("Wiki", SMS, TICKET) is None


@pytest.mark.parametrize(
    ("app", "begun_with", "asked"),
    [("Canteen", Factor.PASSWORD, "quick"), ("Wiki", Factor.PASSWORD, "sms"), ("Wiki", Factor.KERBEROS, "ticket")],
)
def test_an_app_asks_for_what_somebody_coming_to_it_would_sign_in_by(app: str, begun_with: Factor, asked: str) -> None:
    demand = demand_of(app, QUICK, SMS, TICKET)
    assert demand is not None
    assert demand.asked_of(principal(), begun_with, "127.0.0.1").scheme == asked


def test_who_began_in_a_way_that_no_scheme_here_begins_with_is_asked_for_another() -> None:
    demand = demand_of("Wiki", QUICK, SMS)
    assert demand is not None
    assert demand.asked_of(principal(), Factor.KERBEROS, "127.0.0.1").factors == ((Factor.PASSWORD,), (Factor.SMS,))


def test_an_app_that_names_a_scheme_asks_for_its_factors() -> None:
    demand = demand_of("Wiki", QUICK, SMS, names="sms")
    assert demand is not None
    assert demand.asked_of(principal(), Factor.KERBEROS, "127.0.0.1").factors == ((Factor.PASSWORD,), (Factor.SMS,))
    with pytest.raises(ValueError, match="unheard-of"):
        demand_of("Wiki", SMS, names="unheard-of")


PROVEN = (Proof(Factor.PASSWORD, 1000.0), Proof(Factor.SMS, 1100.0), Proof(Factor.EMAIL, 1050.0))
ALL_THREE = {Factor.PASSWORD, Factor.SMS, Factor.EMAIL}


@pytest.mark.parametrize(
    ("choice", "now", "counting"),
    [
        ((Factor.SMS,), 1699.9, ALL_THREE),
        ((Factor.SMS,), 1700.0, ALL_THREE - {Factor.SMS}),
        ((Factor.EMAIL,), 1699.9, ALL_THREE - {Factor.EMAIL}),
        ((Factor.SMS,), None, ALL_THREE),
        ((Factor.KERBEROS,), 1000.0, ALL_THREE),
        ((Factor.EMAIL, Factor.SMS), 1649.9, ALL_THREE),
        ((Factor.EMAIL, Factor.SMS), 1650.0, ALL_THREE - {Factor.EMAIL}),
        ((Factor.EMAIL, Factor.SMS), 1700.0, {Factor.PASSWORD}),
    ],
)
def test_a_proof_counts_until_the_instant_at_which_it_is_too_old(
    choice: Choice, now: float | None, counting: set[Factor]
) -> None:
    assert counting_factors(PROVEN, Freshness(choice=choice, seconds=600.0), now=now) == counting
    assert counting_factors(PROVEN, None, now=now) == ALL_THREE


def test_a_choice_is_fresh_for_as_long_as_one_of_its_proofs() -> None:
    assert Freshness(choice=(Factor.EMAIL, Factor.SMS), seconds=600.0).ends_at(PROVEN) == 1700.0


def test_what_was_never_proven_is_not_fresh() -> None:
    assert Factor.SMS not in counting_factors(PROVEN[:1], Freshness(choice=(Factor.SMS,), seconds=600.0), now=1000.0)


@given(st.frozensets(st.sampled_from(Factor)))
def test_where_no_scheme_is_meant_nothing_is_enough(proven: frozenset[Factor]) -> None:
    demand = demand_of("Wiki", QUICK)
    assert demand is not None
    assert missing_choices(demand.asked_of(principal(), Factor.PASSWORD, "127.0.0.1").factors, proven)


def test_a_choice_of_first_factors_matches_whoever_brings_one_of_them() -> None:
    either = SchemeSettings(name="either", factors=(("password", "kerberos"), "sms"))
    for factor in (Factor.PASSWORD, Factor.KERBEROS):
        assert choose_scheme([either], principal(), "127.0.0.1", first_factor=factor) is either
        assert is_offered([either], factor, "127.0.0.1")
    assert choose_scheme([either], principal(), "127.0.0.1", first_factor=Factor.SMS) is None


@given(st.frozensets(st.sampled_from(Factor)))
def test_an_entry_is_met_by_any_one_of_its_factors(proven: frozenset[Factor]) -> None:
    second = (Factor.SMS, Factor.EMAIL)
    missing = missing_choices(((Factor.PASSWORD,), second), proven)
    assert ((Factor.PASSWORD,) in missing) == (Factor.PASSWORD not in proven)
    assert (second in missing) == proven.isdisjoint(second)
