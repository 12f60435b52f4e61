"""What an admin may do about a person: the buttons below the explanation, each of which is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from config.settings import Settings
from config.tables.store import SQLiteFile
from proxy.help_desk.person import NotFound
from proxy.help_desk.sessions import sessions_called
from proxy.help_desk.unlocking import unlock
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_PERSON
from proxy.languages.current import gettext as _
from proxy.languages.current import ngettext
from proxy.pages import phrases
from proxy.pages.amounts import duration
from proxy.pages.instants import instant_to_come
from proxy.portal.admin.explanation import Done, show_explanation
from proxy.portal.admin.person_page import asked_before, guid_in, look_up, meant, own_form
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import FLOW, KEYS, REALMS, SETTINGS, STORE, VISIT
from proxy.portal.csrf import Form
from proxy.portal.forms import refused
from proxy.portal.landing import sign_in_path
from proxy.portal.own_factors.factor_pages import ENROLLING
from proxy.portal.pages import OneButton, clear_session_cookie, form_token, message
from proxy.sessions.session import Session
from proxy.sign_in.changed_numbers import Confirmed, confirm_number
from proxy.sign_in.ending import end_person


async def take_end(request: web.Request, session: Session) -> web.StreamResponse:
    """End all of a person's sessions everywhere before the page says so, including those that step up in the
    meantime, and forget their browsers."""
    fields = await own_form(request, session)
    guid, warning = guid_in(fields), ""
    persons, directory = [guid], request.app[REALMS].of(fields.get("realm", ""))
    realm = directory.realm if directory is not None else ""
    if not guid:
        try:
            async with look_up(request, session):
                called = await sessions_called(
                    request.app[REALMS], request.app[STORE].sessions, fields.get("login", "")
                )
        except NotFound:
            raise refused(Problem.BAD_FORM) from None
        realm = called.realm
        persons = called.guids
        warning = (
            _("The directory could not say whose they are, so we found them by the user name.")
            if called.warning
            else ""
        )
    ended, store = 0, request.app[STORE]
    for whose in persons:
        with_them = await end_person(store.sessions, store.browsers, whose)
        record(request, session, "sessions_ended", person_realm=realm, person_guid=whose, sessions=with_them.sessions)
        _record_forgotten(request, session, realm, whose, with_them.browsers)
        ended += with_them.sessions
    if not persons:
        record(request, session, "sessions_ended", person_realm=realm, person_guid="", sessions=0)
    limit = _grace_note(request.app[SETTINGS]) if ended else ""
    if session.principal.guid in persons:
        own = _("Those were your own sessions: %(ended)s You can sign in again.", ended=_ended(ended))
        response = message(
            request,
            HTTPStatus.OK,
            _("You have signed yourself out"),
            " ".join(filter(None, (own, limit))),
            link=(sign_in_path(form=True), _("Sign in again")),
        )
        clear_session_cookie(request, response)
        return response
    return _done(request, session, fields, title=_("Sessions ended"), said=(_ended(ended), limit, warning))


def _ended(count: int) -> str:
    if count == 0:
        return _("There was no session to end.")
    return ngettext("One session has ended, everywhere.", "%(num)d sessions have ended, everywhere.", count)


def _grace_note(settings: Settings) -> str:
    """Where the end of a session cannot arrive: on a machine that cannot reach the store either. Pure."""
    if isinstance(settings.store.url, SQLiteFile):
        return ""
    return _(
        "Only a node that is cut off from the store may let them continue, for %(wait)s at most.",
        wait=duration(math.ceil(settings.sessions.store_grace)),
    )


async def take_unlock(request: web.Request, session: Session) -> web.StreamResponse:
    """Clear a person's counts, wrong passwords as far as the directory's own count allows."""
    fields = await own_form(request, session)
    question = asked_before(request, fields)
    async with look_up(request, session):
        done = await reset_limits(request, session, fields, address=question.address)
        return await show_explanation(request, session, question, done=done)


async def reset_limits(
    request: web.Request, session: Session, fields: Mapping[str, str], *, address: str | None = None
) -> Done:
    """Clear the counts of the person whom a form is about, and those of this address."""
    now = request[VISIT].now
    directory, principal = await meant(request, fields)
    mobile = request.app[SETTINGS].mobile
    kept = await unlock(request.app[FLOW].throttle, directory, principal, mobile=mobile, address=address, now=now)
    person = {"person_realm": principal.realm, "person_guid": principal.guid}
    record(request, session, "unlocked", **person, wrong_ones_too=kept is None, address_too=address is not None)
    reset = _("Their limits were reset.")
    if kept is None:
        return Done(text=reset)
    until = instant_to_come(kept.until, now) if kept.until is not None else None
    still = _("Wrong passwords still count: %(why)s.", why=kept.sentence)
    return Done(text=f"{reset} {still}", until=until)


async def take_confirm(request: web.Request, session: Session) -> web.StreamResponse:
    """Confirm that a changed number is the person's. Nobody may confirm their own."""
    fields = await own_form(request, session)
    visit, question = request[VISIT], asked_before(request, fields)
    async with look_up(request, session):
        principal = (await meant(request, fields))[1]
        if principal.guid == session.principal.guid:
            raise refused(Problem.NOT_ALLOWED, detail=_(phrases.CONFIRM_OWN))
        outcome = await confirm_number(
            request.app[SETTINGS],
            request.app[STORE].numbers,
            request.app[KEYS],
            request.app[FLOW].proving.notices,
            principal,
            name=fields.get("number", ""),
            incident=visit.incident,
            now=visit.now,
        )
        done = Done(
            text=_("Nothing was confirmed: the number has changed again, or no longer needs it. Check again."),
            is_bad=True,
        )
        if isinstance(outcome, Confirmed):
            person = {"person_realm": principal.realm, "person_guid": principal.guid}
            record(request, session, "number_confirmed", **person, destination=outcome.masked)
            done = Done(
                text=_("The number %(number)s is confirmed: codes go there from now on.", number=outcome.masked)
            )
        return await show_explanation(request, session, question, done=done)


async def take_factor(request: web.Request, session: Session) -> web.StreamResponse:
    """Remove a second factor that a person has added: it is lost, or not theirs. Nobody removes their own here."""
    fields = await own_form(request, session)
    question = asked_before(request, fields)
    async with look_up(request, session):
        principal = (await meant(request, fields))[1]
        if principal.guid == session.principal.guid:
            raise refused(Problem.NOT_ALLOWED, detail=_(phrases.FACTOR_OWN))
        incident = request[VISIT].incident
        removed = await request.app[ENROLLING].remove(principal, fields.get("factor", ""), incident=incident)
        done = Done(text=_("Nothing was removed: they no longer had it."), is_bad=True)
        if removed is not None:
            person = {"person_realm": principal.realm, "person_guid": principal.guid}
            record(request, session, "factor_removed", **person, factor=removed.factor.value)
            done = Done(text=_("It was removed. We tell them by mail and text message."))
        return await show_explanation(request, session, question, done=done)


async def take_forget(request: web.Request, session: Session) -> web.StreamResponse:
    """Forget all browsers that are remembered for a person: they are asked for a second factor everywhere."""
    fields = await own_form(request, session)
    guid, question = guid_in(fields), asked_before(request, fields)
    async with look_up(request, session):
        count = await request.app[STORE].browsers.forget_browsers(guid)
        directory = request.app[REALMS].of(fields.get("realm", ""))
        _record_forgotten(request, session, directory.realm if directory is not None else "", guid, count)
        forgotten = _("No browser was remembered any more.")
        if count:
            forgotten = _("Their browsers are forgotten: a code is asked for everywhere.")
        return await show_explanation(request, session, question, done=Done(text=forgotten))


async def take_settle(request: web.Request, session: Session) -> web.StreamResponse:
    """Take a person off the list of those who say that a sign-in was not theirs. Nobody settles their own."""
    fields = await own_form(request, session)
    guid, question = guid_in(fields), asked_before(request, fields)
    if guid == session.principal.guid:
        raise refused(Problem.NOT_ALLOWED, detail=_(phrases.SETTLE_OWN))
    async with look_up(request, session):
        if await request.app[STORE].reported.settle_reported(guid):
            record(request, session, "report_settled", person_guid=guid)
        return await show_explanation(request, session, question, done=Done(text=_("They are off the list.")))


def _record_forgotten(request: web.Request, session: Session, realm: str, guid: str, count: int) -> None:
    if count:
        record(request, session, "browsers_forgotten", person_realm=realm, person_guid=guid, browsers=count)


def _done(
    request: web.Request, session: Session, fields: Mapping[str, str], *, title: str, said: tuple[str, ...]
) -> web.Response:
    """What was done, and the way back to the explanation, which has changed by it."""
    asked = tuple((name, fields.get(name, "")) for name in ("login", "address", "app"))
    token = form_token(request, Form.ADMIN, session.session_id)
    return message(
        request,
        HTTPStatus.OK,
        title,
        " ".join(filter(None, said)),
        form=OneButton(action=ADMIN_PERSON, fields=(("csrf_token", token), *asked), button=_("Check again")),
        link=(ADMIN_PERSON, _("Look up somebody else")),
    )
