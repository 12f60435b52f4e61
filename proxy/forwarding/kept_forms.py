"""Forms that meet an ended or too weak session: which are kept, and how a kept one is sent on.

The portal keeps and shows them (`proxy.portal.kept_request`). The button of its page posts to the form's own target, by
way of a 307, a body of `SENDING_BYTES`, which is read here until it is clear whether it is that button's or the app's
own.
"""

from __future__ import annotations

from dataclasses import replace

from proxy.http.head_reading import parse_request_head
from proxy.http.request_head import RequestHead
from proxy.http.reserved import MAX_RETURN_TARGET_BYTES
from proxy.pages.answers import wants_page
from proxy.sessions.kept_requests import SENDING_BYTES, KeptRequest

_URLENCODED = b"application/x-www-form-urlencoded"
_FORM_TYPES = (_URLENCODED, b"multipart/form-data", b"text/plain")
"""HTML standard, "form submission": the three that a page can send without a script."""


def is_form(head: RequestHead) -> bool:
    """Whether a person sent this from a page and waits for the next page."""
    if head.method != b"POST" or not wants_page(
        head.fields.accept, head.fields.fetch_mode, head.fields.fetch_dest, b"GET"
    ):
        return False
    return _content_type(head) in _FORM_TYPES


def is_sent_from_page(head: RequestHead) -> bool:
    """Whether a person waits for the next page, for any kind of body that their browser sent."""
    if is_form(head):
        return True
    return (
        head.fields.has_body
        and head.fields.fetch_mode is not None
        and wants_page(None, head.fields.fetch_mode, head.fields.fetch_dest, b"GET")
    )


def _content_type(head: RequestHead) -> bytes:
    """Without parameters; empty where there is not exactly one."""
    types = [line[13:].strip(b" \t").lower() for line in head.lines if line[:13].lower() == b"content-type:"]
    return types[0].partition(b";")[0].rstrip(b" \t") if len(types) == 1 else b""


def may_be_kept(head: RequestHead) -> bool:
    """Whether a form's target is one that can be shown and posted to again."""
    return len(head.target) <= MAX_RETURN_TARGET_BYTES and head.target.isascii()


def may_be_sending(head: RequestHead) -> bool:
    """Whether this may be the button of the page that shows a kept form: what a browser sends for it, nothing else.

    Its body is awaited here, and nobody would tell a client that waits for ``100 Continue`` to send it.
    """
    return (
        head.fields.content_length == SENDING_BYTES
        and not head.fields.expects_continue
        and is_form(head)
        and _content_type(head) == _URLENCODED
    )


def restored(button: RequestHead, kept: KeptRequest, cookie: bytes) -> RequestHead:
    """The head of a kept form, as if it came now: read as strictly as the first time, on the button's connection.

    `cookie` is what the button came with, less Gatepost's own. Cookies for parts of the app came only with the form.
    """
    lines = [
        b"POST " + kept.target.encode("ascii") + b" HTTP/1.1",
        b"Host: " + button.fields.host_field,
        *kept.lines,
        b"Content-Length: %d" % len(kept.body),
    ]
    head = parse_request_head(b"\r\n".join(lines) + b"\r\n\r\n")
    fields = replace(
        head.fields,
        cookie=_merged(kept.cookie, cookie) or None,
        held=button.fields.held,
        is_http_1_1=button.fields.is_http_1_1,
        keeps_alive=button.fields.keeps_alive,
        authorization=button.fields.authorization,
        forwarded_for=button.fields.forwarded_for,
        forwarded_proto=button.fields.forwarded_proto,
        forwarded_host=button.fields.forwarded_host,
        forwarded=button.fields.forwarded,
    )
    return RequestHead(head.method, head.target, head.lines, fields)


def _merged(older: bytes, newer: bytes) -> bytes:
    """Two ``Cookie`` values as one; of a name in both, the newer."""
    pairs: dict[bytes, bytes] = {}
    for value in (older, newer):
        for pair in value.split(b";"):
            name = pair.partition(b"=")[0].strip(b" \t")
            if name:
                pairs[name] = pair.strip(b" \t")
    return b"; ".join(pairs.values())
