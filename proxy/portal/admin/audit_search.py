"""What the audit holds, found by person, app, event and day: the newest of it. Each search is recorded there too.

Names are posted, never in a URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from config.system_errors import file_reason
from directory.errors import DirectoryError
from proxy.audit.events import EVENT_NAMES
from proxy.audit.finding import AuditQuestion, may_be_wanted, row_of
from proxy.audit.lines import ChainLine
from proxy.audit.reading import files_of, newest, opened
from proxy.help_desk.person import NotFound, find_person
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_AUDIT
from proxy.languages.current import gettext as _
from proxy.languages.figures import figure
from proxy.portal.admin.mobiles import one_reads
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page, app_names
from proxy.portal.admin.person_page import look_up, own_form
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import LOG, REALMS, SETTINGS, VISIT
from proxy.portal.forms import WrongField, refused
from proxy.sessions.session import Session

MOST_FOUND = 500
SECONDS = 5.0
"""How long one search reads at most, in one worker one at a time."""
USUAL_SECONDS = 7 * 86_400.0
"""How far back it looks, where no day is entered."""
_FIELDS = ("login", "app", "event", "since")


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinesFound:
    lines: Sequence[ChainLine]
    is_all: bool


async def show_audit(request: web.Request, session: Session) -> web.StreamResponse:
    return await _page(request, session, {})


@one_reads
async def take_audit(request: web.Request, session: Session) -> web.StreamResponse:
    fields = await own_form(request, session)
    question = _asked(fields, app_names(request), now=request[VISIT].now)
    if isinstance(question, WrongField):
        return await _page(request, session, fields, wrong=question)
    login, person = fields.get("login", "").strip(), dict[str, str]()
    guid: str | None = None
    searched = {"app": question.app, "searched": question.event}
    if login:
        try:
            async with look_up(request, session):
                principal = (await find_person(request.app[REALMS], login))[1]
        except (NotFound, DirectoryError) as error:
            record(request, session, "audit_searched", **searched, found=0)  # a name that nobody has was looked up too
            return await _page(request, session, fields, wrong=WrongField("login", str(error)))
        guid = principal.guid
        person = {"person_realm": principal.realm, "person_guid": guid}
    try:
        found = await _find(request, question, guid)
    except OSError as error:
        reason = file_reason(Path(error.filename or "the audit's files"), error)
        request.app[LOG].warning("audit.unreadable", reason=reason, incident=request[VISIT].incident)
        wrong = WrongField("", _("It could not be read."))
        return await _page(request, session, fields, wrong=wrong, status=HTTPStatus.SERVICE_UNAVAILABLE)
    record(request, session, "audit_searched", **searched, **person, found=len(found.lines))
    return await _page(request, session, fields, found=found)


def _asked(fields: Mapping[str, str], apps: Sequence[str], *, now: float) -> AuditQuestion | WrongField:
    """Pure."""
    app, event, since = (fields.get(name, "").strip() for name in ("app", "event", "since"))
    if app and app not in apps:
        return WrongField("app", _("There is no such app."))
    if event and event not in EVENT_NAMES:
        return WrongField("event", _("There is no such event."))
    from_then = now - USUAL_SECONDS
    if since:
        try:
            day = date.fromisoformat(since)
        except ValueError:
            return WrongField("since", _("Write a day like 2026-11-30."))
        from_then = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return AuditQuestion(app=app, event=event, since=from_then)


async def _find(request: web.Request, question: AuditQuestion, guid: str | None) -> _LinesFound:
    """Raises `OSError` and `StoreUnavailable`."""
    file, person_keys = request.app[SETTINGS].audit.file, request.app[ADMIN_PARTS].person_keys
    if file is None:
        raise refused(Problem.NOT_FOUND)
    key_ids = None if guid is None else await person_keys.key_ids(guid)
    is_wanted = partial(may_be_wanted, question=question, key_ids=key_ids)

    def read() -> _LinesFound:
        lines, is_all = newest(files_of(file), is_wanted, since=question.since, most=MOST_FOUND, seconds=SECONDS)
        return _LinesFound(lines=lines, is_all=is_all)

    return await asyncio.to_thread(read)


async def _page(
    request: web.Request,
    session: Session,
    fields: Mapping[str, str],
    *,
    found: _LinesFound | None = None,
    wrong: WrongField | None = None,
    status: int = HTTPStatus.BAD_REQUEST,
) -> web.Response:
    lines = () if found is None else found.lines
    shown = page_of(fields.get(PAGE, ""), len(lines), path=ADMIN_AUDIT)
    keys = request.app[ADMIN_PARTS].person_keys
    only = _("Only the newest %(most)s are shown. Ask for less to see the others.", most=figure(len(lines)))
    return admin_page(
        request,
        session,
        "admin_audit.html",
        here=ADMIN_AUDIT,
        status=HTTPStatus.OK if wrong is None else status,
        action=ADMIN_AUDIT,
        fields={name: fields.get(name, "") for name in _FIELDS},
        apps=app_names(request),
        events=EVENT_NAMES,
        wrong=wrong,
        is_found=found is not None,
        only="" if found is None or found.is_all else only,
        rows=list(map(row_of, await opened(lines[shown.first : shown.last], keys))),
        page=shown,
    )
