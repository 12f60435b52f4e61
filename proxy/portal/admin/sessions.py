"""Who is signed in, from where and to what: found by person, app or address, and ended one by one or all of a person.

Names are posted, never in a URL. No session id, cookie or token is on the page: a session goes by the short name that
`gatepost sessions list` has for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_network

from aiohttp import web

from proxy.access.networks import is_within, parse_address
from proxy.help_desk.person import NotFound
from proxy.help_desk.sessions import sessions_called, short_name_of
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_END, ADMIN_PERSON, ADMIN_SESSIONS, ADMIN_SESSIONS_END
from proxy.languages.current import gettext as _
from proxy.languages.current import ngettext
from proxy.languages.figures import figure
from proxy.pages.instants import instant, instant_to_come
from proxy.pages.way_texts import way_in_words
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page, app_names
from proxy.portal.admin.person_page import guid_in, look_up, own_form
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import REALMS, SETTINGS, STORE, VISIT
from proxy.portal.device import describe_device
from proxy.portal.forms import WrongField, refused
from proxy.portal.me import apps_of
from proxy.sessions.session import Level, Session

MOST_SEARCHED = 1000
"""The newest ones, where nobody is named: so that a search takes no longer with a hundred thousand."""
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionsAsked:
    """Which sessions; what is empty, or None, leaves none out."""

    login: str = ""
    app: str = ""
    network: _Network | None = None

    @property
    def by(self) -> str:
        """For the log, which has no typed names."""
        given = {"person": self.login, "app": self.app, "address": self.network}
        return " ".join(name for name, value in given.items() if value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionsFound:
    sessions: Sequence[Session]
    hosts: Mapping[str, Sequence[str]]
    """By `session_id`: those where it has a cookie."""
    realm: str = ""
    guid: str = ""
    """Of the person who was named, where the directory knows them."""
    warning: str = ""


async def show_sessions(request: web.Request, session: Session) -> web.StreamResponse:
    return await _list(request, session, {})


async def take_sessions(request: web.Request, session: Session) -> web.StreamResponse:
    """Find some. It changes nothing."""
    return await _list(request, session, await own_form(request, session))


async def take_end_one(request: web.Request, session: Session) -> web.StreamResponse:
    """End one session, everywhere before the page says so."""
    fields = await own_form(request, session)
    store, guid = request.app[STORE].sessions, guid_in(fields)
    named = [each for each in await store.sessions(guid) if short_name_of(each) == fields.get("session", "")]
    if any(each.session_id == session.session_id for each in named):
        raise refused(Problem.BAD_FORM)  # this one ends by signing out
    ended = [each for each in named if await store.end_session(each.session_id)]
    for each in ended:
        person = {"person_realm": each.principal.realm, "person_guid": guid}
        record(request, session, "sessions_ended", **person, sessions=1)
    notice = _("That session had already ended.")
    if ended:
        notice = ngettext("One session has ended, everywhere.", "%(num)d sessions have ended, everywhere.", len(ended))
    return await _list(request, session, fields, notice=notice)


async def _list(request: web.Request, session: Session, fields: Mapping[str, str], *, notice: str = "") -> web.Response:
    asked = _asked(fields, app_names(request))
    if isinstance(asked, WrongField):
        return _page(request, session, fields, wrong=asked)
    async with look_up(request, session):
        try:
            found = await _find(request, asked)
        except NotFound as error:
            return _page(request, session, fields, wrong=WrongField("login", str(error)))
    person = {"person_realm": found.realm, "person_guid": found.guid} if found.guid else {}
    record(request, session, "sessions_shown", searched_by=asked.by, sessions=len(found.sessions), **person)
    return _page(request, session, fields, found=found, notice=notice)


def _asked(fields: Mapping[str, str], apps: Sequence[str]) -> _SessionsAsked | WrongField:
    """Pure."""
    login, address, app = (fields.get(name, "").strip() for name in ("login", "address", "app"))
    if app and app not in apps:
        return WrongField("app", _("There is no such app."))
    try:
        network = ip_network(address, strict=False) if address else None
    except ValueError:
        return WrongField("address", _("This is not an IP address."))
    return _SessionsAsked(login=login, app=app, network=network)


async def _find(request: web.Request, asked: _SessionsAsked) -> _SessionsFound:
    """The last used first. Raises `NotFound` and `StoreUnavailable`."""
    settings, store, now = request.app[SETTINGS], request.app[STORE].sessions, request[VISIT].now
    realm = guid = warning = ""
    if asked.login:
        called = await sessions_called(request.app[REALMS], store, asked.login)
        kept, realm, guid, warning = called.sessions, called.realm, called.guid, called.warning
    else:
        kept = await store.newest_sessions(MOST_SEARCHED)
    live = [
        each
        for each in kept
        if not each.is_over(settings.sessions, now)
        and (asked.network is None or is_within(parse_address(each.client_address), [asked.network]))
    ]
    hosts = await store.hosts_of([each.session_id for each in live])
    if asked.app:
        live = [each for each in live if asked.app in apps_of(settings.apps, each, hosts.get(each.session_id, ()))]
    live.sort(key=lambda each: each.last_used_at, reverse=True)
    return _SessionsFound(sessions=live, hosts=hosts, realm=realm, guid=guid, warning=warning)


def _page(
    request: web.Request,
    session: Session,
    fields: Mapping[str, str],
    *,
    found: _SessionsFound | None = None,
    wrong: WrongField | None = None,
    notice: str = "",
) -> web.Response:
    count = 0 if found is None else len(found.sessions)
    shown = page_of(fields.get(PAGE, ""), count, path=ADMIN_SESSIONS)
    rows = [] if found is None else [
        _row(request, session, each, found.hosts.get(each.session_id, ()))
        for each in found.sessions[shown.first : shown.last]
    ]  # fmt: skip
    asked = {name: fields.get(name, "") for name in ("login", "address", "app")}
    bounded = _(
        "Of the newest %(most)s sessions. To see all of one person, enter their name.", most=figure(MOST_SEARCHED)
    )
    return admin_page(
        request,
        session,
        "admin_sessions.html",
        here=ADMIN_SESSIONS,
        status=HTTPStatus.OK if wrong is None else HTTPStatus.BAD_REQUEST,
        action=ADMIN_SESSIONS,
        end_action=ADMIN_SESSIONS_END,
        all_action=ADMIN_END,
        person_action=ADMIN_PERSON,
        fields=asked,
        apps=app_names(request),
        wrong=wrong,
        notice=notice,
        warning=_("The directory could not say whose they are, so we found them by the user name.")
        if found is not None and found.warning
        else "",
        bounded="" if asked["login"].strip() else bounded,
        whole=None if found is None or not found.guid else {"realm": found.realm, "guid": found.guid},
        rows=rows,
        page=shown,
        is_found=found is not None,
    )


def _row(request: web.Request, session: Session, shown: Session, hosts: Sequence[str]) -> dict[str, object]:
    settings, now = request.app[SETTINGS], request[VISIT].now
    address = parse_address(shown.client_address)
    return {
        "name": short_name_of(shown),
        "guid": shown.principal.guid,
        "person": f"{shown.principal.realm}\\{shown.principal.username}",
        "is_this": shown.session_id == session.session_id,
        "is_half": shown.level is not Level.SIGNED_IN,
        "scheme": shown.scheme,
        "factors": ", ".join(proof.factor.value for proof in shown.proven),
        "from": way_in_words(shown.way.value) or describe_device(shown.user_agent),
        "address": shown.client_address,
        "networks": ", ".join(each.name for each in settings.networks if is_within(address, each.addresses)),
        "since": instant(shown.begun_at, now),
        "used": instant(shown.last_used_at, now),
        "ends": instant_to_come(shown.ends_at(settings.sessions), now),
        "apps": ", ".join(apps_of(settings.apps, shown, hosts)),
    }
