"""Which accounts belong to nobody: pure."""

import pytest

from config.settings import MobileSettings
from directory.service_accounts import AccountTraits, is_service_account

PATTERNS = MobileSettings().service_accounts


def traits(username: str = "alice", **more: bool) -> AccountTraits:
    usual = {"is_built_in": False, "has_service_names": False, "has_display_name": True, "has_human_traits": True}
    return AccountTraits(username=username, **{**usual, **more})


@pytest.mark.parametrize("username", ["svc-backup", "SVC_SQL", "sa-web", "dns-dc1", "MSOL_0a1b2c", "HealthMailbox1234"])
def test_a_name_that_services_are_given_is_a_services(username: str) -> None:
    assert is_service_account(traits(username), PATTERNS)


@pytest.mark.parametrize("username", ["alice", "svcarol", "dnsmith", "sally"])
def test_a_person_is_one(username: str) -> None:
    assert not is_service_account(traits(username), PATTERNS)


def test_what_the_system_made_for_itself_is_nobodys() -> None:
    assert is_service_account(traits("Administrator", is_built_in=True), ())


def test_an_account_without_anything_that_people_have_is_nobodys() -> None:
    assert is_service_account(traits(has_human_traits=False, has_display_name=False), ())
    assert not is_service_account(traits(has_human_traits=False), ())
    assert is_service_account(traits(has_human_traits=False, has_service_names=True), ())
    assert not is_service_account(traits(has_service_names=True), ()), "a person may run a service under their name"


def test_the_patterns_are_the_operators() -> None:
    assert is_service_account(traits("robot.7"), ("robot.?",))
    assert not is_service_account(traits("svc-backup"), ())
