"""The settings as the program sees them: frozen, typed, checked.

Field names are the keys of the TOML file. Durations are seconds here and strings such as ``"5m"`` in the
file. Secrets are `pydantic.SecretStr`, so that no `repr`, log line or traceback shows them. Each part of the
program is handed its own piece (`settings.sms`), never the whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import DNSServer, HostName, LDAPServer, ListenAddress, Machine, PublicURL, UpstreamURL
from config.addresses import Network as Network  # handed on to those who match addresses
from config.bounces import BouncesSettings
from config.frozen_table import FrozenTable as _Table
from config.gateway_values import ChannelName, GatewayName
from config.rule_values import Method, RulePath, RulePattern
from config.sms_gateways import HTTPGatewaySettings, SMSGatewaySettings
from config.text_values import Language, LongText, MailSubject, SMSText
from config.values import (
    AppName,
    AttributeName,
    Countries,
    Flag,
    Integer,
    NetBIOSName,
    NotEmpty,
    NumberRange,
    PlainAddress,
    RealmName,
    Region,
    Seconds,
    SecondsOrNone,
    Secret,
    ServicePrincipal,
    SiteName,
    StorePrefix,
    TargetPath,
    Text,
)


class CertificateSettings(_Table):
    """A certificate with its chain, and its key: PEM files."""

    certificate: Path
    key: Path


class ServerSettings(_Table):
    listen: Annotated[tuple[ListenAddress, ...], NotEmpty] = (ListenAddress("127.0.0.1", 8080),)
    public_url: PublicURL
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    certificates: tuple[CertificateSettings, ...] = ()
    """Further ones, chosen by the host that a client names (SNI)."""
    handshake_timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """From a connection to the end of its TLS handshake, a PROXY header included."""
    hsts: SecondsOrNone = 31_536_000.0
    """How long browsers remember that a host is https only (RFC 6797); 0: they are not told."""
    redirect_listen: tuple[ListenAddress, ...] = ()
    """Where plain http is answered with a redirect to https, and with nothing else."""
    trusted_proxies: tuple[Network, ...] = ()
    proxy_protocol: Flag = False
    """Whether every connection begins with a PROXY header, which only trusted proxies may send."""
    workers: Annotated[Integer, Field(ge=1, le=64)] = 1
    """Processes that share the work."""
    drain_timeout: Annotated[Seconds, Field(ge=1, le=3600)] = 30.0
    """How long a worker that is to end waits for what it has in flight."""
    admin_listen: ListenAddress | None = None
    key: Secret | None = None
    """The master keys, in place of `key_file`."""
    key_file: Path = Path("gatepost.key")
    """Where the master keys are; made at the first start when it is not there."""
    max_head_bytes: Annotated[Integer, Field(ge=1024, le=1024 * 1024)] = 32 * 1024
    max_connections_per_address: Annotated[Integer, Field(ge=1)] = 1024
    max_connections: Annotated[Integer, Field(ge=1)] = 20_000
    """Of all clients together, tunnels included."""

    head_timeout: Seconds = 15.0
    """From the first byte of a request's head to its last."""
    keep_alive_timeout: Seconds = 75.0
    """How long a client's connection may stay without a request."""
    min_body_rate: Annotated[Integer, Field(ge=0)] = 100
    """Bytes a second that a request's body must bring on average over the app's `idle_timeout`; 0: any."""

    @property
    def certificate_pairs(self) -> tuple[CertificateSettings, ...]:
        """All certificates, the default one first; none: TLS is not spoken."""
        first: tuple[CertificateSettings, ...] = ()
        if self.tls_certificate is not None and self.tls_key is not None:
            first = (CertificateSettings(certificate=self.tls_certificate, key=self.tls_key),)
        return (*first, *self.certificates)


class StoreSettings(_Table):
    url: str = "sqlite:state.db"
    """``sqlite:PATH``, or where a Redis or Valkey server is (`config.store_url`)."""
    allow_insecure: Flag = False
    """Permits a Redis server without TLS that is not on this machine."""
    username: Text | None = None
    password: Secret | None = None
    sentinel_username: Text | None = None
    sentinel_password: Secret | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    prefix: StorePrefix = "gatepost"
    """What the names of all keys and of the channel begin with: several installations may share a server."""
    wait_replicas: Annotated[Integer, Field(ge=0, le=9)] = 0
    """How many replicas must have what is called durable before it is acknowledged."""
    wait_fsync: Flag = False
    """Whether the server must have it on its disk before it is acknowledged (WAITAOF)."""


class ActiveDirectorySettings(_Table):
    type: Literal["active_directory"]
    name: RealmName
    """The realm."""
    domain: HostName
    netbios_name: NetBIOSName | None = None
    default: Flag = False
    """Whether names without a domain belong here; without any such directory they belong to the first one."""
    upn_suffixes: tuple[HostName, ...] | None = None
    """Alternate UPN suffixes of this realm; None: those of the whole forest."""
    servers: tuple[LDAPServer, ...] = ()
    """``ldaps://HOST[:PORT]`` or ``ldap://HOST[:PORT]`` (always with StartTLS). Empty: found by DNS SRV."""
    site: SiteName | None = None
    """The Active Directory site whose servers are asked first, where they are found by DNS."""
    controller_suffixes: tuple[HostName, ...] = ()
    """Domains besides `domain` in which servers found by DNS may lie."""
    dns_servers: tuple[DNSServer, ...] = ()
    """Who is asked for the servers and their addresses; empty: whom the operating system asks."""
    ca_file: Path | None = None
    bind_user: Text
    bind_password: Secret
    base_dn: Text | None = None
    mobile_attributes: Annotated[tuple[AttributeName, ...], NotEmpty] = ("mobile",)
    connections: Annotated[Integer, Field(ge=1, le=64)] = 8
    """Threads that may talk to the domain at the same time."""
    timeout: Seconds = 5.0
    """How long one LDAP operation may take, connecting included."""
    lockout_threshold: Annotated[Integer, Field(ge=0)] | None = None
    """How many wrong passwords lock an account (0: any number does not); None: what the domain says."""
    lockout_window: Seconds | None = None
    """After so long without a wrong password the domain counts anew; None: what the domain says."""
    lockout_margin: Annotated[Integer, Field(ge=1)] = 2
    """How many wrong passwords before the one that locks are never sent."""
    warn_before_expiry: SecondsOrNone = 1_209_600.0
    """From when on persons are told that their password is about to expire; 0: never."""
    recheck: Annotated[Seconds, Field(ge=10)] = 900.0
    """How long somebody with a live session may go without being read anew, besides the watch on changes."""
    explain_refusals: Flag = False
    """Whether somebody whose password was right is told why the account cannot be used."""
    kerberos_keytab: Path | None = None
    """The keys of the service that browsers get Kerberos tickets for."""
    kerberos_service: ServicePrincipal | None = None
    """That service, where it is not ``HTTP/HOST@DOMAIN``: the host of `public_url`, the domain in capitals."""


class LocalDirectorySettings(_Table):
    type: Literal["local"]
    name: RealmName
    default: Flag = False
    """Whether names without a domain belong here."""
    file: Path


DirectorySettings = Annotated[ActiveDirectorySettings | LocalDirectorySettings, Field(discriminator="type")]


class MobileSettings(_Table):
    home_region: Region = "GB"
    allowed_countries: Countries = ("GB", "GG", "JE", "IM")
    """ISO 3166 regions, or ``("*",)``."""
    extra_ranges: tuple[NumberRange, ...] = ()
    """E.164 prefixes let through although phonenumbers does not know them."""
    changed_within: SecondsOrNone = 86_400.0
    """So long after a change in the directory a number is a fresh one; 0: never."""
    then: Literal["send", "wait", "other_channel", "refuse"] = "wait"
    """What is done about a passcode for a fresh number that is not the one the person used last."""


class SMTPSettings(_Table):
    host: Machine
    port: Annotated[Integer, Field(ge=1, le=65535)] = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    allow_insecure: Flag = False
    """Permits ``security = "none"`` to a host that is not loopback."""
    username: Text | None = None
    password: Secret | None = None
    sender: Annotated[PlainAddress, Field(alias="from")]
    """The address registered at the SMS gateway as trusted: envelope sender and From."""
    ca_file: Path | None = None
    connections: Annotated[Integer, Field(ge=1, le=32)] = 4
    timeout: Seconds = 8.0


class SMSSettings(_Table):
    gateway: Text = "kapow"
    """The only channel, where `second_factor.channels` names none."""
    text: SMSText = "{passcode} is your {app} sign-in code. It is valid for {minutes} minutes."
    webotp: Flag = False
    """Whether the last line is ``@host #passcode``, where the gateway passes several lines on."""
    gateways: dict[GatewayName, SMSGatewaySettings] = Field(default_factory=dict)
    """E-mail-to-SMS gateways of the operator's own, and changes to the presets."""
    http: dict[GatewayName, HTTPGatewaySettings] = Field(default_factory=dict)
    """SMS gateways that are asked over HTTPS."""


class SecondFactorSettings(_Table):
    """By which ways passcodes go."""

    channels: Annotated[tuple[ChannelName, ...], NotEmpty] | None = None
    """Tried in this order: e-mail-to-SMS gateways, HTTP gateways, ``email``. None: the gateway that `[sms]` names."""
    budget: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long all channels together may take: a person is waiting for the page."""
    language: Language = "en"
    """Of `sms.text`, and of messages to people whose browser asks for none that there are texts in."""
    email_for_sms: Flag = False
    """Whether ``email`` may stand in where a scheme asks for "sms" and no SMS channel took the passcode."""


class TextSettings(_Table):
    """What is said in one language: by one channel, or by all SMS channels."""

    language: Language | None = None
    """None: the default one."""
    channel: ChannelName | None = None
    """None: every SMS channel that has no text of its own in this language."""
    text: LongText | None = None
    """Of an SMS."""
    subject: MailSubject | None = None
    body: LongText | None = None
    """Of a mail."""


class PasscodeSettings(_Table):
    digits: Annotated[Integer, Field(ge=6, le=10)] = 6
    lifetime: Annotated[Seconds, Field(ge=30, le=600)] = 300.0
    attempts: Annotated[Integer, Field(ge=1, le=10)] = 5
    resend_after: Annotated[Seconds, Field(ge=1)] = 30.0
    """How long the page waits before it offers to send the passcode again."""


class ThrottleSettings(_Table):
    """How often something may fail or be sent, each within `window` (sends per day: 24 hours)."""

    window: Annotated[Seconds, Field(ge=60)] = 1800.0
    passwords_per_person: Annotated[Integer, Field(ge=1)] = 4
    passwords_per_address: Annotated[Integer, Field(ge=1)] = 100
    passcodes_per_person: Annotated[Integer, Field(ge=1)] = 15
    sends_per_person: Annotated[Integer, Field(ge=1)] = 8
    sends_per_number: Annotated[Integer, Field(ge=1)] = 8
    sends_per_address: Annotated[Integer, Field(ge=1)] = 60
    sends_per_day: Annotated[Integer, Field(ge=1)] = 10_000
    passcode_failures_in_a_row: Annotated[Integer, Field(ge=1, le=100)] = 100
    """NIST SP 800-63B-4 section 3.2.2: then the factor is locked until an operator clears it."""


class SessionSettings(_Table):
    idle: Annotated[Seconds, Field(ge=60)] = 1800.0
    absolute: Annotated[Seconds, Field(ge=60)] = 43_200.0
    kept_request_bytes: Annotated[Integer, Field(ge=0, le=16 * 1024 * 1024)] = 1024 * 1024
    """How large a form may be that is kept while its sender signs in again; 0: none is."""
    store_grace: Annotated[Seconds, Field(ge=0, le=3600)] = 60.0
    """How long sessions that a worker has seen go on while the store is away."""


class SchemeSettings(_Table):
    """How to sign in. `groups`, `networks` and `apps` choose; None: every person, place, app."""

    name: Text
    factors: Annotated[tuple[Literal["password", "kerberos", "sms", "email"], ...], NotEmpty]
    """In this order. "sms" and "email" are passcodes, each with a challenge of its own."""
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    networks: Annotated[tuple[Network, ...], NotEmpty] | None = None
    apps: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """For those who come to these apps, and then for these apps only."""


class PathRuleSettings(_Table):
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


class AppSettings(_Table):
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
    groups: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """Any one of these admits; None admits every signed-in person. Never empty."""
    scheme: Text | None = None
    """A session must have proven every factor of this scheme; None: of the one that is chosen for this app."""
    preserve_host: Flag = True
    """Whether the upstream sees the host that the browser asked for, or its own."""
    pass_authorization: Flag = False
    """Whether the client's ``Authorization`` goes on to the upstream."""
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
    rules: tuple[PathRuleSettings, ...] = ()
    """The first that matches decides; none: `groups` do."""

    @property
    def upstream_urls(self) -> tuple[UpstreamURL, ...]:
        """The servers, at least one."""
        return self.upstreams or ((self.upstream,) if self.upstream else ())


class Settings(_Table):
    server: ServerSettings
    store: StoreSettings = StoreSettings()
    directories: Annotated[tuple[DirectorySettings, ...], Field(min_length=1)]
    mobile: MobileSettings = MobileSettings()
    smtp: Annotated[tuple[SMTPSettings, ...], Field(min_length=1)]
    sms: SMSSettings = SMSSettings()
    second_factor: SecondFactorSettings = SecondFactorSettings()
    bounces: BouncesSettings = BouncesSettings()
    texts: tuple[TextSettings, ...] = ()
    passcode: PasscodeSettings = PasscodeSettings()
    throttle: ThrottleSettings = ThrottleSettings()
    sessions: SessionSettings = SessionSettings()
    schemes: Annotated[tuple[SchemeSettings, ...], Field(min_length=1)] = (
        SchemeSettings(name="browser", factors=("password", "sms")),
    )
    apps: Annotated[tuple[AppSettings, ...], Field(min_length=1)]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that passcodes go by, in order."""
        return self.second_factor.channels or (self.sms.gateway,)

    @property
    def default_realm(self) -> str:
        """The realm of login names without a domain."""
        return next((each.name for each in self.directories if each.default), self.directories[0].name)

    @property
    def group_names(self) -> frozenset[str]:
        """Every group that an app or a scheme names, as written: what directories are asked about."""
        return frozenset(
            group
            for groups in (
                *(app.groups for app in self.apps),
                *(rule.groups for app in self.apps for rule in app.rules),
                *(scheme.groups for scheme in self.schemes),
            )
            for group in groups or ()
        )
