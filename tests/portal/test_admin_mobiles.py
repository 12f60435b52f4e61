"""The report on mobile fields on the admin pages: made once at a time, kept sealed for an hour, the same everywhere."""

from __future__ import annotations

import csv
import io
import pickle
import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config.settings import MobileSettings
from directory.mobile_report import Field, Status, SweptPerson
from directory.mobile_sweep import Findings, Rules, sweep
from proxy.help_desk import look_ups
from proxy.portal.admin.mobiles import MOST_WAITING
from proxy.portal.admin.parts import ADMIN_PARTS
from proxy.portal.admin.report import CHANGED, MOST_KEPT, SERVICE, SHARED, Unreadable, pack, unpack
from proxy.portal.admin.report_maker import CHANGED_WITHIN_SECONDS, KEPT_SECONDS, ReportMaker, ReportProgress
from proxy.portal.admin.report_process import Order
from proxy.portal.admin.report_view import Column, View, view_of
from proxy.portal.app_keys import LOG
from proxy.sessions.lease import LEASE_SECONDS
from proxy.sign_in.reported_numbers import NumberReports
from tests.portal.admin import (
    CSV,
    MOBILES,
    admin_stage,
    guid_of_admin,
    said,
    signed_in_admin,
    token_of,
    waiting,
)
from tests.portal.stage import HASH, NOW, Browser, Page, Stage

EVIL = "=HYPERLINK(1);+447400123456"
MORE = f"""
[[users]]
username = "mallory"
password_hash = "{HASH}"
display_name = "<b>Mallory</b>"
mobile = "{EVIL}"
"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path) as stage:
        users = tmp_path / "users.toml"
        users.write_text(users.read_text() + MORE)
        yield stage


async def made(stage: Stage) -> tuple[Browser, Page]:
    """An admin, and the report that they had made."""
    browser = await signed_in_admin(stage)
    proof = await token_of(stage, browser)
    assert (await browser.post(MOBILES, proof)).location == "/.gatepost/admin/mobiles"
    await stage.portal[ADMIN_PARTS].reports.settled()
    return browser, await browser.get(MOBILES)


async def kept(stage: Stage) -> tuple[Browser, Page]:
    """An admin, and a report that is there: made here, which takes no process of its own."""
    rules = Rules(mobile=stage.settings.mobile, now=stage.now, changed_within_seconds=CHANGED_WITHIN_SECONDS)
    with Findings(rules) as findings:
        for directory in stage.settings.directories:
            for person in sweep(directory, service_accounts=stage.settings.mobile.service_accounts):
                findings.add(person)
        packed = pack(findings)
    await stage.portal[ADMIN_PARTS].reports.keep(packed, begun_at=stage.now)
    browser = await signed_in_admin(stage)
    return browser, await browser.get(MOBILES)


def names(page: Page) -> list[str]:
    return re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td>', page.text)


async def test_the_report_is_made_when_the_button_is_pressed(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    before = await browser.get(MOBILES)
    assert "There is no report yet." in before.text
    assert names(before) == []
    _, page = await made(stage)
    assert "<h1>20.0% can receive a code</h1>" in page.text
    assert [username for _, username in names(page)] == ["carol", "mallory", "admin", "bob"]
    assert "&lt;b&gt;Mallory" in page.text
    assert "<b>Mallory" not in page.text
    assert "Disabled accounts, left out: 1" in page.text
    assert "07400 123456" not in page.text  # Alice's is right: nobody needs to see it


async def test_the_page_says_how_old_the_report_is_and_forgets_it(stage: Stage) -> None:
    browser, _ = await kept(stage)
    stage.now += 1200
    page = await browser.get(MOBILES)
    assert "20 minutes ago" in page.text
    assert re.search(
        r'kept until <time datetime="2027-01-15T09:00:00Z" data-clock>[0-9]{2}:00</time> and does not show later',
        page.text,
    )
    await browser.get(MOBILES)
    stage.now = NOW + KEPT_SECONDS
    gone = await browser.get(MOBILES)
    assert gone.location.startswith("/.gatepost/sign-in") or "There is no report yet." in gone.text
    assert "There is no report yet." in (await (await signed_in_admin(stage)).get(MOBILES)).text
    assert (await (await signed_in_admin(stage)).get(CSV)).location == "/.gatepost/admin/mobiles"


async def test_one_list_is_shown_and_downloaded(stage: Stage) -> None:
    browser, page = await kept(stage)
    assert 'href="/.gatepost/admin/mobiles?show=landline#list"' in page.text
    landlines = await browser.get(f"{MOBILES}?show=landline")
    assert [username for _, username in names(landlines)] == ["carol"]
    assert "020 7946 0000" in landlines.text
    file = await browser.get(f"{CSV}?show=landline")
    assert [row[1] for row in csv.reader(io.StringIO(file.text))] == ["username", "carol"]
    assert [name for _, name in names(await browser.get(f"{MOBILES}?show=nonsense"))] == [
        name for _, name in names(page)
    ]


async def test_the_page_filters_and_sorts_as_its_links_say(stage: Stage) -> None:
    browser, page = await kept(stage)
    assert 'aria-sort="ascending"><a href="/.gatepost/admin/mobiles?down=1#list">Status' in page.text
    by_name = await browser.get(f"{MOBILES}?sort=username&down=1")
    assert [username for _, username in names(by_name)] == ["mallory", "carol", "bob", "admin"]
    found = await browser.get(f"{MOBILES}?search=7946&sort=username")
    assert [username for _, username in names(found)] == ["carol"]
    assert 'name="sort" value="username"' in found.text
    assert "search=7946" in found.text.partition("Download this list")[2]
    script = await browser.get(f"{MOBILES}?search=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in script.text


@pytest.mark.parametrize(
    ("ending", "media_type", "begins"),
    [
        ("csv", "text/csv", "\ufeffrealm,"),
        ("json", "application/json", "{"),
        ("html", "text/html", "<!doctype html>"),
        ("txt", "text/plain", "20.0% can receive"),
        ("ps1", "text/plain", "\ufeff# Proposals"),
    ],
)
async def test_every_form_can_be_downloaded(stage: Stage, ending: str, media_type: str, begins: str) -> None:
    browser, page = await kept(stage)
    assert f'href="/.gatepost/admin/mobiles.{ending}" download' in page.text
    file = await browser.get(f"{MOBILES}.{ending}")
    assert file.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert file.headers["Content-Disposition"].endswith(f'.{ending}"')
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.text.startswith(begins)
    assert ("mallory" in file.text) is (ending != "ps1")
    assert (await browser.get(f"{MOBILES}.exe")).status == 404


async def test_a_file_is_in_one_language_whoever_downloads_it(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, pages={"languages": ["de"]}) as stage:
        browser, page = await kept(stage)
        assert "Festnetz oder Pager" in page.text
        for ending in ("html", "txt"):
            file = await browser.get(f"{MOBILES}.{ending}")
            assert "landline or pager" in file.text
            assert "Festnetz" not in file.text


async def test_no_cell_of_the_download_is_a_formula(stage: Stage) -> None:
    browser, _ = await kept(stage)
    file = await browser.get(CSV)
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert file.headers["Content-Disposition"] == 'attachment; filename="mobiles-2027-01-15-0800.csv"'
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Cache-Control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"))))
    assert next(row["value"] for row in rows if row["username"] == "mallory") == "'=HYPERLINK(1);'+447400123456"
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@" and cell]


async def test_who_asked_saw_and_downloaded_is_in_the_audit_log(stage: Stage) -> None:
    browser, _ = await made(stage)
    await browser.get(CSV)
    assert [line["done"] for line in said(stage, "admin.mobiles")] == ["asked_for", "shown", "downloaded"]
    assert "7400" not in stage.log_text
    assert "mallory" not in stage.log_text.lower()


async def test_what_is_kept_is_sealed(stage: Stage, tmp_path: Path) -> None:
    await kept(stage)
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        ((sealed,),) = database.execute("SELECT sealed FROM kept_requests").fetchall()
    assert len(sealed) > 100
    for start in range(20):  # a nonce or the like may stand first
        with pytest.raises(Unreadable):
            unpack(sealed[start:])


async def test_an_admin_may_have_only_so_many_reports_made(stage: Stage) -> None:
    guid = await guid_of_admin(stage)
    for _ in range(look_ups.MOST_REPORTS - 1):
        assert await stage.portal[ADMIN_PARTS].look_ups.reserve_report(guid, now=stage.now) is None
    browser, _ = await made(stage)
    again = await browser.post(MOBILES, await token_of(stage, browser))
    assert (again.status, int(again.headers["Retry-After"])) == (429, look_ups.WINDOW_SECONDS)
    assert "many reports" in again.text
    assert len(said(stage, "admin.mobiles")) == 2  # asked for, shown
    assert [line["reason"] for line in said(stage, "admin.refused")] == ["reports"]


async def test_readers_of_a_report_do_not_pile_up(stage: Stage) -> None:
    browser, _ = await kept(stage)
    reading = stage.portal[ADMIN_PARTS].reading
    async with waiting(lambda: reading.hold(most_waiting=MOST_WAITING), at_once=1, others=MOST_WAITING):
        assert [(await browser.get(url)).status for url in (MOBILES, CSV)] == [503, 503]
    assert [(await browser.get(url)).status for url in (MOBILES, CSV)] == [200, 200]


async def test_every_worker_has_the_same_report(stage: Stage) -> None:
    await kept(stage)
    report = await maker(stage).report(now=stage.now)
    assert report is not None
    assert report.to_look_at == 4


async def test_one_is_made_at_a_time_whoever_asks(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await browser.get(MOBILES)
    assert await stage.store.leases.take_lease("mobiles", "another worker", now=stage.now, seconds=LEASE_SECONDS)
    await browser.post(MOBILES, page.hidden)
    await stage.portal[ADMIN_PARTS].reports.settled()
    assert await stage.portal[ADMIN_PARTS].reports.report(now=stage.now) is None
    await stage.store.leases.drop_lease("mobiles", "another worker")
    await made(stage)
    assert await stage.store.leases.take_lease(
        "mobiles", "another worker", now=stage.now, seconds=60
    )  # it was given back


async def test_while_one_is_made_the_page_says_so_and_offers_no_second(stage: Stage) -> None:
    browser, _ = await kept(stage)
    reports = stage.portal[ADMIN_PARTS].reports
    await stage.store.leases.take_lease("mobiles", "another worker", now=stage.now, seconds=LEASE_SECONDS)
    await reports.tell(ReportProgress(begun_at=stage.now))  # as that one does
    page = await browser.get(MOBILES)
    assert "We are making the report" in page.text
    assert 'data-answer="/.gatepost/admin/mobiles/status"' in page.text
    assert "http-equiv" not in page.text
    assert (await browser.get(f"{MOBILES}/status")).text == '{"waits": true}'
    assert "Make it again" not in page.text
    assert names(page) == []  # the one before is not shown, nor written down as seen, every few seconds
    stage.now += LEASE_SECONDS  # that worker was killed: it prolongs its lease no more
    assert (await browser.get(f"{MOBILES}/status")).text == '{"waits": false}'
    assert "We are making the report" not in (await browser.get(MOBILES)).text
    await made(stage)
    assert "data-answer" not in (await browser.get(MOBILES)).text
    assert (await browser.get(f"{MOBILES}/status")).text == '{"waits": false}'


async def test_what_stands_in_the_way_is_told(tmp_path: Path) -> None:
    async with admin_stage(tmp_path) as stage:
        browser = await signed_in_admin(stage)
        page = await browser.get(MOBILES)
        (tmp_path / "users.toml").write_text("[[users]]\nnonsense = 1\n")
        await browser.post(MOBILES, page.hidden)
        await stage.portal[ADMIN_PARTS].reports.settled()
        failed = await browser.get(MOBILES)
        assert "The report could not be made:" in failed.text
        assert "Traceback" not in failed.text
        assert [line["event"] for line in stage.log if line.get("event") == "mobiles.failed"]


def maker(stage: Stage, **changes: Any) -> ReportMaker:
    log = stage.portal[LOG]
    return ReportMaker(stage.settings, stage.store, stage.keys, log=log, clock=lambda: stage.now, **changes)


async def test_one_that_takes_too_long_is_ended(stage: Stage) -> None:
    reports = maker(stage, patience_seconds=0.0)
    await reports.begin(now=stage.now)
    await reports.settled()
    progress = await reports.progress(now=stage.now - 1)
    assert progress is not None
    assert progress.failure.startswith("it took longer than")
    assert await reports.report(now=stage.now) is None


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("signal.signal(signal.SIGALRM, signal.SIG_DFL); signal.raise_signal(signal.SIGALRM)", "it took longer than"),
        ("raise LookupError('one line\\n07400 123456')", "its process failed (1)"),
        ("raise LookupError('07400 123456')", "its process failed (1, LookupError)"),
    ],
)
async def test_how_its_process_ended_is_told_without_what_it_read(
    stage: Stage, tmp_path: Path, ending: str, told: str
) -> None:
    module = tmp_path / "code" / "proxy" / "portal" / "admin" / "report_process.py"
    module.parent.mkdir(parents=True)
    module.write_text(f"import signal\n{ending}\n")
    reports = maker(stage, code=tmp_path / "code")
    await reports.begin(now=stage.now)
    await reports.settled()
    progress = await reports.progress(now=stage.now)
    assert progress is not None
    assert progress.failure.startswith(told)
    assert "123456" not in stage.log_text + progress.failure


async def test_its_process_is_told_no_setting_but_those_of_the_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GATEPOST_SERVER__KEY", "a master key")
    module = tmp_path / "code" / "proxy" / "portal" / "admin" / "report_process.py"
    module.parent.mkdir(parents=True)
    module.write_text("import os, sys\nsys.exit(int(any(name.startswith('GATEPOST_') for name in os.environ)))\n")
    reports = maker(stage, code=tmp_path / "code")
    await reports.begin(now=stage.now)
    await reports.settled()
    assert await reports.progress(now=stage.now) is None


def test_its_process_does_with_less_memory_where_the_house_allows_no_more(stage: Stage) -> None:
    order = Order(
        directories=stage.settings.directories,
        mobile=stage.settings.mobile,
        now=NOW,
        changed_within_seconds=60,
        reported=NumberReports(reported={}, key=b"", now=NOW),
    )
    limited = f'ulimit -v 900000; exec "{sys.executable}" -m proxy.portal.admin.report_process'
    done = subprocess.run(["/bin/sh", "-c", limited], input=pickle.dumps(order), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert unpack(done.stdout).summary.all.persons == 5


async def test_one_that_is_cut_short_is_given_up(stage: Stage) -> None:
    reports = stage.portal[ADMIN_PARTS].reports
    await reports.begin(now=stage.now)
    await reports.close()
    assert await reports.progress(now=stage.now) is None
    assert await stage.store.leases.take_lease("mobiles", "another worker", now=stage.now, seconds=60)


def person(number: int, text: str = "", **fields: object) -> SweptPerson:
    values: dict[str, object] = {
        "realm": "corp",
        "guid": f"guid-{number}",
        "username": f"user{number}",
        "display_name": f"User\t{number}\n\udcff",
        "container": "London/Sales",
        "department": "Sales",
        "is_disabled": False,
        "fields": (Field(attribute="mobile", text=text),) if text else (),
    }
    return SweptPerson(**{**values, **fields})  # type: ignore[arg-type]  # a test's fields


def packed(*persons: SweptPerson, most: int = MOST_KEPT) -> bytes:
    with Findings(Rules(mobile=MobileSettings(), now=NOW, changed_within_seconds=60)) as findings:
        for each in persons:
            findings.add(each)
        return pack(findings, most=most)


def test_shared_and_changed_numbers_have_lists_of_their_own() -> None:
    report = unpack(
        packed(
            person(1, "07400 123456"),
            person(2, "07400 123456"),
            person(3, "07400 654321", changed_at=NOW - 30),
            person(4),
            person(5, "07400 654322"),
        )
    )
    everybody = report.summary.all
    assert (everybody.persons, everybody.good, everybody.percent, report.to_look_at) == (5, 4, 80.0, 3)
    assert [each.person.username for each in report.listed(SHARED)] == ["user1", "user2"]
    assert [each.person.username for each in report.listed(CHANGED)] == ["user3"]
    assert [each.person.username for each in report.listed("")] == ["user1", "user2", "user4"]
    (missing,) = report.listed(Status.MISSING.value)
    assert missing.person == person(4)
    assert list(report.summary.by_container) == [("corp", "London/Sales")]


def test_service_accounts_have_a_list_and_count_for_nothing() -> None:
    report = unpack(packed(person(1, "07400 123456"), person(2, is_service=True), person(3, "n/a", is_service=True)))
    assert (report.summary.all.persons, report.to_look_at, report.count(SERVICE)) == (1, 0, 2)
    assert [each.person.username for each in report.listed(SERVICE)] == ["user2", "user3"]
    assert list(report.listed(Status.MISSING.value)) == []


def test_recent_changes_leave_room_for_those_who_need_a_look() -> None:
    changed = [person(number, f"07400 12345{number}", changed_at=NOW - 30) for number in range(3)]
    report = unpack(packed(*changed, person(3), most=2))
    assert [each.person.username for each in report.listed("")] == ["user3"]
    assert [each.person.username for each in report.listed(CHANGED)] == ["user0"]
    assert report.count(CHANGED) == 3


def test_a_list_is_filtered_and_sorted_by_any_column() -> None:
    people = [
        person(1, display_name="Zoë Čapek", username="zoe", department="IT"),
        person(2, "n/a", display_name="alan", username="yan", department="Sales", container="Leeds"),
        person(3, "020 7946 0018", display_name="Bob", username="xan", department="Art"),
    ]
    report = unpack(packed(*people))

    def shown(**query: str) -> list[str]:
        view = view_of(query)
        return [each.person.username for each in view.of(report.listed(view.show))]

    assert shown() == ["xan", "yan", "zoe"]  # by status: landline, impossible, missing
    assert shown(down="1") == ["zoe", "yan", "xan"]
    assert shown(sort="name") == ["yan", "xan", "zoe"]
    assert shown(sort="name", down="1") == ["zoe", "xan", "yan"]
    assert shown(sort="username") == ["xan", "yan", "zoe"]
    assert shown(sort="department") == ["xan", "zoe", "yan"]
    assert shown(sort="where", down="1") == ["xan", "zoe", "yan"]
    assert shown(search="ZOE") == shown(search="capek") == ["zoe"]
    assert shown(search="7946") == ["xan"]
    assert shown(search="leeds") == ["yan"]
    assert shown(search="nobody") == []
    assert shown(show="landline", search="a") == ["xan"]


@pytest.mark.parametrize("query", [{"sort": "x"}, {"down": "yes"}, {"show": "good"}, {"show": "x", "sort": ""}])
def test_a_query_that_is_not_understood_is_the_usual_view(query: dict[str, str]) -> None:
    assert view_of(query) == View()


def test_a_view_is_what_its_query_says() -> None:
    view = View(show="missing", search="a & b", column=Column.NAME, is_descending=True)
    assert view_of(view.query()) == view
    assert View().query() == {}


def test_no_more_are_kept_than_may() -> None:
    report = unpack(packed(*(person(number) for number in range(5)), most=3))
    assert (len(report.lines), report.to_look_at) == (3, 5)


def test_nobody_is_a_report_too() -> None:
    report = unpack(packed())
    assert (report.summary.all.percent, report.lines, report.to_look_at) == (None, (), 0)


@pytest.mark.parametrize(
    "content", [b"", b"{}", zlib.compress(b"{}\n"), zlib.compress(b'["x"]\n'), packed(person(1))[:-5]]
)
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        unpack(content)


def test_a_report_that_grows_beyond_its_bound_is_refused() -> None:
    content = packed(*(person(number) for number in range(500)))
    assert len(content) < 20_000
    assert len(unpack(content).lines) == 500
    with pytest.raises(Unreadable):
        unpack(content, most_bytes=20_000)
