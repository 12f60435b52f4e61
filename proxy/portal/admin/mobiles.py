"""The report on mobile fields as a page: totals, and who needs a look, list by list; and the same as CSV."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from directory.mobile_report import Finding, Status
from proxy.answers import Answer, Problem
from proxy.instants import instant
from proxy.mobile_formats import csv_form
from proxy.mobile_formats.words import place, remarks
from proxy.pages.template import protective_headers
from proxy.portal.admin.audit import log_report, log_turned_away
from proxy.portal.admin.entrance import AdminHandler
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page
from proxy.portal.admin.places import TooManyAtOnce
from proxy.portal.admin.report import CHANGED, LISTS, MOST_KEPT, SHARED, Group, Report, finding_in
from proxy.portal.admin.report_maker import KEPT_SECONDS
from proxy.portal.admin.texts import WORDS
from proxy.portal.csrf import Form
from proxy.portal.forms import Refused, read_form, refused, require_csrf_token
from proxy.portal.keys import VISIT
from proxy.portal.pages import redirect
from proxy.reserved import ADMIN_MOBILES, ADMIN_MOBILES_CSV
from proxy.sessions.session import Session

SHOW = "show"
"""Query field: which list."""
LOOK_AGAIN_SECONDS = 3
MOST_WAITING = 20
"""In one worker, to read a report: each takes a fraction of a second."""
_TITLES = {
    **{status.value: status.title for status in Status},
    SHARED: WORDS.mobiles_shared,
    CHANGED: WORDS.mobiles_changed,
}
_BYTE_ORDER_MARK = "\ufeff"
"""Excel takes files without one for the local code page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    username: str
    where: str
    status: str
    value: str
    remarks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """A list that can be shown."""

    name: str
    title: str
    count: int
    href: str
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    name: str
    share: int
    """In percent, rounded down."""
    text: str


def one_reads(handler: AdminHandler) -> AdminHandler:
    """The handler, while no other of this worker reads a report: an admin who reloads costs one reader at a time."""

    async def handle(request: web.Request, session: Session) -> web.StreamResponse:
        try:
            async with request.app[ADMIN_PARTS].reading.hold(most_waiting=MOST_WAITING):
                return await handler(request, session)
        except TooManyAtOnce:
            raise refused(Problem.OVERLOADED) from None

    return handle


@one_reads
async def show_mobiles(request: web.Request, session: Session) -> web.StreamResponse:
    now, reports = request[VISIT].now, request.app[ADMIN_PARTS].reports
    progress = await reports.progress(now=now)
    is_making = progress is not None and not progress.failure
    # The page looks again every few seconds then: what was there before is neither read nor shown that often.
    report = None if is_making else await reports.report(now=now)
    if report is not None:
        log_report(request, session, "shown")
    return admin_page(
        request,
        session,
        "admin_mobiles.html",
        here=ADMIN_MOBILES,
        status=HTTPStatus.OK,
        action=ADMIN_MOBILES,
        is_making=is_making,
        begun=instant(progress.begun_at, now) if progress is not None else None,
        failure=progress.failure if progress is not None else "",
        look_again_seconds=LOOK_AGAIN_SECONDS,
        look_again_href=ADMIN_MOBILES,
        report=report,
        headline=_headline(report),
        **({} if report is None else _shown(request, report, now)),
    )


async def take_mobiles(request: web.Request, session: Session) -> web.StreamResponse:
    """Have a report made in the background."""
    fields = await read_form(request)
    require_csrf_token(request, fields, Form.ADMIN, session.session_id)
    now, parts = request[VISIT].now, request.app[ADMIN_PARTS]
    wait = await parts.look_ups.reserve_report(session.principal.guid, now=now)
    if wait is not None:
        log_turned_away(request, session, "reports")
        answer = Answer(problem=Problem.THROTTLED, detail=WORDS.mobiles_too_many, retry_after_seconds=wait)
        raise Refused(answer)
    log_report(request, session, "asked_for")
    await parts.reports.begin(now=now)
    return redirect(ADMIN_MOBILES)


@one_reads
async def show_csv(request: web.Request, session: Session) -> web.StreamResponse:
    """The shown list, as a file; without a report, the page that makes one."""
    report = await request.app[ADMIN_PARTS].reports.report(now=request[VISIT].now)
    if report is None:
        return redirect(ADMIN_MOBILES)
    log_report(request, session, "downloaded")
    made = datetime.fromtimestamp(report.made_at, UTC)
    body = await asyncio.to_thread(_csv, report, _list_name(request))
    return web.Response(
        body=body,
        headers=[
            *protective_headers(),
            ("Content-Type", "text/csv; charset=utf-8"),
            ("Content-Disposition", f'attachment; filename="mobiles-{made:%Y-%m-%d-%H%M}.csv"'),
        ],
    )


def _csv(report: Report, name: str) -> bytes:
    out = io.StringIO(newline="")
    out.write(_BYTE_ORDER_MARK)
    csv_form.write((finding_in(line) for line in report.listed(name)), out)
    return out.getvalue().encode("utf-8", "backslashreplace")


def _list_name(request: web.Request) -> str:
    name = request.query.get(SHOW, "")
    return name if name in LISTS else ""


def _shown(request: web.Request, report: Report, now: float) -> dict[str, object]:
    """What the template shows of a report."""
    name = _list_name(request)
    query = {SHOW: name} if name else {}
    lines = report.listed(name)
    page = page_of(request.query.get(PAGE, ""), len(lines), path=ADMIN_MOBILES, query=query)
    return {
        "made": instant(report.made_at, now),
        "kept": instant(report.made_at + KEPT_SECONDS, now),
        "statuses": [{"title": status.title, "count": report.counts[status.value]} for status in Status],
        "lists": _lists(report, name),
        "list_title": _TITLES.get(name, WORDS.mobiles_all),
        "rows": [_row(finding_in(line)) for line in lines[page.first : page.last]],
        "page": page,
        "csv_href": f"{ADMIN_MOBILES_CSV}?{urlencode(query)}" if query else ADMIN_MOBILES_CSV,
        "left_out": WORDS.mobiles_left_out.format(shown=f"{MOST_KEPT:,}", count=f"{report.to_look_at:,}")
        if report.to_look_at > len(report.lines)
        else "",
        "groups": [
            (WORDS.mobiles_by_ou, _bars(report.containers)),
            (WORDS.mobiles_by_department, _bars(report.departments)),
        ],
    }


def _headline(report: Report | None) -> str:
    if report is None or report.percent is None:
        return WORDS.nav_mobiles
    return WORDS.mobiles_can.format(percent=f"{report.percent:.1f}%")


def _lists(report: Report, shown: str) -> list[_List]:
    counts = {"": report.to_look_at, **report.counts, SHARED: report.shared, CHANGED: report.changed}
    return [
        _List(
            name=name,
            title=_TITLES.get(name, WORDS.mobiles_all),
            count=counts[name],
            href=f"{ADMIN_MOBILES}?{urlencode({SHOW: name})}" if name else ADMIN_MOBILES,
            is_shown=name == shown,
        )
        for name in ("", *LISTS)
        if counts[name] or name == shown
    ]


def _bars(groups: Iterable[Group]) -> list[_Bar]:
    return [
        _Bar(
            name=each.name or WORDS.mobiles_no_department,
            share=100 * each.good // each.persons,
            text=WORDS.mobiles_good_of.format(good=f"{each.good:,}", persons=f"{each.persons:,}"),
        )
        for each in groups
    ]


def _row(finding: Finding) -> _Row:
    person, found = finding.person, finding.found
    value = "" if found is None else found.text
    if found is not None and found.attribute.lower() != "mobile":
        value = f"{found.attribute}: {value}"
    return _Row(
        name=person.display_name,
        username=person.username,
        where=place(person.realm, person.container),
        status=finding.status.title,
        value=value,
        remarks=", ".join([*([finding.proposed] if finding.proposed else []), *remarks(finding)]),
    )
