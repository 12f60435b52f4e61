"""Who may open the admin pages: judged on each request, by what the session holds now. In doubt, nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from config.factors import NOTHING_PROVES_IT
from config.settings import SchemeSettings
from config.tables.admin import AdminRight, AdminSettings
from proxy.access.networks import is_within, parse_address
from proxy.access.schemes import AppDemand, Asked, asked_by_name, counting_factors
from proxy.factors.proof import missing_choices
from proxy.http.fetch_metadata import is_brought_here, is_from_here
from proxy.http.problem import Problem
from proxy.http.reserved import RETURN_TO, SCHEME, STEP_UP
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.portal.admin.recording import record
from proxy.portal.admin.rights import rights_of
from proxy.portal.app_keys import SETTINGS, VISIT, current_session
from proxy.portal.forms import Refused, refused
from proxy.portal.landing import sign_in_path
from proxy.portal.pages import redirect
from proxy.portal.return_to import WayBack
from proxy.sessions.session import Level, Session

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AdminHandler = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The pages are open to this session."""


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """There is no session, or one that is not at its last step."""


@dataclass(frozen=True, slots=True)
class MissingGroups:
    """A member of any one of `groups` would be admitted."""

    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotFromHere:
    """The request comes from none of the networks."""


@dataclass(frozen=True, slots=True)
class MissingFactors:
    """Not every factor of `scheme` is proven; empty: no scheme is meant for this person."""

    scheme: str


@dataclass(frozen=True, slots=True)
class MissingRight:
    """They are admitted, and what they asked for takes a right that they lack."""

    right: AdminRight


@dataclass(frozen=True, slots=True)
class OnlyByPass:
    """The session was begun with a pass, which opens apps alone."""


Verdict = OnlyByPass | Admitted | NotSignedIn | MissingGroups | NotFromHere | MissingRight | MissingFactors


def judge(
    session: Session | None,
    admin: AdminSettings,
    schemes: Iterable[SchemeSettings],
    client_address: str,
    *,
    needs: AdminRight | None = None,
    now: float,
) -> Verdict:
    """`client_address` is where this request comes from; `needs`: the right that it takes, None: to be admitted at all.

    The factors are those of the scheme that `[admin]` names. Without one, they are those of a sign-in from no app at
    this place and time. So a session for certain apps does not open these pages, and neither does one that began where
    less was asked for and then moved.
    """
    if session is None or session.level is not Level.SIGNED_IN:
        return NotSignedIn()
    if session.confined is not None:
        return OnlyByPass()
    rights = rights_of(session.principal, admin)
    if not rights:
        return MissingGroups(admin.open_to)
    if admin.networks is not None and not is_within(parse_address(client_address), admin.networks):
        return NotFromHere()
    if needs is not None and needs not in rights:
        return MissingRight(needs)
    asked = demand_of(admin, schemes).asked_of(session.principal, session.begun_with, client_address)
    if missing_choices(asked.factors, counting_factors(session.proven, asked.freshness, now=now)):
        return MissingFactors(asked.scheme)
    return Admitted()


def demand_of(admin: AdminSettings, schemes: Iterable[SchemeSettings]) -> AppDemand:
    """What has to be proven. Nobody meets a scheme that does not exist; the configuration's checks have said so."""
    known = tuple(schemes)
    if admin.scheme is None:
        return AppDemand(app="", named=None, schemes=known)
    named = next((scheme for scheme in known if scheme.name == admin.scheme), None)
    asked = Asked(scheme=admin.scheme, factors=NOTHING_PROVES_IT) if named is None else asked_by_name(named)
    return AppDemand(app="", named=asked, schemes=())


def may_administer(request: web.Request, session: Session) -> bool:
    """Whether to show a link to the pages: a person who only has to prove more sees it, too."""
    settings, visit = request.app[SETTINGS], request[VISIT]
    verdict = judge(session, settings.admin, settings.schemes, visit.client_address, now=visit.now)
    return isinstance(verdict, Admitted) or (isinstance(verdict, MissingFactors) and bool(verdict.scheme))


def for_admins(handler: AdminHandler, *, back: str, needs: AdminRight | None) -> Handler:
    """The handler, for admins with this right only; None: for all of them. `back` is the page that somebody who signs
    in first is led to."""

    async def handle(request: web.Request) -> web.StreamResponse:
        _refuse_what_others_load(request)
        settings, visit = request.app[SETTINGS], request[VISIT]
        session = await current_session(request)
        verdict = judge(session, settings.admin, settings.schemes, visit.client_address, needs=needs, now=visit.now)
        match verdict:
            case Admitted() if session is not None:
                return await handler(request, session)
            case OnlyByPass() if session is not None:
                record(request, session, "refused", reason="pass")
                raise refused(Problem.NOT_ALLOWED, detail=_(phrases.NOT_HERE))
            case MissingGroups(groups):
                _turned_away(request, session, "groups")
                detail = _(phrases.OPEN_TO_GROUPS, groups=", ".join(groups))
                raise refused(Problem.NOT_ALLOWED, detail=detail)
            case MissingRight(right) if session is not None:
                raise lacking(request, session, right)
            case NotFromHere():
                _turned_away(request, session, "networks")
                raise refused(Problem.NOT_FROM_HERE)
            case MissingFactors(scheme) if scheme:
                return redirect(f"{STEP_UP}?{urlencode({SCHEME: scheme, RETURN_TO: back})}")
            case MissingFactors():
                _turned_away(request, session, "no_scheme")
                raise refused(Problem.NOT_ALLOWED, detail=_(phrases.NO_SCHEME_HERE))
            case _:
                return redirect(sign_in_path(WayBack(return_to=back)))

    return handle


def lacking(request: web.Request, session: Session, right: AdminRight) -> Refused:
    """The refusal of somebody who is admitted and lacks this right; it is recorded."""
    record(request, session, "refused", reason="rank", needs=right.value)
    return refused(Problem.NOT_ALLOWED, detail=_(phrases.NOT_YOUR_ROLE))


def _turned_away(request: web.Request, session: Session | None, reason: str) -> None:
    if session is not None:
        record(request, session, "refused", reason=reason)


def own_only(handler: Handler, *, back: str) -> Handler:
    """The handler, for what our own pages ask for: a link or a script elsewhere leads to the page `back`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not is_from_here(request.headers.get("Sec-Fetch-Site")):
            return redirect(back)
        return await handler(request)

    return handle


def _refuse_what_others_load(request: web.Request) -> None:
    """An app's page must not make an admin's browser read reports: the log would say that the admin did.

    Posted forms are judged where they are read. Raises `Refused`.
    """
    named = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Purpose")
    site, mode, dest, purpose = (request.headers.get(name) for name in named)
    if request.method in ("GET", "HEAD") and not is_brought_here(
        fetch_site=site, fetch_mode=mode, fetch_dest=dest, purpose=purpose
    ):
        raise refused(Problem.NOT_ALLOWED)
