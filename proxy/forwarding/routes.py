"""Which host is whose: the apps, and the sign-in host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.addresses import PublicURL
from config.client_kinds import ClientKind
from config.settings import AppSettings, SchemeSettings
from proxy.access.rules import AppRules, create_app_rules
from proxy.access.schemes import AppDemand, create_app_demand
from proxy.upstreams.upstream import Upstream, app_upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a host stands for: an app, or (`app` is None) the sign-in pages."""

    host_name: str
    """What sessions are looked up by."""
    app: AppSettings | None
    upstream: Upstream
    rules: AppRules | None = None
    demand: AppDemand | None = None
    """What the app asks for besides a sign-in."""
    clients: frozenset[ClientKind] = frozenset({ClientKind.BROWSER})
    takes_credentials: bool = False
    """Whether there is more to look at than cookies."""


def create_routes(
    apps: Iterable[AppSettings], public_url: PublicURL, portal: Upstream, schemes: Iterable[SchemeSettings] = ()
) -> dict[bytes, Route]:
    """By host name as it is compared: lower case, no port, no trailing dot."""
    routes = {
        app.host.encode("ascii"): Route(
            host_name=app.host,
            app=app,
            upstream=app_upstream(app),
            rules=create_app_rules(app, schemes),
            demand=create_app_demand(app, schemes),
            clients=frozenset(app.clients),
            takes_credentials=app.takes_credentials,
        )
        for app in apps
    }
    routes[public_url.host.encode("ascii")] = Route(host_name=public_url.host, app=None, upstream=portal)
    return routes
