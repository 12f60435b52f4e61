"""Channels and SMS gateways in the configuration: what cannot work is told at the start, with table and key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings
from config.tables.sms_gateways import gateway_named, gateway_presets

GOOD = """
[server]
public_url = "https://signin.corp.example"
[[directories]]
type = "local"
name = "local"
file = "users.toml"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
"""
CHANNELS = "[second_factor]\nchannels = {}\n"
KAPOW_HTTP = '[sms.http.kapow_http]\nusername = "u"\npassword = "p"\n'
OWN = '[sms.gateways.own]\naddress = "{{number}}@sms.example"\n{}\n'
HTTP = """[sms.http.provider]
url = "https://api.sms.example/send"
body = '{{"to": "{{number}}", "text": "{{text}}"}}'
{}
"""
EMAIL_FALLBACK = '[second_factor]\nchannels = ["kapow", "email"]\nemail_for_sms = true\n'
BY_MAIL = '[mobile]\nthen = "other_channel"\n[second_factor]\nchannels = ["kapow", "email"]\n'
Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, **environ: str) -> Settings:
        (tmp_path / "users.toml").write_text("")
        (tmp_path / "sms-password").write_text("s3cret-of-the-gateway\n")
        (tmp_path / "gatepost.toml").write_text(text)
        return load_settings(tmp_path / "gatepost.toml", environ)

    return load


def http(line: str, **changes: str) -> str:
    table = HTTP.format(line)
    for key, value in changes.items():
        table = "\n".join(f"{key} = {value}" if each.startswith(f"{key} = ") else each for each in table.splitlines())
    return GOOD + table + "\n"


def test_without_channels_there_is_the_gateway_that_sms_names(load: Load) -> None:
    assert load(GOOD).channels == ("kapow",)
    assert load(GOOD + '[sms]\ngateway = "textlocal"\n').channels == ("textlocal",)


def test_channels_are_kept_in_order(load: Load) -> None:
    settings = load(GOOD + CHANNELS.format('["kapow_http", "kapow", "email"]') + KAPOW_HTTP)
    assert settings.channels == ("kapow_http", "kapow", "email")
    assert settings.second_factor.budget == 10.0
    assert not settings.second_factor.email_for_sms


def test_a_secret_of_a_gateway_is_read_from_its_file_and_never_shown(load: Load) -> None:
    text = GOOD + '[sms.gateways.kapow]\nusername = "u"\npassword_file = "sms-password"\n'
    kapow = load(text).sms.gateways["kapow"]
    assert kapow.password is not None
    assert kapow.password.get_secret_value() == "s3cret-of-the-gateway"
    assert "s3cret" not in repr(kapow)


def test_a_table_changes_only_what_it_says_of_a_preset(load: Load) -> None:
    settings = load(GOOD + "[sms.gateways.textlocal]\nmax_characters = 160\n")
    changed = gateway_named("textlocal", settings.sms.gateways)
    assert changed == gateway_presets()["textlocal"].model_copy(update={"max_characters": 160})


def test_a_gateway_can_be_given_by_the_environment(load: Load) -> None:
    settings = load(GOOD, GATEPOST_SMS__GATEWAYS='{own = {address = "{number}@sms.example"}}')
    assert settings.sms.gateways["own"].address == "{number}@sms.example"


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (CHANNELS.format('["pigeon"]'), "channels", 'unknown channel "pigeon"'),
        (CHANNELS.format('["kapow_htp"]') + KAPOW_HTTP, "channels", 'did you mean "kapow_http"?'),
        (CHANNELS.format("[]"), "channels", "an empty list"),
        (CHANNELS.format('["kapow", "kapow"]'), "channels", "twice"),
        (CHANNELS.format('["kapow_http"]'), "channels", "needs a table [sms.http.kapow_http]"),
        (CHANNELS.format('["email"]'), "channels", 'a scheme asks for "sms"'),
        ('[sms]\ngateway = "email"\n', "gateway", 'unknown SMS gateway "email"'),
        ("[second_factor]\nemail_for_sms = true\n", "email_for_sms", 'needs "email" among the channels'),
        ('[mobile]\nthen = "other_channel"\n', "then", 'needs "email" among the channels'),
        ('[second_factor]\nbudget = "2m"\n', "budget", 'at most "1m"'),
        ('[sms]\ngateway = "clickatell"\n', "gateways.clickatell.username", "is missing"),
        ('[sms]\ngateway = "telecomstats"\n', "gateways.telecomstats.password", "is missing"),
        ('[sms.gateways.own]\nsubject = "x"\n', "gateways.own.address", "is missing"),
        (OWN.format('adress = "x"'), "gateways.own.adress", 'did you mean "address"?'),
        (OWN.format('body = "text"'), "gateways.own.body", "must appear exactly once"),
        (OWN.format('subject = "{text}"'), "gateways.own.body", "must appear exactly once"),
        (OWN.format('subject = "{passcode}"'), "gateways.own.subject", "unknown placeholder {passcode}"),
        (OWN.format('subject = "{username}"'), "gateways.own.username", "is missing"),
        (OWN.format('preset = "pigeon"'), "gateways.own.preset", "there is no preset"),
        (OWN.format('number_format = "free"'), "gateways.own.number_format", "must be"),
        (OWN.format('password_file = "gone"'), "gateways.own.password_file", "gone cannot be read"),
        (OWN.format('password = "p"\npassword_file = "sms-password"'), "gateways.own.password_file", "is given too"),
        (OWN.format('username = "ü"'), "gateways.own.username", "a single line of ASCII"),
        ("[sms.gateways]\nown = 1\n", "gateways.own", "must be a table"),
        ("[sms]\ngateways = 1\n", "gateways", "must be a table"),
        ('[sms.gateways.own]\naddress = "sms@sms.example"\n', "gateways.own.address", "{number} is missing"),
        (
            '[sms.gateways.own]\naddress = "{number}, x@sms.example"\n',
            "gateways.own.address",
            "not a gateway's address",
        ),
        ('[sms.gateways.own]\naddress = "{number}@{account}"\n', "gateways.own.address", "not a gateway's address"),
        (
            '[sms.gateways.own]\naddress = "{username}.{number}@x.example"\nusername = "a@b"\n',
            "gateways.own.username",
            "becomes part of an address",
        ),
        ('[sms.gateways.email]\naddress = "{number}@x.example"\n', "gateways.email.[key]", "choose another"),
        ('[sms.http.kapow]\nurl = "https://x.example"\n', "http.kapow", "choose another"),
        ('[sms.http.kapow_http]\nusername = "u"\n', "http.kapow_http.password", "is missing"),
        (KAPOW_HTTP + 'body = "x"\n', "http.kapow_http.body", "means nothing here"),
    ],
)
def test_what_cannot_work_is_told_with_its_key(text: str, key: str, message: str, load: Load) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(GOOD + text)
    found = [(each.key, each.message) for each in raised.value.problems]
    assert any(each[0] == key and message in each[1] for each in found), found


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (http("", url='"http://api.sms.example/send"'), "url", "in the clear"),
        (http("", url='"https://api.sms.example/{text}"'), "url", "unknown placeholder {text}"),
        (http("", url='"https://api.sms.example/{password}"'), "url", "unknown placeholder {password}"),
        (http("", url='"https://{username}/send"'), "url", "must name its host as it is"),
        (http("", url='"https://u:p@api.sms.example/"'), "url", "not a URL"),
        (http('method = "GET"'), "method", "must be"),
        (http("", body='\'{"to": {number}, "text": {text}}\''), "body", "is not JSON"),
        (http("", body='\'{"to": "{number}"}\''), "body", "the {text} is missing"),
        (http("", body='\'{{"to": "{number}", "text": "{text}"\''), "body", "is not JSON"),
        (http("", body='\'{"text": "{text}"}\''), "body", "the {number} is missing"),
        (http('headers = {Authorization = "Bearer {token}"}'), "token", "is missing"),
        (http('headers = {Authorization = "Basic {basic}"}'), "username", "is missing"),
        (http('headers = {Host = "x"}'), "headers.Host", "is set by Gatepost"),
        (http('headers = {"X Y" = "x"}'), "headers.X Y.[key]", "not the name of a header"),
        (http('headers = {X = "a\\r\\nEvil: 1"}'), "headers.X", "a single line of ASCII"),
        (http('success = "("'), "success", "not a regular expression"),
    ],
)
def test_a_request_that_cannot_work_is_told_with_its_key(text: str, key: str, message: str, load: Load) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(text)
    found = [(each.key, each.message) for each in raised.value.problems]
    assert any(each[0] == f"http.provider.{key}" and message in each[1] for each in found), found


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (EMAIL_FALLBACK, "passes as the holder of the phone"),
        (BY_MAIL, "who can read the person's mail needs no phone"),
        (CHANNELS.format('["kapow", "email"]'), '"email" is never used, not even where no SMS goes out'),
        (CHANNELS.format('["kapow"]') + '[sms]\ngateway = "aql"\n', "gateway: means nothing"),
        (KAPOW_HTTP, "kapow_http: is never used"),
        (CHANNELS.format('["provider"]') + HTTP.format(""), "http.provider.success: is not set"),
    ],
)
def test_what_is_seldom_meant_is_warned_about(text: str, warning: str, load: Load) -> None:
    assert any(warning in each for each in checks.warnings(load(GOOD + text)))


def test_a_mail_in_the_place_of_a_fresh_number_is_a_use_of_the_channel(load: Load) -> None:
    assert not [each for each in checks.warnings(load(GOOD + BY_MAIL)) if "never used" in each]


def test_the_usual_configuration_has_no_warning_about_channels(load: Load) -> None:
    text = GOOD + CHANNELS.format('["kapow", "kapow_http"]') + KAPOW_HTTP
    assert not [each for each in checks.warnings(load(text)) if "sms" in each or "second_factor" in each]
