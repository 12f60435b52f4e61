"""`[[apps]]` and `[[schemes]]`: what is protected, who may reach which part of it, and how they sign in for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import HostName, Machine, Network, UpstreamURL
from config.field_values import FieldName, IdentityEncoding
from config.frozen_table import FrozenTable
from config.rule_values import Method, RulePath, RulePattern
from config.values import AppName, Flag, Integer, NotEmpty, Seconds, TargetPath, Text


class SchemeSettings(FrozenTable):
    """How to sign in. `groups`, `networks` and `apps` choose; None: every person, place, app."""

    name: Text
    factors: Annotated[tuple[Literal["password", "kerberos", "sms", "email"], ...], NotEmpty]
    """In this order. "sms" and "email" are passcodes, each with a challenge of its own."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    apps: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """For those who come to these apps, and then for these apps only."""
    fresh: Annotated[Seconds, Field(ge=60)] | None = None
    """How old the proof of the last factor may be where an app, a rule or `[admin]` names this; None: of any age."""


class PathRuleSettings(FrozenTable):
    """Who may reach a part of an app. `path` or `pattern`, and `methods`, choose; the other keys are asked for."""

    path: RulePath | None = None
    """Ends in ``/``: everything below it. Else: exactly this path."""
    pattern: RulePattern | None = None
    methods: Annotated[tuple[Method, ...], NotEmpty] | None = None
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Any one of these admits; None: the app's own groups do."""
    scheme: Text | None = None
    """The session must have proven every factor of this scheme."""
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    """From elsewhere it is denied."""
    public: Flag = False
    """Whether no session is asked for."""


class AppSettings(FrozenTable):
    name: AppName
    host: HostName
    upstream: UpstreamURL | None = None
    upstreams: Annotated[tuple[UpstreamURL, ...], NotEmpty] | None = None
    """Several servers of the same app; exactly one of `upstream` and `upstreams` is given."""
    sticky: Flag = False
    """Whether a session stays at one of the `upstreams` for as long as that is sound."""
    health_check: TargetPath | None = None
    """What each of the `upstreams` is asked for at intervals; one that answers 2xx or 3xx is sound."""
    health_check_interval: Annotated[Seconds, Field(ge=1)] = 10.0
    max_connections: Annotated[Integer, Field(ge=1)] | None = None
    """To each upstream, tunnels included. As many requests more wait for one, no longer than `connect_timeout`."""
    reuse_after_body: Flag = False
    """Whether the app reads every body to its end, so that a connection may serve the same session after one."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Any one of these admits; None admits every signed-in person. Never empty."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme; None: of the one that is chosen for this app."""
    preserve_host: Flag = True
    """Whether the upstream sees the host that the browser asked for, or its own."""
    pass_authorization: Flag = False
    """Whether the client's ``Authorization`` goes on to the upstream."""
    pass_fields: tuple[FieldName, ...] = ()
    """Request fields that go on although, for their name, they go to no other app. Of those that tell of the client,
    what a trusted proxy sent."""
    identity_encoding: IdentityEncoding | None = None
    """Of ``Remote-User`` and its like; None: the server's."""
    all_groups: Flag = False
    """Whether ``Remote-Groups`` holds all of the person's groups, not only the configured ones."""
    ca_file: Path | None = None
    server_name: Machine | None = None
    """The name asked for and expected in an https:// upstream's certificate, where it is not the upstream's host."""
    client_certificate: Path | None = None
    client_key: Path | None = None
    connect_timeout: Seconds = 5.0
    first_byte_timeout: Seconds = 60.0
    idle_timeout: Seconds = 60.0
    """Between two pieces of a body, either way."""
    keep_alive_timeout: Seconds = 30.0
    """How long an unused connection to an upstream is kept."""
    tunnel_idle_timeout: Seconds | None = None
    """How long nothing may pass through a WebSocket or another tunnel."""

    forward_auth: Flag = False
    """Whether another proxy forwards to the app and only asks `/.gatepost/authorize`: then no upstream is needed."""
    ignore_case: Flag = False
    """Whether the rules match paths in upper and lower case alike, as the app does."""
    rules: tuple[PathRuleSettings, ...] = ()
    """The first that matches decides; none: `groups` do."""

    @property
    def upstream_urls(self) -> tuple[UpstreamURL, ...]:
        """The servers, at least one."""
        return self.upstreams or ((self.upstream,) if self.upstream else ())
