"""From the settings to the channels: what is wrong is told at once, and nothing is connected to yet."""

from __future__ import annotations

import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from config.addresses import is_loopback
from config.authorities import UnusableAuthorities
from config.checks import delivery_problems
from config.settings import Settings, SMTPSettings
from config.tables.gateway_values import EMAIL
from config.tables.sms_gateways import HTTPGatewaySettings, is_kapow_api
from directory.mail_address import is_plain_address
from proxy.delivery.alarms import Alarms
from proxy.delivery.channels_in_order import AnyChannel, Channels
from proxy.delivery.email_channel import EmailChannel
from proxy.delivery.generic_interface import GenericInterface
from proxy.delivery.http_sms import Interface, SMSByHTTP
from proxy.delivery.https_client import HTTPSClient
from proxy.delivery.kapow_interface import KapowInterface
from proxy.delivery.misconfigured import DeliveryMisconfigured
from proxy.delivery.presets import preset_named
from proxy.delivery.relays import Relays
from proxy.delivery.sms_gateway import SMSByMail
from proxy.delivery.smtp_relay import SMTPRelay
from proxy.delivery.templates import MessageTexts, texts_of
from proxy.delivery.text_checks import check_texts, text_warnings
from proxy.delivery.text_rules import TextRules
from proxy.operations.metrics import Metrics


def create_channels(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    log: FilteringBoundLogger | None = None,
    metrics: Metrics | None = None,
) -> Channels:
    """The channels as configured; connects to nothing yet. `clock` in epoch seconds, for Date headers.

    Raises `DeliveryMisconfigured` with every problem of `[second_factor]`, `[sms]` and `[smtp]`.
    """
    alarms = Alarms(log, metrics)
    problems = check_texts(settings, rules_in_use(settings))
    problems += (f"{place.table}.{place.key}: {message}" for place, message in delivery_problems(settings))
    relays = []
    for index, each in enumerate(settings.smtp):
        place = "smtp" if len(settings.smtp) == 1 else f"smtp[{index}]"
        problems += (f"{place}.{problem}" for problem in _wrong_with_relay(each))
        try:
            relays.append(SMTPRelay(each, alarms=alarms, wants_reports=settings.bounces.is_on))
        except UnusableAuthorities as error:
            problems.append(f"{place}.ca_file: {error}")
    clients: dict[str, HTTPSClient] = {}
    for name in settings.channels:
        if name in settings.sms.http:
            ca_file = settings.sms.http[name].ca_file
            try:
                clients[name] = HTTPSClient(ca_file=ca_file)
            except UnusableAuthorities as error:
                problems.append(f"sms.http.{name}.ca_file: {error}")
    if problems:
        raise DeliveryMisconfigured(problems)

    texts = texts_of(settings)
    budget = settings.second_factor.budget
    together = Relays(relays, budget_seconds=budget)
    post = EmailChannel(texts, together, clock=clock)
    channels: list[AnyChannel] = []
    for name in settings.channels:
        if name == EMAIL:
            channels.append(post)
        elif name in clients:
            channels.append(_by_http(name, settings, clients[name], texts, alarms))
        elif preset := preset_named(name, settings.sms, home_region=settings.mobile.home_region):
            channels.append(SMSByMail(preset, texts, together, clock=clock))
    return Channels(channels, together, post, budget_seconds=budget, email_for_sms=settings.second_factor.email_for_sms)


def delivery_warnings(settings: Settings) -> list[str]:
    """What works, but is seldom meant: a line each. Of settings that `create_channels` took."""
    return list(text_warnings(settings, rules_in_use(settings)))


def rules_in_use(settings: Settings) -> list[TextRules]:
    """What the text of an SMS must keep to, for each SMS channel that is used and known."""
    found = []
    for name in settings.channels:
        if name in settings.sms.http:
            found.append(_http_rules(name, settings.sms.http[name]))
        elif name != EMAIL and (preset := preset_named(name, settings.sms)) is not None:
            found.append(preset.rules)
    return found


def _by_http(name: str, settings: Settings, client: HTTPSClient, texts: MessageTexts, alarms: Alarms) -> SMSByHTTP:
    gateway = settings.sms.http[name]
    is_kapow = is_kapow_api(name, gateway)
    interface: Interface = GenericInterface(gateway)
    if is_kapow and gateway.username is not None and gateway.password is not None:
        interface = KapowInterface(
            username=gateway.username,
            password=gateway.password.get_secret_value(),
            sender=gateway.sender,
            url=gateway.url,
        )
    is_own_format = "number_format" in gateway.model_fields_set or not is_kapow
    return SMSByHTTP(
        name,
        interface,
        client,
        texts,
        _http_rules(name, gateway),
        number_format=gateway.number_format if is_own_format else "digits",
        home_region=settings.mobile.home_region,
        timeout=gateway.timeout,
        warn_credit_below=gateway.warn_credit_below,
        alarms=alarms,
    )


def _http_rules(name: str, gateway: HTTPGatewaySettings) -> TextRules:
    return TextRules(
        gateway=name,
        gsm7=gateway.gsm7,
        seven_bit=is_kapow_api(name, gateway),  # which alphabet it reads beyond ASCII is not documented
        several_lines=gateway.several_lines,
        max_characters=gateway.max_characters,
    )


def _wrong_with_relay(settings: SMTPSettings) -> list[str]:
    problems = []
    if not is_plain_address(settings.sender):
        problems.append('from: not a bare mail address: write "otp@corp.example"')
    if settings.security == "none" and not settings.allow_insecure and not is_loopback(settings.host):
        problems.append('security: "none" is for a relay on loopback; set allow_insecure = true to insist')
    try:
        settings.host.encode("idna")
    except UnicodeError:
        problems.append("host: not a host name")
    return problems
