"""Why somebody cannot sign in, step by step. Names are posted, never in a URL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import web

from directory.directory import DescribingDirectory, Directory
from directory.principal import Principal
from proxy.help_desk.explaining import SignInQuestion
from proxy.help_desk.look_ups import TooManyAtOnce
from proxy.http.problem import Problem
from proxy.http.reserved import ADMIN_PERSON
from proxy.languages.current import gettext as _
from proxy.pages.answers import Answer
from proxy.portal.admin.explanation import show_explanation
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page, app_names
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import REALMS, VISIT
from proxy.portal.csrf import Form
from proxy.portal.forms import MAX_FIELDS, Refused, WrongField, read_form, refused, require_csrf_token
from proxy.sessions.session import Session

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


async def show_person(request: web.Request, session: Session) -> web.StreamResponse:
    return _form(request, session, {})


async def take_person(request: web.Request, session: Session) -> web.StreamResponse:
    """Explain one person's sign-in. It changes nothing, but is recorded in the audit log."""
    fields = await own_form(request, session)
    question = _question(fields, app_names(request))
    if isinstance(question, WrongField):
        return _form(request, session, fields, wrong=question, status=HTTPStatus.BAD_REQUEST)
    async with look_up(request, session):
        return await show_explanation(request, session, question)


async def meant(request: web.Request, fields: Mapping[str, str]) -> tuple[Directory, Principal]:
    """Whom the page was about, as the directory knows them now. Raises `Refused` for nobody, and `DirectoryError`."""
    guid, directory = guid_in(fields), request.app[REALMS].of(fields.get("realm", ""))
    if not guid or directory is None or not isinstance(directory, DescribingDirectory):
        raise refused(Problem.BAD_FORM)
    state = await directory.state(guid)
    if state is None:
        raise refused(Problem.BAD_FORM)
    return directory, state.principal


def asked_before(request: web.Request, fields: Mapping[str, str]) -> SignInQuestion:
    """The question whose answer had the button."""
    question = _question(fields, app_names(request))
    if isinstance(question, WrongField):
        raise refused(Problem.BAD_FORM)
    return question


@asynccontextmanager
async def look_up(request: web.Request, session: Session) -> AsyncIterator[None]:
    """A place for one, and it is counted. Raises `Refused` for one too many."""
    look_ups = request.app[ADMIN_PARTS].look_ups
    wait = await look_ups.reserve(session.principal.guid, now=request[VISIT].now)
    if wait is not None:
        record(request, session, "refused", reason="look_ups")
        answer = Answer(
            problem=Problem.THROTTLED,
            detail=_("You have looked up many people in a short time."),
            retry_after_seconds=wait,
        )
        raise Refused(answer)
    try:
        async with look_ups.place():
            yield
    except TooManyAtOnce:
        raise refused(Problem.OVERLOADED) from None


async def own_form(request: web.Request, session: Session, *, most_fields: int = MAX_FIELDS) -> Mapping[str, str]:
    fields = await read_form(request, most_fields=most_fields)
    require_csrf_token(request, fields, Form.ADMIN, session.session_id)
    return fields


def _question(fields: Mapping[str, str], apps: Sequence[str]) -> SignInQuestion | WrongField:
    """What is asked, or what is wrong with it. Pure."""
    login, address, app = (fields.get(name, "").strip() for name in ("login", "address", "app"))
    if not login:
        return WrongField("login", _("Enter the user name."))
    if app and app not in apps:
        return WrongField("app", _("There is no such app."))
    if address:
        try:
            address = str(ip_address(address))
        except ValueError:
            return WrongField("address", _("This is not an IP address."))
    return SignInQuestion(login=login, address=address or None, app=app)


def guid_in(fields: Mapping[str, str]) -> str:
    """Whom the page was about; empty if the directory did not know. Raises `Refused` for what is no such thing."""
    guid = fields.get("guid", "")
    if guid and not _GUID.fullmatch(guid):
        raise refused(Problem.BAD_FORM)
    return guid


def _form(
    request: web.Request,
    session: Session,
    fields: Mapping[str, str],
    *,
    wrong: WrongField | None = None,
    status: int = 200,
) -> web.Response:
    return admin_page(
        request,
        session,
        "admin_person.html",
        here=ADMIN_PERSON,
        status=status,
        action=ADMIN_PERSON,
        fields={name: fields.get(name, "") for name in ("login", "address", "app")},
        apps=app_names(request),
        wrong=wrong,
    )
