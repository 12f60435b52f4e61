"""The page that says why somebody cannot sign in: the verdict, what blocks, the rest, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from config.tables.admin import AdminRight
from directory.principal import Account
from proxy.help_desk.explaining import SignInQuestion
from proxy.help_desk.hints import Hints
from proxy.help_desk.passes import most_hours
from proxy.help_desk.people import local_realms
from proxy.help_desk.verdict import Step
from proxy.http.reserved import (
    ADMIN_CONFIRM,
    ADMIN_END,
    ADMIN_FACTOR,
    ADMIN_FORGET,
    ADMIN_GIVE,
    ADMIN_PASSES,
    ADMIN_PEOPLE_EDIT,
    ADMIN_PERSON,
    ADMIN_SETTLE,
    ADMIN_UNLOCK,
)
from proxy.languages.current import N_, ngettext
from proxy.languages.current import gettext as _
from proxy.pages.instants import Instant, instant, instant_to_come
from proxy.pages.way_texts import ways_in_words
from proxy.portal.admin.parts import ADMIN_PARTS, admin_page, app_names, may, may_change_people
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import SETTINGS, STORE, VISIT
from proxy.portal.device import describe_device
from proxy.portal.own_factors.factor_pages import ENROLLING, kind_of
from proxy.sessions.session import Session
from proxy.sign_in.enrolling import OwnFactor

ON_THE_PAGE = Hints(
    app=N_("choose the app below"),
    address=N_("enter the address below"),
    unlock=N_("use the button below"),
    confirm=N_("use the button below, for the number ending in %(ending)s"),
    country=N_("allow numbers of %(country)s, if codes may be sent there"),
)
_MOMENTS: Mapping[str, str] = MappingProxyType(
    {
        "until": N_("%(detail)s, until %(time)s"),
        "changed": N_("%(detail)s, changed %(time)s"),
        "held back until": N_("%(detail)s, held back until %(time)s"),
    }
)
"""By the words of `Step.moments`."""


OPENS = "opens:"
"""What the name of an app's tick begins with, in the form that gives a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a button did, above the explanation that it has changed."""

    text: str
    until: Instant | None = None
    is_bad: bool = False


async def show_explanation(
    request: web.Request, session: Session, question: SignInQuestion, *, done: Done | None = None
) -> web.Response:
    """The explanation as it is now; also recorded in the audit log."""
    now = request[VISIT].now
    explanation = await request.app[ADMIN_PARTS].explaining.explain(question, now=now)
    account, verdict = explanation.account, explanation.verdict
    numbers = explanation.numbers if may(request, session, AdminRight.NUMBERS) else ()
    browsers: list[dict[str, object]] = []
    help_desk = request.app[SETTINGS].help_desk
    count, has_pass, ways = None, None, ""
    reported = None
    if account is None:  # a name that no directory knows belongs to nobody, and is not recorded
        record(request, session, "explained", found=False)
    else:
        can_sign_in = explanation.can_sign_in
        person = {"person_realm": account.realm, "person_guid": account.guid}
        shown_too = {"numbers_shown": len(numbers)} if numbers else {}
        record(request, session, "explained", found=True, **person, can_sign_in=can_sign_in, **shown_too)
        found = await request.app[STORE].sessions.sessions(account.guid)
        live = [each for each in found if not each.is_over(request.app[SETTINGS].sessions, now)]
        count, ways = len(live), ways_in_words(each.way.value for each in live)
        all_reported = await request.app[STORE].reported.reported()
        reported = next((each for each in all_reported if each.guid == account.guid), None)
        browsers = [
            {
                "device": describe_device(each.user_agent),
                "made": instant(each.made_at, now),
                "used": instant(each.used_at, now),
            }
            for each in await request.app[STORE].browsers.browsers(account.guid)
            if now < each.expires_at
        ]
        passes = await request.app[STORE].passes.passes(account.guid, now=now)
        has_pass = _moment(passes[-1].ends_at, now) if passes else None
    own = [] if account is None else await request.app[ENROLLING].of(account)
    shown = [_shown(step, now) for step in explanation.steps]
    return admin_page(
        request,
        session,
        "admin_explanation.html",
        here=ADMIN_PERSON,
        done=done,
        verdict=verdict,
        until=_moment(verdict.until, now) if verdict.until is not None else None,
        more=_more(verdict.more),
        numbers=numbers,
        blocks=[step for step in shown if step["mark"] == "no"],
        rest=[step for step in shown if step["mark"] != "no"],
        sessions=_sessions(count, ways),
        has_sessions=count is None or count > 0,
        is_self=account is not None and account.guid == session.principal.guid,
        is_known=account is not None,
        confirmable=explanation.confirmable,
        fields={
            "login": question.login,
            "address": question.address or "",
            "app": question.app,
            "realm": account.realm if account is not None else "",
            "guid": account.guid if account is not None else "",
            "number": explanation.confirmable.name if explanation.confirmable is not None else "",
        },
        apps=app_names(request),
        factors=[_factor(each, now) for each in own],
        factor_action=ADMIN_FACTOR,
        browsers=browsers,
        reported=None if reported is None else instant(reported.at, now),
        settle_action=ADMIN_SETTLE,
        forget_action=ADMIN_FORGET,
        action=ADMIN_PERSON,
        end_action=ADMIN_END,
        unlock_action=ADMIN_UNLOCK,
        confirm_action=ADMIN_CONFIRM,
        gives_passes=help_desk.passes,
        has_pass=has_pass,
        edit_action=ADMIN_PEOPLE_EDIT if account is not None and _may_edit(request, session, account) else "",
        edited=account.username if account is not None else "",
        give_action=ADMIN_GIVE,
        passes_href=ADMIN_PASSES,
        opens=OPENS,
        most_hours=most_hours(help_desk),
    )


def _more(count: int) -> str:
    """How many more things block the sign-in."""
    said = ngettext(
        "One more thing blocks the sign-in: see below.",
        "%(num)d more things block the sign-in: see below.",
        count,
    )
    return said if count else ""


def _sessions(count: int | None, ways: str) -> str:
    """How many they have; None: nobody is known by that name. `ways`: those of them that are no browser's."""
    if count is None:
        return _(
            "Sessions are also kept by user name, so you can end those of somebody whom the directory no longer has."
        )
    if count == 0:
        said = _("They have no session.")
    else:
        said = ngettext("They have one session.", "They have %(num)d sessions.", count)
    return said + " " + _("Not of a browser: %(ways)s.", ways=ways) if ways else said


def _may_edit(request: web.Request, session: Session, account: Account) -> bool:
    """Whether they are a local person whom this admin may change."""
    realms = [each.name for each in local_realms(request.app[SETTINGS])]
    return account.realm in realms and may_change_people(request, session)


def _factor(own: OwnFactor, now: float) -> dict[str, object]:
    """What a person has added, as the page shows it."""
    kind = kind_of(own)
    detail = kind if own.left is None else _("%(count)s left", count=own.left)
    return {
        "name_in_forms": own.name_in_forms,
        "name": own.name or kind,
        "detail": detail if detail != own.name else "",
        "made": instant(own.made_at, now),
        "used": None if own.used_at is None else instant(own.used_at, now),
    }


def _shown(step: Step, now: float) -> dict[str, object]:
    """A step as the page shows it."""
    moments = [(_MOMENTS[word], _moment(at, now)) for word, at in step.moments]
    mark = "yes" if step.ok else "note" if step.ok is None else "no"
    return {"mark": mark, "name": _(step.name), "detail": step.detail, "moments": moments}


def _moment(at: float, now: float) -> Instant:
    return instant_to_come(at, now) if at > now else instant(at, now)
