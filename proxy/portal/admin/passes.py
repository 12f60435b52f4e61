"""Passes for those who are without their phone today: giving one to a person, and the list of all that live and of
those whose managers are asked to vouch.

Each step is recorded with who, whom, why, what for and until when (PCI DSS 8.5.1). The code is on one page, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from directory.errors import DirectoryError
from directory.principal import Principal
from proxy.factors.passes.given_pass import GivenPass, in_groups
from proxy.factors.passes.vouch import VouchRequest
from proxy.help_desk.passes import EndedPass, NewPass, PassDesk, WrongPass, judge_asked, may_confirm, most_hours
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_PASSES, ADMIN_PERSON
from proxy.languages.current import gettext as _
from proxy.languages.current import ngettext
from proxy.pages import phrases
from proxy.pages.instants import instant, instant_to_come
from proxy.portal.admin.explanation import OPENS, Done, show_explanation
from proxy.portal.admin.parts import admin_page, app_names
from proxy.portal.admin.person_page import asked_before, look_up, meant, own_form
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import REALMS, SETTINGS, STORE, VISIT
from proxy.portal.forms import refused
from proxy.portal.pass_desk import desk_of
from proxy.sessions.session import Session

_CONFIRM, _END = "confirm", "end"


async def take_give(request: web.Request, session: Session) -> web.StreamResponse:
    """Give the person of the explanation a pass, and show its code."""
    fields = await own_form(request, session, most_fields=16 + len(app_names(request)))
    settings, now, question = request.app[SETTINGS].help_desk, request[VISIT].now, asked_before(request, fields)
    desk = desk_of(request)
    asked = judge_asked(
        settings,
        reason=fields.get("reason", ""),
        hours=fields.get("hours", ""),
        apps=[name.removeprefix(OPENS) for name in fields if name.startswith(OPENS)],
        known_apps=app_names(request),
    )
    async with look_up(request, session):
        principal = (await meant(request, fields))[1]
        made: NewPass | WrongPass = WrongPass.OWN
        if not isinstance(asked, WrongPass):
            made = await desk.give(principal, session.principal, asked, now=now)
        elif principal.guid != session.principal.guid:
            made = asked
        if made is WrongPass.OWN:
            raise refused(Problem.NOT_ALLOWED, detail=_(phrases.OWN_BY_COLLEAGUE))
        if isinstance(made, WrongPass):
            done = Done(text=_wrong(request, made), is_bad=True)
            return await show_explanation(request, session, question, done=done)
    _record(request, session, "pass_given", made.given)
    await desk.tell_given(principal, made.given, incident=request[VISIT].incident, now=now)
    return admin_page(
        request,
        session,
        "admin_pass.html",
        here=ADMIN_PERSON,
        given=_row(request, session, made.given),
        code=in_groups(made.code),
        passes_href=ADMIN_PASSES,
    )


async def show_passes(request: web.Request, session: Session) -> web.StreamResponse:
    return await _list(request, session)


async def take_passes(request: web.Request, session: Session) -> web.StreamResponse:
    """Confirm one, or end one and everything that was begun with it."""
    fields = await own_form(request, session)
    desk = desk_of(request)
    if _CONFIRM in fields:
        confirmed = await _confirm(request, session, desk, fields[_CONFIRM])
        if isinstance(confirmed, WrongPass):
            return await _list(request, session, error=_wrong(request, confirmed), status=HTTPStatus.CONFLICT)
        return await _list(
            request, session, notice=_("The pass of %(person)s counts from now on.", person=confirmed.username)
        )
    if _END in fields:
        ended = await desk.end(fields[_END], now=request[VISIT].now)
        if ended is None:
            return await _list(
                request, session, error=_("This pass has ended, or was confirmed before."), status=HTTPStatus.CONFLICT
            )
        return await _ended(request, session, desk, ended)
    raise refused(Problem.BAD_FORM)


async def _confirm(request: web.Request, session: Session, desk: PassDesk, pass_id: str) -> GivenPass | WrongPass:
    """Raises `DirectoryError`."""
    visit = request[VISIT]
    given = await desk.living(pass_id, now=visit.now)
    person = None if given is None else await _person_of(request, given)
    if person is None:
        return WrongPass.GONE
    confirmed = await desk.confirm(person, pass_id, session.principal, now=visit.now)
    if not isinstance(confirmed, WrongPass):
        _record(request, session, "pass_confirmed", confirmed)
        await desk.tell_given(person, confirmed, incident=visit.incident, now=visit.now)
    return confirmed


async def _person_of(request: web.Request, given: GivenPass) -> Principal | None:
    """Whose it is, as the directory knows them now. Raises `DirectoryError`."""
    directory = request.app[REALMS].of(given.realm)
    return None if directory is None else await directory.read(given.guid)


async def _ended(request: web.Request, session: Session, desk: PassDesk, ended: EndedPass) -> web.Response:
    """It has ended, whether or not its person can be told."""
    given = ended.given
    _record(request, session, "pass_ended", given, sessions=ended.sessions)
    notice = ngettext(
        "The pass of %(person)s has ended, and with it one session.",
        "The pass of %(person)s has ended, and with it %(num)d sessions.",
        ended.sessions,
        person=given.username,
    )
    try:
        person = await _person_of(request, given)
    except DirectoryError:
        person = None
    if person is None:
        notice += " " + _("We could not tell them: the directory did not say who they are.")
    else:
        await desk.tell_ended(person, given, incident=request[VISIT].incident)
    return await _list(request, session, notice=notice)


async def _list(
    request: web.Request, session: Session, *, notice: str = "", error: str = "", status: int = 200
) -> web.Response:
    store, now = request.app[STORE].passes, request[VISIT].now
    found = await store.passes(now=now)
    waiting = [each for each in await store.vouches(now=now) if each.answer is None]
    record(request, session, "passes_shown", passes=len(found))
    return admin_page(
        request,
        session,
        "admin_passes.html",
        here=ADMIN_PASSES,
        status=status,
        rows=[_row(request, session, each) for each in found],
        waiting=[_asked(request, each) for each in waiting],
        action=ADMIN_PASSES,
        notice=notice,
        error=error,
    )


def _asked(request: web.Request, asked: VouchRequest) -> Mapping[str, object]:
    return {
        "person": f"{asked.realm}\\{asked.username}",
        "apps": ", ".join(asked.apps),
        "reason": asked.reason,
        "of": asked.asked_of.name,
        "until": instant_to_come(asked.expires_at, request[VISIT].now),
    }


def _row(request: web.Request, session: Session, given: GivenPass) -> Mapping[str, object]:
    now = request[VISIT].now
    return {
        "pass_id": given.pass_id,
        "person": f"{given.realm}\\{given.username}",
        "apps": ", ".join(given.apps),
        "reason": given.reason,
        "given_by": given.given_by.name,
        "given": instant(given.given_at, now),
        "confirmed_by": given.confirmed_by.name if given.confirmed_by is not None else "",
        "is_waiting": not given.counts,
        "may_confirm": not given.counts and may_confirm(given, session.principal) is None,
        "ends": instant_to_come(given.ends_at, now),
    }


def _wrong(request: web.Request, why: WrongPass) -> str:
    return {
        WrongPass.NO_REASON: _("Write down the reason, in 200 characters at most."),
        WrongPass.HOURS: _("Enter whole hours, %(most)s at most.", most=most_hours(request.app[SETTINGS].help_desk)),
        WrongPass.NO_APPS: _("Choose at least one app."),
        WrongPass.OWN: _(phrases.OWN_BY_COLLEAGUE),
        WrongPass.HAS_ONE: _("They already have a pass. End it first."),
        WrongPass.SAME_PERSON: _("You gave this pass, so a colleague has to confirm it."),
        WrongPass.GONE: _("This pass has ended, or was confirmed before."),
    }[why]


def _record(request: web.Request, session: Session, event: str, given: GivenPass, **facts: int) -> None:
    """What it is for is no secret; its code is in no line."""
    record(
        request,
        session,
        event,
        person_realm=given.realm,
        person_guid=given.guid,
        pass_id=given.pass_id,
        reason=given.reason,
        apps=", ".join(given.apps),
        ends_at=int(given.ends_at),
        given_by=given.given_by.guid,
        needs_second=int(given.needs_second),
        **facts,
    )
