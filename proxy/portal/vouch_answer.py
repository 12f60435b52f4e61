"""A manager says yes or no to those who ask them to vouch. It needs a second factor proven within ten minutes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web

from proxy.factors.passes.given_pass import GivenPass
from proxy.factors.passes.vouch import VouchRequest
from proxy.help_desk.vouching import WrongVouch, may_vouch
from proxy.http.problem import Problem
from proxy.http.reserved import ME, ME_VOUCH
from proxy.languages.current import N_, ngettext
from proxy.languages.current import gettext as _
from proxy.pages.instants import instant
from proxy.portal.app_keys import CLOCK, SETTINGS, VISIT
from proxy.portal.csrf import Form
from proxy.portal.forms import read_form, refused
from proxy.portal.landing import START_PAGE, TOLD
from proxy.portal.pages import form_token, page, redirect
from proxy.portal.pass_desk import vouching_of
from proxy.portal.step_up import session_for_changes
from proxy.sessions.session import Session

_YES, _NO = "yes", "no"
_TOLD: Mapping[str, str] = MappingProxyType(
    {_YES: N_("You vouched. They were told, and can go on now."), _NO: N_("You said no. Nothing was opened.")}
)
_WRONG: Mapping[WrongVouch, tuple[HTTPStatus, str]] = MappingProxyType(
    {
        WrongVouch.GONE: (HTTPStatus.CONFLICT, N_("This has been answered already, or is over. Nothing was changed.")),
        WrongVouch.HAS_PASS: (HTTPStatus.CONFLICT, N_("The help desk has given them a pass in the meantime.")),
        WrongVouch.NOT_THEIR_MANAGER: (
            HTTPStatus.FORBIDDEN,
            N_("The directory does not name you as their manager, so you cannot vouch for them."),
        ),
        WrongVouch.WORDS: (
            HTTPStatus.UNPROCESSABLE_ENTITY,
            N_("These are not the words on their page. Nothing was opened. If they asked you, let them ask again."),
        ),
    }
)


async def asks_of(request: web.Request, session: Session) -> str:
    """What other pages of this person say of those who ask them to vouch; empty: nobody does."""
    if session.confined is not None or not request.app[SETTINGS].help_desk.vouching:
        return ""
    count = len(await vouching_of(request).asked_of(session.principal, now=request[VISIT].now))
    said = ngettext("Somebody asks you to vouch for them", "%(num)d people ask you to vouch for them", count)
    return said if count else ""


async def show_vouch_answer(request: web.Request) -> web.StreamResponse:
    session = await _session(request)
    if not isinstance(session, Session):
        return session
    return await _list(request, session, notice=_(_TOLD.get(request.query.get(TOLD, ""), "")))


async def take_vouch_answer(request: web.Request) -> web.StreamResponse:
    fields = await read_form(request)
    session = await _session(request, fields)
    if not isinstance(session, Session):
        return session
    vouching, client, manager = vouching_of(request), request[VISIT].client, session.principal
    now, vouch_id = request.app[CLOCK](), fields.get("vouch", "")
    if not may_vouch(request.app[SETTINGS].schemes, session, now=now):
        raise refused(Problem.NOT_ALLOWED)
    match fields.get("answer"):
        case "no":
            wrong = await vouching.refuse(client, manager, vouch_id, now=now)
            if wrong is None:
                return redirect(f"{ME_VOUCH}?{TOLD}={_NO}")
        case "yes":
            given = await vouching.vouch(client, manager, vouch_id, fields.get("words", ""), now=now)
            if isinstance(given, GivenPass):
                return redirect(f"{ME_VOUCH}?{TOLD}={_YES}")
            if not isinstance(given, WrongVouch):
                response = await _list(
                    request,
                    session,
                    error=_("There were too many wrong answers. Try again later."),
                    status=HTTPStatus.TOO_MANY_REQUESTS,
                )
                response.headers["Retry-After"] = str(given.retry_after_seconds)
                return response
            wrong = given
        case _:
            raise refused(Problem.BAD_FORM)
    status, error = _WRONG[wrong]
    return await _list(request, session, error=_(error), status=status)


async def _session(request: web.Request, fields: Mapping[str, str] | None = None) -> Session | web.Response:
    said = {"title": _("Vouch for somebody"), "off": _("There is no second factor here that somebody could vouch for.")}
    return await session_for_changes(request, Form.VOUCH, ME_VOUCH, **said, fields=fields)


async def _list(
    request: web.Request, session: Session, *, notice: str = "", error: str = "", status: int = HTTPStatus.OK
) -> web.Response:
    found = await vouching_of(request).asked_of(session.principal, now=request[VISIT].now)
    return page(
        request,
        "vouch_answer.html",
        status=status,
        holds_session=True,
        action=ME_VOUCH,
        csrf_token=form_token(request, Form.VOUCH, session.session_id),
        requests=[_row(request, each) for each in found],
        notice=notice,
        error=error,
        me_href=ME,
        start_href=START_PAGE,
    )


def _row(request: web.Request, asked: VouchRequest) -> dict[str, object]:
    return {
        "vouch_id": asked.vouch_id,
        "name": asked.name,
        "login": asked.username,
        "apps": ", ".join(asked.apps),
        "reason": asked.reason,
        "hours": asked.hours,
        "asked": instant(asked.asked_at, request[VISIT].now),
        "offered": asked.offered,
    }
