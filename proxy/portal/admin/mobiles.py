"""The report on mobile fields as a page: totals, and everybody who needs attention, list by list; the same as a
file."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from urllib.parse import urlencode

from aiohttp import web

from config.tables.admin import AdminRight
from directory.mobile_report import Finding, Status, Tally
from proxy.help_desk.look_ups import TooManyAtOnce
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_MOBILES, ADMIN_MOBILES_STATUS, ADMIN_PERSON
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.languages.figures import figure, percent
from proxy.mobile_formats.report_forms import ReportForm, write_as
from proxy.mobile_formats.words import STATUS_TITLES, place, proposal_and_remarks, title_of
from proxy.pages.answers import Answer
from proxy.pages.instants import instant, instant_to_come
from proxy.pages.template import protective_headers
from proxy.portal.admin.entrance import AdminHandler, lacking
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page, may
from proxy.portal.admin.recording import record
from proxy.portal.admin.report import CHANGED, LISTS, REPORTED, SERVICE, SHARED, Excerpt, Report
from proxy.portal.admin.report_maker import KEPT_SECONDS, ReportProgress
from proxy.portal.admin.report_view import Column, View, value_of, view_of
from proxy.portal.admin.reported_numbers import DISMISS, dismiss, reports_shown
from proxy.portal.admin.sweep_chart import chart_of
from proxy.portal.app_keys import STORE, VISIT
from proxy.portal.csrf import Form
from proxy.portal.forms import Refused, read_form, refused, require_csrf_token
from proxy.portal.pages import redirect
from proxy.sessions.session import Session

MOST_WAITING = 20
"""In one worker, to read a report: each takes a fraction of a second."""
_EVERYBODY = N_("everybody")
_TITLES = {
    **{status.value: title for status, title in STATUS_TITLES.items()},
    REPORTED: N_("say it is not theirs"),
    SHARED: N_("shared by several"),
    CHANGED: N_("changed recently"),
    SERVICE: N_("service accounts"),
}
_COLUMN_TITLES = {
    Column.NAME: N_("Name"),
    Column.USERNAME: N_("User name"),
    Column.WHERE: N_("OU"),
    Column.DEPARTMENT: N_("Department"),
    Column.STATUS: N_("Status"),
    Column.VALUE: N_("Value"),
}
MOST_BARS = 20
_FORMS = {form.ending: form for form in ReportForm}


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
    is_making = _is_making(progress)
    # The one before is neither read nor shown meanwhile: it is about to be replaced.
    report = None if is_making else await reports.report(now=now)
    asked_page = request.query.get(PAGE, "")
    reported = {"reported": ()} if is_making else await reports_shown(request)
    if report is not None or reported["reported"]:
        record(request, session, "mobiles", done="shown")
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
        may_fetch=is_making,
        status_href=ADMIN_MOBILES_STATUS,
        look_again_href=ADMIN_MOBILES,
        report=report,
        headline=_headline(report),
        person_action=ADMIN_PERSON,
        chart=chart_of(await request.app[STORE].sweeps.sweeps(), now=now),
        **reported,
        **({} if report is None else await asyncio.to_thread(_shown, report, view_of(request.query), asked_page, now)),
    )


async def show_mobiles_status(request: web.Request, session: Session) -> web.StreamResponse:
    """JSON with `waits`: whether there is more to come, for the script of the page."""
    progress = await request.app[ADMIN_PARTS].reports.progress(now=request[VISIT].now)
    return web.json_response(
        {"waits": _is_making(progress)}, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    )


def _is_making(progress: ReportProgress | None) -> bool:
    return progress is not None and not progress.failure


async def take_mobiles(request: web.Request, session: Session) -> web.StreamResponse:
    """Have a report made in the background, or take one of the persons' own reports off the list."""
    fields = await read_form(request)
    require_csrf_token(request, fields, Form.ADMIN, session.session_id)
    if DISMISS in fields:
        if not may(request, session, AdminRight.ACT):
            raise lacking(request, session, AdminRight.ACT)
        return await dismiss(request, session, fields)
    now, parts = request[VISIT].now, request.app[ADMIN_PARTS]
    wait = await parts.look_ups.reserve_report(session.principal.guid, now=now)
    if wait is not None:
        record(request, session, "refused", reason="reports")
        answer = Answer(
            problem=Problem.THROTTLED, detail=_("You have made many reports in a short time."), retry_after_seconds=wait
        )
        raise Refused(answer)
    record(request, session, "mobiles", done="asked_for")
    await parts.reports.begin(now=now)
    return redirect(ADMIN_MOBILES)


@one_reads
async def show_file(request: web.Request, session: Session) -> web.StreamResponse:
    """The shown list, as a file; without a report, the page that makes one."""
    form = _FORMS.get(request.match_info["ending"])
    if form is None:
        raise refused(Problem.NOT_FOUND)
    reports = request.app[ADMIN_PARTS].reports
    report = await reports.report(now=request[VISIT].now)
    if report is None:
        return redirect(ADMIN_MOBILES)
    record(request, session, "mobiles", done="downloaded")
    made = datetime.fromtimestamp(report.summary.made_at, UTC)
    body = await asyncio.to_thread(_file, report, view_of(request.query), form, reports.domains)
    return web.Response(
        body=body,
        headers=[
            *protective_headers(),
            ("Content-Type", f"{form.media_type}; charset=utf-8"),
            ("Content-Disposition", f'attachment; filename="mobiles-{made:%Y-%m-%d-%H%M}.{form.ending}"'),
        ],
    )


def _file(report: Report, view: View, form: ReportForm, domains: Mapping[str, str]) -> bytes:
    out = io.StringIO(newline="")
    write_as(form, Excerpt(summary=report.summary, findings=view.of(report.listed(view.show))), out, domains=domains)
    encoding = "utf-8-sig" if form.begins_with_mark else "utf-8"
    return out.getvalue().encode(encoding, "backslashreplace")


def _shown(report: Report, view: View, asked_page: str, now: float) -> dict[str, object]:
    """What the template shows of a report."""
    findings = view.of(report.listed(view.show))
    page = page_of(asked_page, len(findings), path=ADMIN_MOBILES, query=view.query())
    summary, kept = report.summary, len(report.lines)
    return {
        "made": instant(summary.made_at, now),
        "kept": instant_to_come(summary.made_at + KEPT_SECONDS, now),
        "statuses": [{"title": title_of(status), "count": summary.all.counts[status]} for status in Status],
        "lists": _lists(report, view),
        "list_title": _(_TITLES.get(view.show, _EVERYBODY)),
        "view": view,
        "columns": [_column(view, column) for column in Column],
        "rows": [_row(each) for each in findings[page.first : page.last]],
        "page": page,
        "all_href": _href(view, search=""),
        "files": [(ending, f"{ADMIN_MOBILES}.{ending}{_tail(view.query())}") for ending in _FORMS],
        "left_out": _(
            "Only the first %(shown)s of %(count)s are kept here. gatepost mobiles shows all.",
            shown=figure(kept),
            count=figure(report.to_look_at),
        )
        if report.to_look_at > kept
        else "",
        "groups": [
            (_("By OU"), _bars((place(*key), tally) for key, tally in summary.by_container.items())),
            (_("By department"), _bars(summary.by_department.items())),
        ],
    }


def _href(view: View, **changes: str) -> str:
    return f"{ADMIN_MOBILES}{_tail(view.query(**changes))}"


def _tail(query: Mapping[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _headline(report: Report | None) -> str:
    if report is None or report.summary.all.percent is None:
        return _("Mobile numbers")
    return _("%(percent)s can receive a code", percent=percent(report.summary.all.percent))


def _lists(report: Report, view: View) -> list[dict[str, object]]:
    """Those that can be shown."""
    return [
        {
            "title": _(_TITLES.get(name, _EVERYBODY)),
            "count": report.count(name),
            "href": _href(view, show=name),
            "is_shown": name == view.show,
        }
        for name in ("", *LISTS)
        if report.count(name) or name == view.show
    ]


def _column(view: View, column: Column) -> dict[str, str]:
    """A second press on the column that a list is sorted by turns it around. `sorted` is as ``aria-sort`` has it."""
    is_sorted = view.column is column
    is_down = is_sorted and not view.is_descending
    return {
        "title": _(_COLUMN_TITLES[column]),
        "href": _href(view, sort="" if column is Column.STATUS else column.value, down="1" if is_down else ""),
        "sorted": ("descending" if view.is_descending else "ascending") if is_sorted else "",
    }


def _bars(tallies: Iterable[tuple[str, Tally]]) -> list[dict[str, object]]:
    """Those with the most to do. `share` is in percent, rounded down."""
    return [
        {
            "name": name or _("(none)"),
            "share": 100 * tally.good // tally.persons,
            "text": _("%(good)s of %(persons)s", good=figure(tally.good), persons=figure(tally.persons)),
        }
        for name, tally in islice(tallies, MOST_BARS)
    ]


def _row(finding: Finding) -> dict[str, str]:
    person = finding.person
    return {
        "name": person.display_name,
        "username": person.username,
        "where": place(person.realm, person.container),
        "department": person.department,
        "status": title_of(finding.status),
        "value": value_of(finding),
        "remarks": proposal_and_remarks(finding),
    }
