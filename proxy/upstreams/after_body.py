"""What may follow a request with a body, or an answer that should have none, on its upstream connection: pure.

An app that does not read a body takes it for its next request ("CL.0"), and runs it with the identity of the next
person on the connection. HTTP does not show whether a body was read. So after a body a connection carries no other
person's request, and the request itself says that it is the last: an app that closes after its answer does not look at
the rest. Only the portal, which is Gatepost's own, is known to read every body or to close.
"""

from __future__ import annotations

from proxy.http.request_head import RequestHead
from proxy.http.response_head import ResponseHead
from proxy.upstreams.upstream import Upstream


def is_last(head: RequestHead, upstream: Upstream, session_id: str | None) -> bool:
    """Whether this request gets a connection of its own, which ends with the answer (RFC 9112 section 9.6)."""
    return (
        head.fields.has_body
        and not upstream.is_portal
        and (session_id is None or not upstream.settings.reuse_after_body)
    )


def owner_after(head: RequestHead, upstream: Upstream, session_id: str | None) -> str | None:
    """The session that alone may go on using the connection of a request that is not the last; None: every one."""
    return session_id if head.fields.has_body and not upstream.is_portal else None


def may_bring_more(head: RequestHead, answer: ResponseHead, upstream: Upstream) -> bool:
    """Whether an app may send, behind the head of its whole answer, a body that should not be there.

    Many apps use the handler for ``GET`` for ``HEAD`` too. Its body, which an attacker may have uploaded, would be read
    as the answer to the next request on the connection. A body that comes with the head is seen, but often it comes
    later.
    """
    return head.method == b"HEAD" and answer.content_length != 0 and not upstream.is_portal
