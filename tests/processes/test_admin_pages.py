"""The admin pages of a Gatepost with two workers and a real domain, whose nested groups say who is an admin."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.processes.signed_in import SIGN_IN, Signed, open_sockets, signed_in
from tests.support.eventually import eventually_told
from tests.support.gatepost import gatepost
from tests.support.plain_browser import Page, PlainBrowser
from tests.support.samba import ALICE_PASSWORD, PASSWORD, SERVICE_PASSWORD, SERVICE_USER
from tests.support.samba_dc import SambaDC

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = f"{SIGN_IN}/.gatepost/admin/"
# Alice is in "Wiki Editors", which is in "Wiki Users".
MORE = """
[admin]
groups = ["Wiki Users"]
[[directories]]
name = "corp"
type = "active_directory"
domain = "{domain}"
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{user}@{domain}"
bind_password_file = "ad-password"
"""


@dataclass(slots=True, kw_only=True)
class AdminHouse:
    """Somebody local is signed in at both workers; the admins are the domain's."""

    signed: Signed
    run_folder: Path
    """Where the workers have their sockets."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(corp: SambaDC, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdminHouse]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "ad-password").write_text(SERVICE_PASSWORD)
    more = MORE.format(domain=corp.domain, url=corp.url, ca_file=corp.ca_file, user=SERVICE_USER)
    with tempfile.TemporaryDirectory() as short:  # the sockets' paths may not be long
        async with signed_in(folder, more=more, environ={"TMPDIR": short}) as signed:
            yield AdminHouse(signed=signed, run_folder=Path(short))


async def came_to_admin(signed: Signed, login: str, password: str) -> tuple[PlainBrowser, Page]:
    """A browser that asked for the admin pages and signed in on the way, and what it was shown."""
    browser = PlainBrowser(signed.house.address)
    page = await browser.get(ADMIN)
    page = await browser.get(page.next_url)
    page = await browser.post(f"{SIGN_IN}/.gatepost/sign-in", {**page.form, "username": login, "password": password})
    assert page.next_url == ADMIN
    return browser, await browser.get(ADMIN)


async def test_an_admin_ends_anothers_session_at_every_worker_before_the_page_says_so(house: AdminHouse) -> None:
    signed = house.signed
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(signed, stack)
        closing = [asyncio.create_task(each.receive(timeout=10)) for each in sockets]
        admin, page = await came_to_admin(signed, "CORP\\alice", ALICE_PASSWORD)
        assert page.status == 200
        assert "directory corp" in page.text
        page = await admin.get(f"{ADMIN}person")
        page = await admin.post(f"{ADMIN}person", {**page.form, "login": "local\\alice"})
        assert "They have one session." in page.text
        page = await admin.post(f"{ADMIN}person/end-sessions", page.form)
        assert "One session has ended, everywhere." in page.text
        assert await signed.statuses() == {302}
        await asyncio.gather(*closing)
        assert {each.close_code for each in sockets} == {4401}
        assert (await admin.get(ADMIN)).status == 200


@contextmanager
def dead_socket(folder: Path, name: str) -> Iterator[None]:
    """As a worker leaves it that was killed."""
    (other,) = folder.glob("gatepost-*/1.health")
    dead = other.with_name(name)
    dead.touch()
    yield
    dead.unlink()


async def test_the_overview_speaks_for_all_workers(house: AdminHouse) -> None:
    admin, page = await came_to_admin(house.signed, "CORP\\alice", ALICE_PASSWORD)
    assert "worker 9" not in page.text
    with dead_socket(house.run_folder, "9.health"):
        page = await admin.get(ADMIN)
        assert '<th scope="row">worker 9</th>' in page.text
        assert "it does not answer" in page.text
        servers = (await admin.get(f"{ADMIN}servers")).text
        assert '<th scope="row">worker 9</th>' in servers
        assert re.search(r'<th scope="row">corp: [^<]+</th><td data-label="State"><span class="mark yes">', servers)
        assert re.search(r'<th scope="row">127.0.0.1:[0-9]+</th><td data-label="State">', servers), "the relay"


async def test_somebody_of_the_domain_outside_the_group_is_turned_away(house: AdminHouse) -> None:
    _, page = await came_to_admin(house.signed, "bob@corp.example", PASSWORD)
    assert page.status == 403
    assert "Wiki Users" in page.text


async def test_the_domains_report_is_made_by_one_worker_and_shown_by_both(house: AdminHouse) -> None:
    admin, _ = await came_to_admin(house.signed, "CORP\\alice", ALICE_PASSWORD)
    mobiles = f"{ADMIN}mobiles"
    assert (await admin.post(mobiles, (await admin.get(mobiles)).form)).status == 303

    async def is_made() -> bool:
        page = await admin.get(mobiles)
        assert "could not be made" not in page.text
        return "can receive a code</h1>" in page.text

    await eventually_told(is_made)
    assert "see Bob" in (await admin.get(mobiles)).text
    together = await asyncio.gather(*(admin.copy().get(f"{mobiles}.csv") for _ in range(16)))
    assert {each.status for each in together} == {200}
    assert all("bad-mobile" in each.text for each in together)


async def test_a_group_that_no_directory_has_is_told_by_the_check(house: AdminHouse) -> None:
    config = house.signed.house.config
    other = config.with_name("other.toml")
    other.write_text(config.read_text().replace('["Wiki Users"]', '["Wiki Users", "Gatepost Admin"]'))
    done = await asyncio.to_thread(gatepost, "check", "--config", str(other))
    wrong = [line for line in done.stdout.splitlines() if "Gatepost Admin" in line]
    assert [line.startswith("FAIL") for line in wrong] == [True]
