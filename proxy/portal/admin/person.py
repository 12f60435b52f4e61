"""Why somebody cannot sign in, step by step, and what an admin may do about it. Names are posted, never in a URL."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import web

from config.settings import Settings
from config.store_url import is_redis_url
from proxy.answers import Answer, Problem
from proxy.help_desk.explaining import Explanation, Question
from proxy.help_desk.person import NotFound
from proxy.help_desk.sessions import sessions_called
from proxy.help_desk.steps import Hints
from proxy.help_desk.unlocking import unlock
from proxy.mobile_formats.words import one_line
from proxy.portal.admin.audit import log_ended, log_explained, log_turned_away, log_unlocked
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page
from proxy.portal.admin.places import TooManyAtOnce
from proxy.portal.admin.texts import WORDS
from proxy.portal.csrf import Form
from proxy.portal.forms import Refused, read_form, refused, require_csrf_token
from proxy.portal.keys import PARTS, VISIT
from proxy.portal.landing import sign_in_path
from proxy.portal.pages import clear_session_cookie, form_token, message
from proxy.portal.refusals import OneButton
from proxy.reserved import ADMIN_END, ADMIN_PERSON, ADMIN_UNLOCK
from proxy.sessions.session import Session
from proxy.texts import ENGLISH

ON_THE_PAGE = Hints(app=WORDS.hint_app, address=WORDS.hint_address, unlock=WORDS.hint_unlock)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with which field of a question."""

    field: str
    text: str


async def show_person(request: web.Request, session: Session) -> web.StreamResponse:
    return _form(request, session, {})


async def take_person(request: web.Request, session: Session) -> web.StreamResponse:
    """Explain one person's sign-in. Nothing is changed; it is in the audit log all the same."""
    fields = await _own_form(request, session)
    question = _question(fields, _app_names(request))
    if isinstance(question, _Wrong):
        return _form(request, session, fields, wrong=question, status=HTTPStatus.BAD_REQUEST)
    now = request[VISIT].now
    async with _look_up(request, session):
        explanation = await request.app[ADMIN_PARTS].explaining.explain(question, now=now)
    log_explained(request, session, explanation.account, verdict=explanation.can_sign_in)
    account = explanation.account
    count = None
    if account is not None:
        limits = request.app[PARTS].settings.sessions
        found = await request.app[PARTS].store.sessions(account.guid)
        count = sum(not each.is_over(limits, now) for each in found)
    return admin_page(
        request,
        session,
        "admin_explanation.html",
        here=ADMIN_PERSON,
        headline=_headline(explanation, question),
        can_sign_in=explanation.can_sign_in,
        steps=explanation.steps,
        sessions=WORDS.sessions_unknown if count is None else WORDS.sessions(count),
        has_sessions=count is None or count > 0,
        is_self=account is not None and account.guid == session.principal.guid,
        is_known=account is not None,
        fields={
            "login": question.login,
            "address": question.address or "",
            "app": question.app,
            "realm": account.realm if account is not None else "",
            "guid": account.guid if account is not None else "",
        },
        apps=_app_names(request),
        action=ADMIN_PERSON,
        end_action=ADMIN_END,
        unlock_action=ADMIN_UNLOCK,
    )


async def take_end(request: web.Request, session: Session) -> web.StreamResponse:
    """End all of a person's sessions, in force everywhere before the page says so, and what steps up meanwhile."""
    fields = await _own_form(request, session)
    parts = request.app[PARTS]
    guid, warning = _guid(fields), ""
    persons, directory = {guid}, parts.realms.of(fields.get("realm", ""))
    realm = directory.realm if directory is not None else ""
    if not guid:
        try:
            async with _look_up(request, session):
                called = await sessions_called(parts.realms, parts.store, fields.get("login", ""))
        except NotFound:
            raise refused(Problem.BAD_FORM) from None
        realm = called.realm
        persons = {called.guid} if called.guid else {each.principal.guid for each in called.sessions}
        warning = WORDS.sessions_not_by_account if called.warning else ""
    ended = 0
    for whose in sorted(persons):
        count = await parts.store.end_sessions_of(whose)
        log_ended(request, session, realm, whose, count=count)
        ended += count
    if not persons:
        log_ended(request, session, realm, "", count=0)
    limit = _grace_note(parts.settings) if ended else ""
    if session.principal.guid in persons:
        response = message(
            request,
            status=HTTPStatus.OK,
            title=WORDS.sessions_own_title,
            text=" ".join(filter(None, (WORDS.sessions_own.format(ended=WORDS.ended(ended)), limit))),
            link_href=sign_in_path(form=True),
            link_text=ENGLISH.signed_out_again,
        )
        clear_session_cookie(request, response)
        return response
    return _done(request, session, fields, title=WORDS.sessions_ended_title, said=(WORDS.ended(ended), limit, warning))


def _grace_note(settings: Settings) -> str:
    """What the end of a session cannot reach: a machine that does not reach the store either. Pure."""
    if not is_redis_url(settings.store.url):
        return ""
    return WORDS.sessions_grace.format(wait=ENGLISH.duration(math.ceil(settings.sessions.store_grace)))


async def take_unlock(request: web.Request, session: Session) -> web.StreamResponse:
    """Begin a person's counts anew, but not those of wrong passwords where the directory counts them too."""
    fields = await _own_form(request, session)
    parts = request.app[PARTS]
    guid, directory = _guid(fields), parts.realms.of(fields.get("realm", ""))
    if not guid or directory is None:
        raise refused(Problem.BAD_FORM)
    keeps_passwords = await unlock(parts.throttle, directory, guid)
    log_unlocked(request, session, directory.realm, guid)
    more = WORDS.unlocked_but if keeps_passwords else ""
    return _done(request, session, fields, title=WORDS.unlocked_title, said=(WORDS.unlocked, more))


@asynccontextmanager
async def _look_up(request: web.Request, session: Session) -> AsyncIterator[None]:
    """A place for one, and it is counted. Raises `Refused` for one too many."""
    look_ups = request.app[ADMIN_PARTS].look_ups
    wait = await look_ups.reserve(session.principal.guid, now=request[VISIT].now)
    if wait is not None:
        log_turned_away(request, session, "look_ups")
        answer = Answer(problem=Problem.THROTTLED, detail=WORDS.person_too_many, retry_after_seconds=wait)
        raise Refused(answer)
    try:
        async with look_ups.place():
            yield
    except TooManyAtOnce:
        raise refused(Problem.OVERLOADED) from None


async def _own_form(request: web.Request, session: Session) -> Mapping[str, str]:
    fields = await read_form(request)
    require_csrf_token(request, fields, Form.ADMIN, session.session_id)
    return fields


def _question(fields: Mapping[str, str], apps: Sequence[str]) -> Question | _Wrong:
    """What is asked, or what is wrong with it. Pure."""
    login, address, app = (fields.get(name, "").strip() for name in ("login", "address", "app"))
    if not login:
        return _Wrong("login", WORDS.person_no_login)
    if app and app not in apps:
        return _Wrong("app", WORDS.person_no_app)
    if address:
        try:
            address = str(ip_address(address))
        except ValueError:
            return _Wrong("address", WORDS.person_no_address)
    return Question(login=login, address=address or None, app=app)


def _app_names(request: web.Request) -> list[str]:
    return [app.name for app in request.app[PARTS].settings.apps]


def _guid(fields: Mapping[str, str]) -> str:
    """Whom the page was about; empty if the directory did not know. Raises `Refused` for what is no such thing."""
    guid = fields.get("guid", "")
    if guid and not _GUID.fullmatch(guid):
        raise refused(Problem.BAD_FORM)
    return guid


def _form(
    request: web.Request, session: Session, fields: Mapping[str, str], *, wrong: _Wrong | None = None, status: int = 200
) -> web.Response:
    return admin_page(
        request,
        session,
        "admin_person.html",
        here=ADMIN_PERSON,
        status=status,
        action=ADMIN_PERSON,
        fields={name: fields.get(name, "") for name in ("login", "address", "app")},
        apps=_app_names(request),
        wrong=wrong,
    )


def _headline(explanation: Explanation, question: Question) -> str:
    login = one_line(question.login)[:_LONGEST_SHOWN]
    if question.app:
        text = WORDS.person_can_reach if explanation.can_sign_in else WORDS.person_cannot_reach
        return text.format(login=login, app=question.app)
    text = WORDS.person_can if explanation.can_sign_in else WORDS.person_cannot
    return text.format(login=login)


def _done(
    request: web.Request, session: Session, fields: Mapping[str, str], *, title: str, said: tuple[str, ...]
) -> web.Response:
    """What was done, and the way back to the explanation, which has changed by it."""
    asked = tuple((name, fields.get(name, "")) for name in ("login", "address", "app"))
    token = form_token(request, Form.ADMIN, session.session_id)
    return message(
        request,
        status=HTTPStatus.OK,
        title=title,
        text=" ".join(filter(None, said)),
        form=OneButton(action=ADMIN_PERSON, fields=(("csrf_token", token), *asked), button=WORDS.person_again),
        link_href=ADMIN_PERSON,
        link_text=WORDS.person_another,
    )
