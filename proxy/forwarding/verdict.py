"""What the gate says about one request, each with everything that is needed to act on it. Values; the reception
acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from config.client_kinds import ClientKind
from proxy.access.rules import PathRule
from proxy.forwarding.admissions import is_still_open
from proxy.forwarding.authorize import Question
from proxy.forwarding.cookies import RequestCookies
from proxy.forwarding.given_credential import GivenCredential
from proxy.forwarding.routes import Route
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.languages.current import Sentence
from proxy.sessions.kept_requests import KeptRequest
from proxy.sessions.session import Session


@dataclass(slots=True, kw_only=True)
class JudgedRequest:
    """A request to an app, or one that another proxy asks about, as far as it can be read without its session.

    Frozen to the type checker alone, as `Forward` is: one is made for each request whose session is looked up.
    """

    head: Final[RequestHead]
    question: Final[Question | None]
    route: Final[Route]
    """Of what is asked about."""
    rule: Final[PathRule | None]
    cookies: Final[RequestCookies]
    given: Final[GivenCredential | None] = None
    """What a client without a browser brought, where the app takes it."""
    address: Final[str] = ""
    """Then also that of the client, as limits count it."""

    @property
    def clients(self) -> frozenset[ClientKind]:
        """Who may come there."""
        return self.route.clients if self.rule is None else self.rule.clients

    @property
    def asked(self) -> RequestHead | Question:
        """What is judged: method, target and host."""
        return self.question or self.head


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseRequest:
    """Answer `problem`."""

    problem: Problem
    reason: str
    """For the log, and so is who it was where a `session` is known. Never a piece of the request."""
    app_name: str = ""
    detail: tuple[Sentence, ...] = ()
    """Said when it is answered, in the language of whoever reads it."""
    session: Session | None = None
    scheme: str = ""
    tab_href: str = field(default="", repr=False)
    question: Question | None = None
    ends: bool = False
    """Whether the connection ends with it, whatever the request says."""
    challenges: tuple[bytes, ...] = ()
    """Values of ``WWW-Authenticate`` for a 401; empty: that of Gatepost's own pages."""
    is_of_client: bool = False
    """Whether this is a client without a browser: it is never answered with a page."""
    retry_after_seconds: int | None = None
    error: Exception | None = field(default=None, repr=False)
    """An unforeseen error, for the log; `because_of` makes such a refusal."""

    @staticmethod
    def because_of(error: Exception, question: Question | None = None) -> RefuseRequest:
        """Any error denies."""
        return RefuseRequest(
            problem=Problem.INTERNAL, reason=type(error).__name__, question=question, ends=True, error=error
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer so, without a body: a redirect, or yes to another proxy that asked."""

    status: int
    lines: tuple[bytes, ...] = field(repr=False)
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOn:
    """A kept form that is sent on, and what it was kept under: where nothing of it reaches the app, it is kept on."""

    token: str = field(repr=False)
    form: KeptRequest


class Forward:
    """Pass it on. The same value serves every request with these fields on its connection (see `HeadMemory`).

    Its attributes are final, as those of a `RequestHead` are.
    """

    __slots__ = ("around", "fields", "identity_block", "not_kept", "route", "rule", "sent_on", "session_id")

    route: Final[Route]
    fields: Final[bytes]
    """All that follows the request line."""
    session_id: Final[str | None]
    rule: Final[PathRule | None]
    identity_block: Final[bytes]
    """What of the fields tells who this is; empty where there is no session, and only there."""
    sent_on: Final[SentOn | None]
    around: Final[tuple[bytes, bytes]]
    """What of `fields` stands before and behind the lines of the request's head."""
    not_kept: Final[RefuseRequest | None]
    """For a form on its way to the portal: what its sender is told if it does not get there."""

    def __init__(
        self,
        route: Route,
        fields: bytes,
        session_id: str | None = None,
        rule: PathRule | None = None,
        identity_block: bytes = b"",
        sent_on: SentOn | None = None,
        around: tuple[bytes, bytes] = (b"", b""),
        not_kept: RefuseRequest | None = None,
    ) -> None:
        self.route = route
        self.fields = fields
        self.session_id = session_id
        self.rule = rule
        self.identity_block = identity_block
        self.sent_on = sent_on
        self.around = around
        self.not_kept = not_kept

    def judge_again(self) -> Callable[[Session], bool]:
        """Says whether a request that was forwarded like this may stay open with a session whose principal has changed.

        It outlives the rest in a tunnel, and so it holds none of the fields.
        """
        app = self.route.app
        if app is None:
            return lambda session: True  # the portal judges by itself, page by page
        return partial(is_still_open, app=app, rule=self.rule, demand=self.route.demand)


class TellingForward(Forward):
    """The same where the answer says when the session ends. A class of its own: others pay nothing for it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardAs:
    """Pass on what came under another head."""

    head: RequestHead
    forward: Forward


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitButton:
    """Its body will tell whether this is an app's own form or the button that sends a kept one on."""

    request: JudgedRequest
    session: Session
    identity_block: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """This worker does not know yet whose session the request names: ask the store, and the gate again."""

    request: JudgedRequest


Verdict = Forward | ForwardAs | AwaitButton | LookUp | Respond | RefuseRequest
