"""What of `[[apps]] pass_fields` is seldom meant: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.field_kinds import canonical, is_for_proxies, is_loose, moves_request
from config.settings import AppSettings


def field_warnings(apps: Sequence[AppSettings], *, has_trusted_proxies: bool) -> Iterator[str]:
    """What works, but opens more than is obvious, or does nothing."""
    for app in apps:
        for field in app.pass_fields:
            name = f'apps ("{app.name}"): pass_fields: {field}'
            sent, folded = field.lower().encode("ascii"), canonical(field.encode("ascii"))
            for_proxies = is_for_proxies(folded)
            if for_proxies and not has_trusted_proxies:
                yield f"{name}: passes from server.trusted_proxies alone, and none is named there"
            if moves_request(folded):
                senders = "trusted proxies" if for_proxies else "everybody who may send the app a request"
                yield (
                    f"{name}: some servers answer another path, method or host for it, and rules are judged without it."
                    f" It passes from {senders}: leave it out unless the app needs it"
                )
            elif not for_proxies and not is_loose(sent):
                yield f"{name}: passes without being named"
