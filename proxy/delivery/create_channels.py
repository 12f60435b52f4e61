"""From the settings to the channels: every problem is reported at once, and nothing is connected yet."""

from __future__ import annotations

import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from config.checks import delivery_problems
from config.named_files import delivery_file_problems
from config.problems import ConfigurationError, told
from config.settings import Settings
from config.tables.gateway_values import EMAIL
from config.tables.sms_gateways import is_kapow_api
from proxy.delivery.alarms import Alarms
from proxy.delivery.channel import Outcome
from proxy.delivery.channels_in_order import AnyChannel, Channels, Order
from proxy.delivery.email_channel import EmailChannel
from proxy.delivery.gateway_preset import preset_named
from proxy.delivery.generic_interface import GenericInterface
from proxy.delivery.http_sms import Interface, SMSByHTTP
from proxy.delivery.https_client import HTTPSClient
from proxy.delivery.kapow_interface import KapowInterface
from proxy.delivery.own_login import SharedLogins
from proxy.delivery.relays import Relays
from proxy.delivery.settings_checks import http_rules, sms_text_problems
from proxy.delivery.sms_gateway import SMSByMail
from proxy.delivery.smtp_relay import SMTPRelay
from proxy.delivery.templates import MessageTexts, texts_of
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.operations.metrics import Metrics


def create_channels(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    log: FilteringBoundLogger | None = None,
    metrics: Metrics | None = None,
    languages: Languages = ENGLISH_ALONE,
    logins: SharedLogins | None = None,
    order: Order | None = None,
) -> Channels:
    """The channels as configured; connects to nothing yet. `clock` in epoch seconds, for Date headers;
    `languages`: those that Gatepost's own texts are said in. `logins`: what other workers know of refused ones.
    `order`: which channels count now; None: those of the configuration.

    Raises `ConfigurationError` with every problem of `[second_factor]`, `[sms]` and `[smtp]`: settings need not come
    from a file, where all of that was told before.
    """
    wrong = told(sms_text_problems(settings), delivery_problems(settings), delivery_file_problems(settings))
    if problems := list(wrong):
        raise ConfigurationError.of(problems)
    alarms = Alarms(log, metrics)
    wants_reports = settings.bounces.is_on
    relays = [SMTPRelay(each, alarms=alarms, wants_reports=wants_reports, logins=logins) for each in settings.smtp]
    texts = texts_of(settings, languages)
    budget = settings.second_factor.budget
    together = Relays(relays, budget_seconds=budget)
    post = EmailChannel(texts, together, clock=clock)
    channels: list[AnyChannel] = []
    for name in settings.all_channels:
        if name == EMAIL:
            channels.append(post)
        elif name in settings.sms.http:
            channels.append(_by_http(name, settings, texts, alarms))
        elif preset := preset_named(name, settings.sms, home_region=settings.mobile.home_region):
            channels.append(SMSByMail(preset, texts, together, clock=clock))
    made = Channels(
        channels,
        together,
        post,
        budget_seconds=budget,
        email_for_sms=settings.second_factor.email_for_sms,
        took=None if metrics is None else metrics.dependencies.note_send,
        order=order or (lambda: settings.channels),
    )
    if metrics is not None:
        metrics.dependencies.watch_relays(made.are_up)
        metrics.expect_passcodes(outcome.value for outcome in Outcome)
    return made


def _by_http(name: str, settings: Settings, texts: MessageTexts, alarms: Alarms) -> SMSByHTTP:
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
        HTTPSClient(ca_file=gateway.ca_file),
        texts,
        http_rules(name, gateway),
        number_format=gateway.number_format if is_own_format else "digits",
        home_region=settings.mobile.home_region,
        timeout=gateway.timeout,
        warn_credit_below=gateway.warn_credit_below,
        alarms=alarms,
    )
