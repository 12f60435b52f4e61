"""Who may do what on the admin pages: one decision, asked by each page, each button and each form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from config.tables.admin import AdminRight, AdminRoleSettings, AdminSettings
from proxy.portal.admin.rights import rights_of
from tests.portal.admin import ADMIN, MOBILES, PASSES, PERSON, admin_stage, explained, said, signed_in_admin, token_of
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage
from tests.support.people import principal

LOOK, ACT, REPORT = AdminRight.LOOK, AdminRight.ACT, AdminRight.REPORT
NUMBERS, AUDIT, CONFIGURATION = AdminRight.NUMBERS, AdminRight.AUDIT, AdminRight.CONFIGURATION
NEEDS: dict[tuple[str, str], AdminRight | None] = {
    ("GET", ""): None,
    ("GET", "person"): LOOK,
    ("POST", "person"): LOOK,
    ("POST", "person/end-sessions"): ACT,
    ("POST", "person/settle"): ACT,
    ("POST", "person/forget-browsers"): ACT,
    ("POST", "person/confirm-number"): ACT,
    ("POST", "person/remove-factor"): ACT,
    ("POST", "person/unlock"): ACT,
    ("POST", "person/give-pass"): ACT,
    ("GET", "passes"): LOOK,
    ("POST", "passes"): ACT,
    ("GET", "people"): ACT,
    ("POST", "people/edit"): ACT,
    ("POST", "people/number"): ACT,
    ("POST", "people/account"): ACT,
    ("POST", "people/judge"): ACT,
    ("GET", "sessions"): LOOK,
    ("POST", "sessions"): LOOK,
    ("POST", "sessions/end"): ACT,
    ("GET", "throttled"): LOOK,
    ("POST", "throttled/release"): ACT,
    ("GET", "configuration"): CONFIGURATION,
    ("GET", "sends"): LOOK,
    ("GET", "servers"): LOOK,
    ("GET", "audit"): AUDIT,
    ("POST", "audit"): AUDIT,
    ("GET", "undelivered"): LOOK,
    ("GET", "mobiles"): REPORT,
    ("POST", "mobiles"): REPORT,
    ("GET", "mobiles/status"): REPORT,
    ("GET", "mobiles.{ending}"): REPORT,
}
"""What each admin page takes, by method and path below `/.gatepost/admin/`."""
RIGHTS: dict[str, frozenset[AdminRight]] = {
    "Admins": frozenset({LOOK, ACT, REPORT}),  # `groups` of `[admin]`
    "Lookers": frozenset({LOOK}),
    "Helpers": frozenset({LOOK, ACT}),
    "Readers": frozenset({LOOK, NUMBERS}),
    "Directory": frozenset({LOOK, REPORT}),
    "Auditors": frozenset({AUDIT}),
    "Operators": frozenset({CONFIGURATION}),
}
ROLES = [
    {"groups": [group], "may": sorted(right.value for right in rights)}
    for group, rights in RIGHTS.items()
    if group != "Admins"
]
SETTINGS = AdminSettings(
    groups=("Admins",),
    roles=tuple(AdminRoleSettings(groups=(group,), may=tuple(RIGHTS[group])) for group in RIGHTS if group != "Admins"),
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    admin = {"groups": ["Admins", "Gatepost Admins"], "roles": ROLES, "people_groups": list(RIGHTS)}
    schemes = [
        {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins", *RIGHTS]},
        {"name": "browser", "factors": ["password", "sms"]},
    ]
    parts = {"help_desk": {"passes": True}, "audit": {"file": str(tmp_path / "audit.jsonl")}}
    async with admin_stage(tmp_path, admin=admin, schemes=schemes, **parts) as stage:
        yield stage


async def with_groups(stage: Stage, browser: Browser, *groups: str) -> Browser:
    """The browser of an admin whose groups are these from now on."""
    assert browser.session_cookie() is not None
    (held,) = await stage.store.sessions.sessions()
    person = replace(held.principal, groups=frozenset(groups))
    await stage.sessions.update_principal(replace(held, principal=person))
    return browser


async def asked(browser: Browser, method: str, path: str, token: dict[str, str]) -> Page:
    url = ADMIN + path.replace("{ending}", "csv")
    return await (browser.get(url) if method == "GET" else browser.post(url, token))


async def test_each_page_takes_its_right_and_no_page_is_left_out(stage: Stage) -> None:
    below = [
        (route.method, route.resource.canonical.removeprefix("/.gatepost/admin/"))
        for route in stage.portal.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/.gatepost/admin/")
    ]
    assert {each for each in below if each[0] != "HEAD"} == set(NEEDS)
    browser = await signed_in_admin(stage)
    token = await token_of(stage, browser)
    for role, rights in RIGHTS.items():
        await with_groups(stage, browser, role)
        for (method, path), needs in NEEDS.items():
            stage.logger.calls.clear()
            page = await asked(browser, method, path, token)
            is_refused = {"reason": "rank", "needs": needs.value}.items() if needs not in {None, *rights} else None
            refusals = said(stage, "admin.refused")
            if is_refused is None:
                assert [each for each in refusals if each["reason"] == "rank"] == [], (role, method, path)
                continue
            assert page.status == 403, (role, method, path)
            assert [is_refused <= each.items() for each in refusals] == [True], (role, method, path)


async def test_the_navigation_leads_to_what_one_may_open(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    for role, rights in RIGHTS.items():
        await with_groups(stage, browser, role)
        page = await browser.get(ADMIN)
        for (method, path), needs in NEEDS.items():
            if method == "GET" and "/" not in path and "{" not in path:
                is_led_to = f'<a href="/.gatepost/admin/{path}"' in page.text
                assert is_led_to == (needs in {None, *rights}), (role, path)


def buttons_of(page: Page) -> set[str]:
    """Where its forms lead, below the admin pages."""
    return {action for (method, action), needs in NEEDS.items() if f'action="/.gatepost/admin/{action}"' in page.text}


@pytest.mark.parametrize(("role", "may_act"), [("Lookers", False), ("Helpers", True)])
async def test_buttons_that_one_may_not_press_are_not_shown(stage: Stage, role: str, may_act: bool) -> None:
    browser = await with_groups(stage, await signed_in_admin(stage), role)
    page = await explained(browser, "bob")
    acts = {"person/unlock", "person/give-pass", "people/edit"}
    assert buttons_of(page) == {"person", *(acts if may_act else ())}
    own = await explained(browser, "admin")  # who has a session
    assert ("person/end-sessions" in buttons_of(own)) == may_act
    assert ('action="/.gatepost/admin/passes"' in (await browser.get(PASSES)).text) is False  # there is none to end


async def test_a_report_is_dismissed_by_those_who_may_act(stage: Stage) -> None:
    browser = await with_groups(stage, await signed_in_admin(stage), "Directory")
    token = await token_of(stage, browser)
    page = await browser.post(MOBILES, {**token, "dismiss": "some-guid", "number": "00"})
    assert page.status == 403
    assert said(stage, "admin.refused")[-1]["needs"] == "act"


@pytest.mark.parametrize("role", list(RIGHTS))
async def test_a_whole_number_is_shown_to_those_who_may_see_it(stage: Stage, role: str) -> None:
    if LOOK not in RIGHTS[role]:
        return
    browser = await with_groups(stage, await signed_in_admin(stage), role)
    page = await explained(browser, "alice")
    assert ("07400 123456" in page.text) == (NUMBERS in RIGHTS[role])
    assert [line.get("numbers_shown") for line in said(stage, "admin.explained")] == [
        1 if NUMBERS in RIGHTS[role] else None
    ]
    assert "123456" not in stage.log_text


def may(groups: Iterable[str], admin: AdminSettings = SETTINGS) -> frozenset[AdminRight]:
    return rights_of(principal(groups=frozenset(groups)), admin)


def test_somebody_with_several_roles_may_do_what_any_of_them_may() -> None:
    assert may([]) == may(["admins"]) == may(["Wiki Users"]) == frozenset()
    assert {role: may([role]) for role in RIGHTS} == RIGHTS
    assert may(["Lookers", "Auditors"]) == {LOOK, AUDIT}
    assert may(RIGHTS) == set(AdminRight)
    assert may(["Admins"], AdminSettings(groups=("Admins",))) == RIGHTS["Admins"], "as before there were roles"
    assert may(["Lookers"], AdminSettings(roles=SETTINGS.roles)) == {LOOK}, "without groups for all"


async def test_the_start_page_leads_any_role_there(stage: Stage) -> None:
    browser = await with_groups(stage, await signed_in_admin(stage), "Auditors")
    assert 'href="/.gatepost/admin/"' in (await browser.get(SIGN_IN_ORIGIN)).text
    assert (await browser.get(ADMIN)).status == 200
    assert (await browser.get(PERSON)).status == 403
