"""What is told of a sign-in: who, where, by which scheme, and why not. No secrets, no numbers, no typed names.

It is the same for every way in, because the sign-in itself tells it. Each line is one of the log and, by the same call,
one of the audit (`proxy.audit.audited_log`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from structlog.typing import FilteringBoundLogger

from config.factors import Factor
from directory.principal import Account, Principal
from proxy.audit.recorder import NoAudit, Recorder
from proxy.operations.log import AUDIT_ALONE
from proxy.sessions.decided import NoteDecision, decided_on, not_noted, refused_after_first
from proxy.sessions.session import Session
from proxy.sessions.way import Way
from proxy.sign_in.client import Client
from proxy.sign_in.credentials import Credential


class SignInLog:
    def __init__(
        self,
        log: FilteringBoundLogger,
        *,
        count: Callable[[str, str], None],
        recorder: Recorder | None = None,
        note: NoteDecision = not_noted,
    ) -> None:
        """`count(outcome, realm)` counts each end of a sign-in: `Metrics.count_sign_in`. `recorder`: what `log` hands
        events to. `note` is told who got in, and who did not although they proved who they are."""
        self._log = log
        self._note = note
        self._count = count
        self._recorder = recorder or NoAudit()

    async def can_be_proved(self) -> None:
        """Where the audit is required, nobody is asked for anything while it cannot be written.

        Raises `AuditUnavailable`.
        """
        await self._recorder.written()

    def refused(self, client: Client, reason: str, *, realm: str = "", **facts: str) -> None:
        """Nobody is proven. `reason` and `facts` are for the log alone: the client is told none of them."""
        self._count(reason, realm)
        if realm:
            facts = {"realm": realm, **facts}
        self._log.info("sign_in.refused", reason=reason, **_from(client), **facts)

    def stopped(self, client: Client, principal: Principal, reason: str, *, first: Factor) -> None:
        """The `first` factor was right, but the sign-in stops."""
        self._count(reason, principal.realm)
        self._note(
            partial(refused_after_first, principal, factor=first, way=client.way, address=client.address, reason=reason)
        )
        self._of(client, principal, "sign_in.stopped", reason=reason)

    async def succeeded(self, client: Client, session: Session) -> None:
        """Before the outcome is given: where the audit is required, nobody gets in unless it has this line.

        Raises `AuditUnavailable`.
        """
        self._of(client, session.principal, "sign_in.succeeded", scheme=session.scheme, **_proven(session))
        await self._recorder.written()
        self._count("succeeded", session.principal.realm)
        self._note(partial(decided_on, session))

    async def stepped_up(self, client: Client, session: Session, factor: Factor) -> None:
        """A further factor was proven in a session that was signed in already; `factors` are all that it has now.

        As of a sign-in that succeeded, its line comes first. Raises `AuditUnavailable`.
        """
        facts = {"scheme": session.scheme, "factor": factor.value, **_proven(session)}
        self._of(client, session.principal, "step_up.done", **facts)
        await self._recorder.written()

    def step_up_begun(self, client: Client, session: Session, *, asked: str, factor: Factor) -> None:
        """A passcode was asked for, because an app wants what the scheme `asked` asks for."""
        self._of(client, session.principal, "step_up.begun", scheme=session.scheme, asked=asked, factor=factor.value)

    def passcode_refused(self, client: Client, principal: Principal, reason: str) -> None:
        self._of(client, principal, "passcode.refused", reason=reason)

    def password_changed(self, client: Client, principal: Principal, *, sessions_ended: int) -> None:
        self._of(client, principal, "password.changed", sessions_ended=sessions_ended)

    def password_not_changed(self, client: Client, principal: Principal, reason: str) -> None:
        self._of(client, principal, "password.not_changed", reason=reason)

    def factor_changed(self, client: Client, principal: Principal, event: str, factor: Factor) -> None:
        """A factor that people add to themselves was added or removed (`event`)."""
        self._of(client, principal, event, factor=factor.value)

    def credential_changed(self, client: Client, credential: Credential, event: str) -> None:
        """It was made or removed (`event`), by its person or an operator."""
        self._of_credential(client, credential, event)

    async def credential_used(self, client: Client, principal: Principal, credential: Credential) -> None:
        """A session began by it. Nobody signed in, so it is not counted as a sign-in that succeeded.

        As of one that did, its line comes first. Raises `AuditUnavailable`.
        """
        self._of_credential(client, credential, "credential.used")
        await self._recorder.written()
        self._count("credential_used", principal.realm)

    def credential_refused(self, client: Client, reason: str, *, app: str, credential: Credential | None) -> None:
        """`credential`: the one that it was, if it was one. `app`: what was asked for."""
        realm = "" if credential is None else credential.realm
        self._count(reason, realm)
        whose = {} if credential is None else _named(credential)
        self._log.info(
            "credential.refused",
            **{"reason": reason, **_from(client), **whose, "app": app},
        )

    def _of_credential(self, client: Client, credential: Credential, event: str) -> None:
        self._log.info(event, **_from(client), **_named(credential))

    def browser_remembered(self, client: Client, session: Session) -> None:
        self._of(client, session.principal, "browser.remembered", scheme=session.scheme)

    def browsers_forgotten(self, client: Client, person: Account | Principal, reason: str, *, count: int) -> None:
        """They stand for no second factor any more. ``stolen``: somebody copied the cookie of one."""
        self._of(client, person, "browser.forgotten", reason=reason, browsers=count)

    def reported(self, client: Client, *, realm: str, guid: str, sessions: int, browsers: int) -> None:
        """A person said, by the link in a mail, that a sign-in was not theirs."""
        facts = {"sessions": sessions, "browsers": browsers}
        self._log.warning("sign_in.reported", realm=realm, guid=guid, **_from(client), **facts)

    def number_reported(self, client: Client, principal: Principal, *, destination: str) -> None:
        """A person said that the number that their passcode went to is not theirs. `destination`: masked."""
        self._of(client, principal, "number.reported", destination=destination)

    def vouch(self, client: Client, principal: Principal, event: str, **facts: str | int) -> None:
        """Of the person who asks (`asked`, `not_possible`), or of the manager (`answered`, `refused`)."""
        self._of(client, principal, f"vouch.{event}", **facts)

    def signed_out(self, client: Client, principal: Principal) -> None:
        self._of(client, principal, "sign_out.done")

    def ended_by_person(self, client: Client, principal: Principal, *, count: int) -> None:
        self._of(client, principal, "session.ended", reason="by_the_person", sessions=count)

    def _of(self, client: Client, principal: Account | Principal, event: str, **facts: str | int) -> None:
        whose = {"realm": principal.realm, "guid": principal.guid, AUDIT_ALONE: principal.username}
        self._log.info(event, **{**_from(client), **whose, **facts})


def _from(client: Client) -> dict[str, str]:
    way = {} if client.way is Way.BROWSER else {"way": client.way.value}
    return {"incident": client.incident, "client_address": client.address, **way}


def _named(credential: Credential) -> dict[str, str]:
    """Its name is what somebody typed, and stays out."""
    return {
        "realm": credential.realm,
        "guid": credential.guid,
        AUDIT_ALONE: credential.username,
        "factor": credential.factor.value,
        "credential_id": credential.credential_id,
        "app": credential.app,
    }


def _proven(session: Session) -> dict[str, str]:
    """With the pass that was proven, if one was: the lines of the help desk name it too."""
    proven = {"factors": " ".join(proof.factor.value for proof in session.proven)}
    if session.confined is not None and session.confined.pass_id:
        proven["pass_id"] = session.confined.pass_id
    return proven if session.way is Way.BROWSER else {**proven, "way": session.way.value}
