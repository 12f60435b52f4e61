"""Where am I signed in: a person's sessions, each with a button that ends it.

A session is named on the page by a digest: its id never leaves the server. What is posted asks nothing more and does
one of four things: it ends one session (field `session`), all others (`others`) or all (`all`), or forgets a remembered
browser (`forget`). Signing out everywhere (else) forgets the browsers there too.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from config.factors import Factor
from config.settings import AppSettings
from directory.change_outcomes import PasswordChanger
from proxy.factors.remembered.browser import name_of
from proxy.http.problem import Problem
from proxy.http.reserved import ME, ME_APP_PASSWORDS, ME_FACTORS, ME_VOUCH, PASSWORD, SIGN_OUT
from proxy.languages.current import gettext as _
from proxy.pages.instants import instant, instant_to_come
from proxy.pages.way_texts import way_in_words
from proxy.portal.app_keys import FLOW, REALMS, SETTINGS, SIGN_IN_LOG, STORE, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.device import describe_device
from proxy.portal.forms import read_form, refused, require_csrf_token
from proxy.portal.landing import START_PAGE, sign_in_path
from proxy.portal.pages import form_token, page, redirect
from proxy.portal.return_to import WayBack
from proxy.portal.sign_out import signed_out
from proxy.portal.step_up import more_for_own_pages
from proxy.portal.vouch_answer import asks_of
from proxy.secrets.tokens import token_digest
from proxy.sessions.session import Level, Session
from proxy.sessions.way import Way
from proxy.sign_in.ending import end_each, end_person
from proxy.sign_in.enrolling import factors_to_add
from proxy.sign_in.own_credentials import apps_taking

ENDED = "ended"
"""Query field: how many sessions the button before this page ended."""
FORGOTTEN = "forgotten"
"""Query field: how many browsers it forgot."""
_BY_THE_PERSON = "by_the_person"


async def show_me(request: web.Request) -> web.StreamResponse:
    session = await current_session(request)
    if session is None or session.level is not Level.SIGNED_IN:
        return redirect(sign_in_path(WayBack(return_to=ME)))
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    sessions = await _sessions_of(request, session)
    hosts = await request.app[STORE].sessions.hosts_of([each.session_id for each in sessions])
    takes_app_passwords = bool(apps_taking(request.app[SETTINGS].apps, Factor.APP_PASSWORD))
    directory, is_own = request.app[REALMS].of(session.principal.realm), session.confined is None
    return page(
        request,
        "me.html",
        holds_session=True,
        action=ME,
        csrf_token=form_token(request, Form.ME, session.session_id),
        lead=_("Signed in as %(name)s", name=session.principal.display_name),
        sessions=[_row(request, each, session, hosts.get(each.session_id, ())) for each in sessions],
        browsers=await _browsers_of(request, session),
        vouch_text=await asks_of(request, session),
        vouch_href=ME_VOUCH,
        notice=_notice(request.query.get(ENDED, ""), request.query.get(FORGOTTEN, "")),
        factors_href=ME_FACTORS if factors_to_add(request.app[SETTINGS].schemes) and is_own else "",
        begins_again=_("It begins again as long as its app password stands."),
        app_passwords_title=_("App passwords"),
        app_passwords_href=ME_APP_PASSWORDS if takes_app_passwords and is_own else "",
        password_href=PASSWORD if isinstance(directory, PasswordChanger) and is_own else "",
        start_href=START_PAGE,
        sign_out_href=SIGN_OUT,
    )


async def take_me(request: web.Request) -> web.StreamResponse:
    """End what the button names, everywhere and at once. What has ended before is passed over."""
    fields = await read_form(request)
    session = await current_session(request)
    if session is None or session.level is not Level.SIGNED_IN:
        return redirect(sign_in_path(WayBack(return_to=ME)))
    require_csrf_token(request, fields, Form.ME, session.session_id)
    if (more := more_for_own_pages(request, session)) is not None:
        return more
    if "forget" in fields:
        remembering, name = request.app[FLOW].remembering, fields["forget"]
        count = await remembering.forget(request[VISIT].client, session.principal, [name], reason=_BY_THE_PERSON)
        return redirect(f"{ME}?{FORGOTTEN}={count}")
    ended, this_too = 0, "all" in fields
    if "all" in fields or "others" in fields:
        ended = await _end_others(request, session, keeps_browser="all" not in fields)
    elif "session" in fields:
        named = fields["session"].encode(errors="replace")
        sessions = await _sessions_of(request, session)
        chosen = [each for each in sessions if hmac.compare_digest(session_name(each).encode(), named)]
        this_too = session in chosen
        ended = await end_each(request.app[STORE].sessions, [each for each in chosen if each is not session])
    else:
        raise refused(Problem.BAD_FORM)
    if this_too:
        # Last: after an error on the way, the person can press the button again.
        ended += await request.app[STORE].sessions.end_session(session.session_id)
    request.app[SIGN_IN_LOG].ended_by_person(request[VISIT].client, session.principal, count=ended)
    if this_too:
        return signed_out(request)
    return redirect(f"{ME}?{ENDED}={ended}")


def session_name(session: Session) -> str:
    """What a session is called on the page: 43 characters of base64url that open nothing."""
    return urlsafe_b64encode(token_digest(session.session_id)).rstrip(b"=").decode()


async def _sessions_of(request: web.Request, session: Session) -> Sequence[Session]:
    """All of the person's sessions, this one first, then the latest used; also those that are still at the password."""
    now = request[VISIT].now
    found = await request.app[STORE].sessions.sessions(session.principal.guid)
    others = [
        each
        for each in found
        if each.session_id != session.session_id and not each.is_over(request.app[SETTINGS].sessions, now)
    ]
    return [session, *sorted(others, key=lambda each: each.last_used_at, reverse=True)]


async def _end_others(request: web.Request, session: Session, *, keeps_browser: bool) -> int:
    """All of the person's sessions but this one, and the browsers that are remembered for them."""
    store, visit, principal = request.app[STORE], request[VISIT], session.principal
    kept = name_of(visit.remembered) if visit.remembered and keeps_browser else ""
    ended = await end_person(store.sessions, store.browsers, principal.guid, kept=session, kept_browser=kept)
    if ended.browsers:
        log = request.app[SIGN_IN_LOG]
        log.browsers_forgotten(visit.client, principal, _BY_THE_PERSON, count=ended.browsers)
    return ended.sessions


async def _browsers_of(request: web.Request, session: Session) -> list[dict[str, Any]]:
    """The remembered ones, the latest used first."""
    visit = request[VISIT]
    this = name_of(visit.remembered) if visit.remembered else ""
    return [
        {
            "name": each.name,
            "device": describe_device(each.user_agent),
            "user_agent": each.user_agent,
            "is_this": each.name == this,
            "since": instant(each.made_at, visit.now),
            "last_used": instant(each.used_at, visit.now),
            "until": instant_to_come(each.expires_at, visit.now),
        }
        for each in await request.app[FLOW].remembering.of(session.principal, now=visit.now)
    ]


def _row(request: web.Request, shown: Session, this: Session, hosts: Sequence[str]) -> dict[str, object]:
    """One session as it is shown."""
    visit = request[VISIT]
    is_this = shown.session_id == this.session_id
    return {
        "name": session_name(shown),
        "device": describe_device(shown.user_agent),
        "user_agent": shown.user_agent,
        "way": way_in_words(shown.way.value),
        "is_of_app_password": shown.way is Way.APP_PASSWORD,
        "address": shown.client_address,
        "is_same_address": shown.client_address == visit.client_address,
        "is_this": is_this,
        "is_signed_in": shown.level is Level.SIGNED_IN,
        "since": instant(shown.begun_at, visit.now),
        "last_used": instant(visit.now if is_this else shown.last_used_at, visit.now),
        "apps": ", ".join(apps_of(request.app[SETTINGS].apps, shown, hosts)),
    }


def apps_of(apps: Sequence[AppSettings], shown: Session, hosts: Sequence[str]) -> Sequence[str]:
    """Where it was used; of a client that keeps no cookies, what it is for. `hosts`: where it has a cookie."""
    if shown.confined is not None and shown.way is not Way.BROWSER:
        return shown.confined.apps
    return [app.name for app in apps if app.host in hosts]


def _notice(ended: str, forgotten: str) -> str:
    if forgotten:
        return (
            _("That browser was not remembered any more.")
            if forgotten == "0"
            else _("That browser is forgotten: you will be asked for a code there.")
        )
    match ended:
        case "":
            return ""
        case "0":
            return _("That session had already ended.")
        case "1":
            return _("That session has ended.")
        case _:
            return _("All other sessions have ended.")
