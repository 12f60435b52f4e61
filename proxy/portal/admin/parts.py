"""What the admin pages work with beside the portal's own parts, and how a page of theirs is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from config.tables.admin import AdminRight
from proxy.audit.person_keys import PersonKeys
from proxy.help_desk.explaining import Explaining
from proxy.help_desk.look_ups import LookUps, Places
from proxy.http.reserved import (
    ADMIN,
    ADMIN_AUDIT,
    ADMIN_CONFIGURATION,
    ADMIN_MOBILES,
    ADMIN_PASSES,
    ADMIN_PEOPLE,
    ADMIN_PERSON,
    ADMIN_SENDS,
    ADMIN_SERVERS,
    ADMIN_SESSIONS,
    ADMIN_THROTTLED,
    ADMIN_UNDELIVERED,
    SIGN_OUT,
)
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.operations.health import Readiness
from proxy.portal.admin.report_maker import ReportMaker
from proxy.portal.admin.rights import rights_of
from proxy.portal.app_keys import SETTINGS
from proxy.portal.csrf import Form
from proxy.portal.landing import START_PAGE
from proxy.portal.pages import form_token, page
from proxy.sessions.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminParts:
    explaining: Explaining
    look_ups: LookUps
    reports: ReportMaker
    reading: Places
    """A report is taken apart and shown by one at a time: it may be large, and it takes processor time."""
    readiness: Callable[[], Awaitable[Readiness]] | None
    """What works; None where nobody watches it."""
    measured: Callable[[], Awaitable[Mapping[int, str | None]]]
    """What each worker of this node tells in `/metrics`, by its number; None: it did not answer."""
    person_keys: PersonKeys


ADMIN_PARTS = web.AppKey("admin_parts", AdminParts)
_NAVIGATION: tuple[tuple[str, str, AdminRight | None], ...] = (
    (ADMIN, N_("Overview"), None),
    (ADMIN_PERSON, N_("Why can't they sign in?"), AdminRight.LOOK),
    (ADMIN_SESSIONS, N_("Sessions"), AdminRight.LOOK),
    (ADMIN_THROTTLED, N_("Paused people"), AdminRight.LOOK),
    (ADMIN_PASSES, N_("Passes"), AdminRight.LOOK),
    (ADMIN_PEOPLE, N_("Local people"), AdminRight.ACT),
    (ADMIN_SENDS, N_("Codes sent"), AdminRight.LOOK),
    (ADMIN_UNDELIVERED, N_("Undelivered codes"), AdminRight.LOOK),
    (ADMIN_MOBILES, N_("Mobile numbers"), AdminRight.REPORT),
    (ADMIN_SERVERS, N_("Apps and servers"), AdminRight.LOOK),
    (ADMIN_AUDIT, N_("Audit"), AdminRight.AUDIT),
    (ADMIN_CONFIGURATION, N_("Configuration"), AdminRight.CONFIGURATION),
)
"""The pages, and the right that opens each: as in `routes.py`, which a test compares."""


def may(request: web.Request, session: Session, right: AdminRight) -> bool:
    """Whether somebody who is admitted has this right: for what a page shows, and for its buttons."""
    return right in rights_of(session.principal, request.app[SETTINGS].admin)


def may_change_people(request: web.Request, session: Session) -> bool:
    return may(request, session, AdminRight.ACT) and is_of_people_groups(request, session)


def is_of_people_groups(request: web.Request, session: Session) -> bool:
    """Beside the right to act."""
    groups = request.app[SETTINGS].admin.people_groups
    return groups is not None and not session.principal.groups.isdisjoint(groups)


def _navigation(request: web.Request, session: Session) -> list[tuple[str, str]]:
    left_out = set()
    if not request.app[SETTINGS].help_desk.lets_passes_stand_in:
        left_out.add(ADMIN_PASSES)
    if request.app[SETTINGS].audit.file is None:
        left_out.add(ADMIN_AUDIT)
    if not is_of_people_groups(request, session):
        left_out.add(ADMIN_PEOPLE)
    rights = rights_of(session.principal, request.app[SETTINGS].admin)
    return [
        (href, _(text))
        for href, text, needs in _NAVIGATION
        if href not in left_out and (needs is None or needs in rights)
    ]


def app_names(request: web.Request) -> list[str]:
    return [app.name for app in request.app[SETTINGS].apps]


def admin_page(
    request: web.Request,
    session: Session,
    template: str,
    *,
    here: str,
    status: int = 200,
    may_fetch: bool = False,
    **values: object,
) -> web.Response:
    """`here` is the page among those of the navigation."""
    return page(
        request,
        template,
        status=status,
        form_targets=None,
        may_fetch=may_fetch,
        may_be_framed=False,
        has_frame=False,
        holds_session=True,
        shown_at="",
        navigation=[
            {"href": href, "text": text, "is_here": href == here} for href, text in _navigation(request, session)
        ],
        csrf_token=form_token(request, Form.ADMIN, session.session_id),
        name=session.principal.display_name,
        may_act=may(request, session, AdminRight.ACT),
        start_href=START_PAGE,
        sign_out_href=SIGN_OUT,
        **values,
    )
