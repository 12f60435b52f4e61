"""Local people on the admin pages: the list, and one of them with a new mobile number, or disabled.

Only for a group that the configuration names, and nobody changes their own number or account here. What a page writes
goes into the users file; the previous number and the mail address are told. Numbers are shown masked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import phonenumbers
from aiohttp import web

from config.problems import ConfigurationError
from config.settings import LocalDirectorySettings
from config.tables.admin import AdminRight
from directory.errors import DirectoryError
from directory.mobile import E164, UnusableNumber, UnusableReason, UsableNumber, first_usable, mask
from directory.users_file import LocalUser
from directory.users_writing import ChangedUser, NoSuchUser, UsersFileError
from proxy.help_desk.people import (
    local_realms,
    number_in_file,
    people_of,
    set_disabled,
    set_number,
    tell_number_set,
)
from proxy.http.problem import Problem
from proxy.http.reserved import (
    ADMIN_PEOPLE,
    ADMIN_PEOPLE_ACCOUNT,
    ADMIN_PEOPLE_EDIT,
    ADMIN_PEOPLE_JUDGE,
    ADMIN_PEOPLE_NUMBER,
)
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.operations.store_errors import StoreError
from proxy.pages import phrases
from proxy.portal.admin.entrance import AdminHandler, Handler, for_admins
from proxy.portal.admin.paging import PAGE, page_of
from proxy.portal.admin.parts import admin_page, is_of_people_groups
from proxy.portal.admin.person_page import guid_in, look_up, own_form
from proxy.portal.admin.recording import record
from proxy.portal.app_keys import FLOW, KEYS, LOG, REALMS, SETTINGS, STORE, VISIT
from proxy.portal.forms import WrongField, refused
from proxy.sessions.session import Session

_THE_LOG_SAYS = N_("Tell whoever runs Gatepost: the log says why.")
_WRONG = {
    UnusableReason.EMPTY: N_("Enter a mobile number."),
    UnusableReason.EXTENSION: N_("This has an extension. Enter a mobile number without one."),
    UnusableReason.SEVERAL: N_("This is more than one number. Enter one."),
    UnusableReason.AMBIGUOUS: N_("This could be a number of two countries. Begin it with + and its country code."),
    UnusableReason.NOT_MOBILE: N_("This is not a mobile number."),
    UnusableReason.COUNTRY: N_("Codes are not sent to this country."),
}
_INVALID = N_("This is not a valid number.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _LocalPerson:
    """One local person, and the directory that has them."""

    directory: LocalDirectorySettings
    user: LocalUser


def for_people(handler: AdminHandler) -> Handler:
    """The handler, for admins who may change local people."""

    async def handle(request: web.Request, session: Session) -> web.StreamResponse:
        if not is_of_people_groups(request, session):
            record(request, session, "refused", reason="people_groups")
            groups = ", ".join(request.app[SETTINGS].admin.people_groups or ())
            raise refused(Problem.NOT_ALLOWED, detail=_(phrases.OPEN_TO_GROUPS, groups=groups))
        return await handler(request, session)

    return for_admins(handle, back=ADMIN_PEOPLE, needs=AdminRight.ACT)


async def show_people(request: web.Request, session: Session) -> web.StreamResponse:
    return await _list(request, session)


async def take_edit(request: web.Request, session: Session) -> web.StreamResponse:
    """The page of one person."""
    fields = await own_form(request, session)
    found = await _meant(request, session, fields)
    if found is None:
        return await _list(request, session, error=_gone(), status=HTTPStatus.CONFLICT)
    record(request, session, "person_shown", **_person(found))
    return _edit(request, session, found)


async def take_number(request: web.Request, session: Session) -> web.StreamResponse:
    """Give them another number. Nobody gives themselves one."""
    fields = await own_form(request, session)
    typed = fields.get("mobile", "")
    async with look_up(request, session):
        found = await _meant(request, session, fields)
        if found is None:
            return await _list(request, session, error=_gone(), status=HTTPStatus.CONFLICT)
        _refuse_own(session, found)
        number = first_usable([typed], request.app[SETTINGS].mobile)
        if isinstance(number, UnusableNumber):
            wrong = WrongField("mobile", _judged(number))
            return _edit(request, session, found, typed=typed, wrong=wrong, status=HTTPStatus.BAD_REQUEST)
        changed = await _written(request, session, lambda: set_number(found.directory, found.user.username, number))
        if not isinstance(changed, ChangedUser):
            return await _unsaved(request, session, found, changed, typed=typed)
        record(request, session, "number_set", **_person(found), destination=mask(number.e164))
        told = await _told(request, changed, found.directory.name)
    notice = _("Codes go to %(number)s now.", number=mask(number.e164)) + " " + told
    return _edit(request, session, _LocalPerson(directory=found.directory, user=changed.after), notice=notice)


async def take_account(request: web.Request, session: Session) -> web.StreamResponse:
    """Let them no longer sign in, or sign in again. Nobody does so to themselves."""
    fields = await own_form(request, session)
    is_disabled = fields.get("account") == "disable"
    if not is_disabled and fields.get("account") != "enable":
        raise refused(Problem.BAD_FORM)
    async with look_up(request, session):
        found = await _meant(request, session, fields)
        if found is None:
            return await _list(request, session, error=_gone(), status=HTTPStatus.CONFLICT)
        _refuse_own(session, found)
        changed = await _written(
            request, session, lambda: set_disabled(found.directory, found.user.username, is_disabled)
        )
        if not isinstance(changed, ChangedUser):
            return await _unsaved(request, session, found, changed)
        event = "person_disabled" if is_disabled else "person_enabled"
        record(request, session, event, **_person(found))
    text = _("They cannot sign in any more.") if is_disabled else _("They can sign in again.")
    return _edit(request, session, _LocalPerson(directory=found.directory, user=changed.after), notice=text)


async def judge_typed(request: web.Request, session: Session) -> web.StreamResponse:
    """What Gatepost makes of what is being typed: as the form itself would judge it. Nothing is changed or kept."""
    fields = await own_form(request, session)
    number = first_usable([fields.get("mobile", "")], request.app[SETTINGS].mobile)
    answer = {"usable": isinstance(number, UsableNumber), "text": _judged(number)}
    return web.json_response(answer, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def _judged(number: UsableNumber | UnusableNumber) -> str:
    if isinstance(number, UsableNumber):
        return _("Codes will go to %(number)s.", number=_in_full(number.e164))
    return _(_WRONG.get(number.reason, _INVALID))


def _in_full(number: E164) -> str:
    """As people read it, and from left to right in any language."""
    form = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return f"\u2066{phonenumbers.format_number(phonenumbers.parse(number), form)}\u2069"


async def _meant(request: web.Request, session: Session, fields: Mapping[str, str]) -> _LocalPerson | None:
    """Whom the form is about, as the file has them now. Raises `Refused`."""
    guid = guid_in(fields)
    directory = next((each for each in local_realms(request.app[SETTINGS]) if each.name == fields.get("realm")), None)
    if not guid or directory is None:
        raise refused(Problem.BAD_FORM)
    user = next((each for each in await _read(request, session, directory) if each.guid == guid), None)
    return None if user is None else _LocalPerson(directory=directory, user=user)


async def _read(request: web.Request, session: Session, directory: LocalDirectorySettings) -> list[LocalUser]:
    """Raises `Refused` for a file that somebody has made wrong."""
    try:
        return await asyncio.to_thread(people_of, directory)
    except ConfigurationError as error:
        _log_failure(request, session, error)
        raise refused(Problem.DIRECTORY_UNAVAILABLE, detail=_(_THE_LOG_SAYS)) from None


def _refuse_own(session: Session, found: _LocalPerson) -> None:
    """Raises `Refused`."""
    if found.user.guid == session.principal.guid:
        raise refused(Problem.NOT_ALLOWED, detail=_(phrases.OWN_BY_COLLEAGUE))


async def _written(
    request: web.Request, session: Session, change: Callable[[], ChangedUser]
) -> ChangedUser | UsersFileError | ConfigurationError:
    try:
        return await asyncio.to_thread(change)
    except NoSuchUser as error:
        return error
    except (UsersFileError, ConfigurationError) as error:
        _log_failure(request, session, error)
        return error


def _log_failure(request: web.Request, session: Session, error: Exception) -> None:
    request.app[LOG].error(
        "people.failed",
        reason=str(error),
        incident=request[VISIT].incident,
        realm=session.principal.realm,
        guid=session.principal.guid,
    )


async def _unsaved(
    request: web.Request, session: Session, found: _LocalPerson, error: Exception, *, typed: str = ""
) -> web.Response:
    if isinstance(error, NoSuchUser):
        return await _list(request, session, error=_gone(), status=HTTPStatus.CONFLICT)
    wrong = WrongField("", _("Nothing was saved.") + " " + _(_THE_LOG_SAYS))
    return _edit(request, session, found, typed=typed, wrong=wrong, status=HTTPStatus.SERVICE_UNAVAILABLE)


async def _told(request: web.Request, changed: ChangedUser, realm: str) -> str:
    """Begin telling them, and what to say of it. The number is set, whatever becomes of this."""
    app, incident = request.app, request[VISIT].incident
    notices = app[FLOW].proving.notices
    try:
        is_told = await tell_number_set(
            changed, app[REALMS], realm, app[SETTINGS].mobile, app[STORE].numbers, app[KEYS], notices, incident=incident
        )
    except (DirectoryError, StoreError) as error:
        app[LOG].warning("notice.not_sent", to="old_phone", reason=str(error), incident=incident)
        return _("They could not be told.")
    return _("The previous number and the mail address are told.") if is_told else ""


def _gone() -> str:
    return _("There is nobody of this name any more.")


def _person(found: _LocalPerson) -> dict[str, str]:
    return {"person_realm": found.directory.name, "person_guid": found.user.guid}


async def _list(request: web.Request, session: Session, *, error: str = "", status: int = 200) -> web.Response:
    settings = request.app[SETTINGS]
    everybody = [
        _LocalPerson(directory=directory, user=user)
        for directory in local_realms(settings)
        for user in await _read(request, session, directory)
    ]
    shown = page_of(request.query.get(PAGE, ""), len(everybody), path=ADMIN_PEOPLE)
    record(request, session, "people_shown", people=len(everybody))
    return admin_page(
        request,
        session,
        "admin_people.html",
        here=ADMIN_PEOPLE,
        status=status,
        error=error,
        page=shown,
        rows=[_row(request, each) for each in everybody[shown.first : shown.last]],
        has_realms=len(local_realms(settings)) > 1,
        edit_action=ADMIN_PEOPLE_EDIT,
    )


def _row(request: web.Request, found: _LocalPerson) -> dict[str, object]:
    number = number_in_file(found.user, request.app[SETTINGS].mobile)
    return {
        "realm": found.directory.name,
        "guid": found.user.guid,
        "name": found.user.display_name,
        "username": found.user.username,
        "number": mask(number.e164) if isinstance(number, UsableNumber) else "",
        "is_disabled": found.user.disabled,
    }


def _edit(
    request: web.Request,
    session: Session,
    found: _LocalPerson,
    *,
    typed: str = "",
    wrong: WrongField | None = None,
    notice: str = "",
    status: int = 200,
) -> web.Response:
    return admin_page(
        request,
        session,
        "admin_people_edit.html",
        here=ADMIN_PEOPLE,
        status=status,
        may_fetch=True,
        person=_row(request, found),
        is_self=found.user.guid == session.principal.guid,
        typed=typed,
        wrong=wrong,
        notice=notice,
        own_text=_(phrases.OWN_BY_COLLEAGUE),
        judge_href=ADMIN_PEOPLE_JUDGE,
        number_action=ADMIN_PEOPLE_NUMBER,
        account_action=ADMIN_PEOPLE_ACCOUNT,
        list_href=ADMIN_PEOPLE,
    )
