"""The answers that Gatepost gives on a client connection itself, as bytes on the wire."""

from __future__ import annotations

import http
import re
from collections.abc import Sequence
from urllib.parse import quote

from proxy.forwarding.authorize import Question
from proxy.forwarding.context import Context
from proxy.forwarding.cross_origin import readable_fields
from proxy.forwarding.kept_forms import is_sent_from_page
from proxy.forwarding.verdict import RefuseRequest
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.http.reserved import SIGNED_IN, language_cookie
from proxy.languages.current import Language, Sentence, in_language
from proxy.operations.incidents import new_incident_id
from proxy.pages import phrases
from proxy.pages.answers import Answer, render, wants_page
from proxy.sessions.cookies import read_cookie

_PAGE_ASKED_FOR = re.compile(rb"(?:GET|HEAD) .*?\r\naccept:[^\r\n]*text/html", re.IGNORECASE | re.DOTALL)
_SIGNED_OUT = frozenset((Problem.NOT_SIGNED_IN, Problem.SIGNED_OUT))
_LANGUAGE_ASKED_FOR = re.compile(rb"\r\naccept-language:([^\r\n]*)", re.IGNORECASE)
_NOTHING_SENT = frozenset((Problem.STORE_UNAVAILABLE, Problem.OVERLOADED, Problem.UPSTREAM_UNREACHABLE))
"""Problems that mean that nothing of the request reached its app."""
_AS_SENT = "".join(map(chr, range(33, 127)))
"""A target is written into a link as it was sent; what is no ASCII is escaped."""


def refusal(
    context: Context, refused: RefuseRequest, *, head: RequestHead | None, sent: bytes, client: str, closes: bool
) -> bytes:
    """`refused` as a page or as JSON; it is logged and counted.

    Of a request without a `head`, `sent` is what came of it. `client` is the address for the log.
    """
    with in_language(_language_of(context, head, sent)):
        return _refusal(context, refused, head=head, sent=sent, client=client, closes=closes)


def _refusal(
    context: Context, refused: RefuseRequest, *, head: RequestHead | None, sent: bytes, client: str, closes: bool
) -> bytes:
    problem, detail, target, window_href, readable = refused.problem, refused.detail, "", "", list[bytes]()
    if head is not None:
        asked = refused.question or head
        is_from_page = is_sent_from_page(head)
        method, target = head.method, _target_of(asked)
        again_href = _origin_of(context, asked) + target if target else ""
        page = (
            wants_page(head.fields.accept, head.fields.fetch_mode, head.fields.fetch_dest, asked.method) or is_from_page
        )
        page = page and not refused.is_of_client
        route = context.routes.get(asked.host)
        app = None if route is None else route.app
        if app is not None and problem in _SIGNED_OUT and not refused.is_of_client:
            window_href = _origin_of(context, asked) + SIGNED_IN
        readable = [] if page else readable_fields(app, head)
        if is_from_page and problem in _NOTHING_SENT and not detail:
            detail = (Sentence(phrases.NOT_PASSED_ON),)
    else:
        # Of a head that could not be read no more counts than how an answer ends (RFC 9110 section 9.3.2), and whether
        # it looks like a person's: they are told in a page what to do.
        method, again_href = b"HEAD" if sent.startswith(b"HEAD ") else b"GET", ""
        page = _PAGE_ASKED_FOR.match(sent) is not None
    answer = Answer(
        problem=problem,
        detail=" ".join(map(str, detail)),
        app=refused.app_name,
        scheme=refused.scheme,
        retry_after_seconds=refused.retry_after_seconds,
        challenges=tuple(each.decode("ascii") for each in refused.challenges),
        again_href=again_href,
        tab_href=refused.tab_href,
        window_href=window_href,
        incident=new_incident_id(),
    )
    context.metrics.count_refusal(problem.value)
    session, log = refused.session, context.log
    if refused.error is not None:
        log.error("forwarding.failed", error=type(refused.error).__name__, exc_info=refused.error)
    person = {} if session is None else {"realm": session.principal.realm, "guid": session.principal.guid}
    # The operator should see our own faults and the apps': they are warnings.
    (log.warning if answer.status >= 500 else log.info)(
        "request.refused",
        problem=problem.value,
        status=answer.status,
        reason=refused.reason,
        incident=answer.incident,
        app=refused.app_name,
        client_address=client,
        **person,
    )
    fields, body = render(
        answer,
        page=page,
        sign_in_origin=context.public_url.origin,
        now=context.clock(),
        look=context.look,
        languages=context.languages,
        target=target,
    )
    lines = [*(name + b": " + value for name, value in fields), *readable]
    return response(answer.status, lines, body, method=method, closes=closes)


def response(status: int, lines: Sequence[bytes], body: bytes = b"", *, method: bytes, closes: bool) -> bytes:
    """A whole response; to HEAD without its body."""
    reason = http.HTTPStatus(status).phrase.encode("ascii")
    out = [b"HTTP/1.1 %d %b" % (status, reason), *lines]
    if status != http.HTTPStatus.NO_CONTENT:  # RFC 9110 section 8.6: it may not say how long nothing is
        out.append(b"Content-Length: %d" % len(body))
    if closes:
        out.append(b"Connection: close")
    out.append(b"\r\n" if method == b"HEAD" else b"\r\n" + body)
    return b"\r\n".join(out)


def with_line(answer: bytes, line: bytes) -> bytes:
    """`answer` with one more header line."""
    return answer.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)


def _language_of(context: Context, head: RequestHead | None, sent: bytes) -> Language:
    """What whoever asks reads pages in. Most requests are forwarded, and never come here."""
    languages = context.languages
    if len(languages.in_order) == 1:
        return languages.default
    if head is None:
        accepted = [match[1]] if (match := _LANGUAGE_ASKED_FOR.search(sent)) is not None else []
        chosen = None
    else:
        accepted = [line[16:] for line in head.lines if line[:16].lower() == b"accept-language:"]
        name = language_cookie(context.public_url.scheme).encode("ascii")
        chosen = read_cookie([head.fields.cookie], name) if head.fields.cookie else None
    return languages.asked_for(b",".join(accepted).decode("latin-1"), (chosen or b"").decode("latin-1"))


def _target_of(asked: RequestHead | Question) -> str:
    """Path and query, if it is safe to ask for them again; otherwise empty."""
    if asked.method not in (b"GET", b"HEAD") or not asked.target.startswith(b"/"):
        return ""
    return quote(asked.target, safe=_AS_SENT)


def _origin_of(context: Context, asked: RequestHead | Question) -> str:
    public_url = context.public_url
    return f"{public_url.scheme}://{public_url.authority(asked.host.decode('ascii'))}"
