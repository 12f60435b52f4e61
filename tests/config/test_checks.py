"""What has to agree between the values of a configuration."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings

GOOD = """
[server]
public_url = "https://signin.corp.example"
listen = ["127.0.0.1:8080"]
[[directories]]
type = "active_directory"
name = "corp"
domain = "corp.example"
netbios_name = "CORP"
bind_user = "svc@corp.example"
bind_password = "x"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "http://10.0.0.5:8080"
"""

HTTPS = GOOD.replace("http://10", "https://10")
SEVERAL = GOOD.replace('upstream = "http://10.0.0.5:8080"', 'upstreams = ["http://10.0.0.5", "http://10.0.0.6"]')
LOCAL = '[[directories]]\ntype = "local"\nname = "{name}"\nfile = "users.toml"\n'
APP = '[[apps]]\nname = "{name}"\nhost = "{host}"\nupstream = "http://10.0.0.6"\n'
REDIS = '[store]\nurl = "redis://localhost"\n'
SCHEME = '[[schemes]]\nname = "{name}"\nfactors = {factors}\n{more}\n'

Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Settings:
        for name in ("cert.pem", "users.toml"):
            (tmp_path / name).write_text("")
        (tmp_path / "gatepost.toml").write_text(text)
        return load_settings(tmp_path / "gatepost.toml", {})

    return load


def with_line(table: str, line: str) -> str:
    assert table in GOOD
    return GOOD.replace(table, f"{table}\n{line}", 1)


@pytest.mark.parametrize(
    ("text", "table", "key", "message"),
    [
        (with_line("[server]", 'tls_certificate = "cert.pem"'), "server", "tls_key", "is missing"),
        (with_line("[server]", "proxy_protocol = true"), "server", "proxy_protocol", "needs trusted_proxies"),
        (with_line("[server]", 'hsts = "10s"'), "server", "hsts", 'must be at least "5m"'),
        (with_line("[server]", 'redirect_listen = ["127.0.0.1:8080"]'), "server", "redirect_listen", "already"),
        (
            with_line("[server]", 'redirect_listen = ["0.0.0.0:80", "0.0.0.0:80"]'),
            "server",
            "redirect_listen",
            "already",
        ),
        (
            with_line("[server]", 'redirect_listen = ["0.0.0.0:80"]').replace(
                "https://signin.corp.example", "http://localhost"
            ),
            "server",
            "redirect_listen",
            "must begin with https://",
        ),
        (
            with_line("[server]", 'certificates = [{certificate = "cert.pem", key = "gone.pem"}]'),
            "server",
            "certificates[0].key",
            "cannot be read",
        ),
        (
            with_line("[server]", 'certificates = [{certificate = "cert.pem"}]'),
            "server",
            "certificates[0].key",
            "is missing",
        ),
        (with_line("[server]", 'tls_key = "cert.pem"'), "server", "tls_certificate", "is missing"),
        (GOOD.replace("https://", "http://"), "server", "public_url", "must begin with https://"),
        (with_line("[server]", "workers = 65"), "server", "workers", "at most 64"),
        (with_line("[server]", 'admin_listen = "127.0.0.1:8080"'), "server", "admin_listen", "must differ"),
        (GOOD + '[store]\nurl = "redis://h.corp.example"', "store", "url", "in the clear"),
        (GOOD + '[store]\nurl = "redis://:secret@localhost"', "store", "url", "username and password_file"),
        (GOOD + '[store]\nurl = "redis:localhost"', "store", "url", "not the URL of a Redis server"),
        (GOOD + '[store]\nurl = "rediss://a,b"', "store", "url", "redis+sentinel://"),
        (GOOD + '[store]\nurl = "rediss+sentinel://a,b"', "store", "url", "as the sentinels call it"),
        (GOOD + '[store]\nurl = "rediss://a:70000"', "store", "url", "a host and a port"),
        (GOOD + '[store]\nurl = "rediss://a/x"', "store", "url", "number of a database"),
        (GOOD + '[store]\nurl = "unix:redis.sock"', "store", "url", "whole path"),
        (GOOD + REDIS + 'ca_file = "cert.pem"', "store", "ca_file", "without TLS"),
        (GOOD + REDIS + 'sentinel_password = "x"', "store", "sentinel_password", "without sentinels"),
        (GOOD + REDIS + 'username = "x"', "store", "password", "is missing"),
        (GOOD + REDIS + 'prefix = "{x}"', "store", "prefix", "letters, digits"),
        (
            GOOD + '[store]\nurl = "rediss://h"\nclient_key = "cert.pem"',
            "store",
            "client_certificate",
            "belong together",
        ),
        (GOOD + '[store]\nurl = "postgres://x"', "store", "url", "not a store"),
        (GOOD + '[store]\nurl = "sqlite:"', "store", "url", "must name a file"),
        (GOOD + '[store]\nurl = "sqlite:///x.db"', "store", "url", "must name a file"),
        (GOOD + '[store]\nurl = "sqlite:x.db?mode=memory"', "store", "url", "must name a file"),
        (GOOD + LOCAL.format(name="corp"), 'directories[1] ("corp")', "name", "already belongs"),
        (GOOD + LOCAL.format(name="Corp.Example"), 'directories[1] ("Corp.Example")', "name", "already belongs"),
        (with_line("[smtp]", 'security = "none"'), "smtp", "security", "in the clear"),
        (with_line("[smtp]", 'username = "u"'), "smtp", "password", "is missing"),
        (with_line("[smtp]", 'password = "p"'), "smtp", "username", "is missing"),
        (
            with_line("[smtp]", 'security = "none"\nallow_insecure = true\nusername = "u"\npassword = "p"'),
            "smtp",
            "username",
            "never sent without TLS",
        ),
        (GOOD + APP.format(name="wiki", host="a.corp.example"), 'apps[1] ("wiki")', "name", "another app"),
        (GOOD + APP.format(name="B", host="WIKI.corp.example."), 'apps[1] ("B")', "host", "another app"),
        (GOOD + APP.format(name="B", host="signin.corp.example"), 'apps[1] ("B")', "host", "sign-in pages"),
        (GOOD + 'ca_file = "cert.pem"', 'apps[0] ("Wiki")', "ca_file", "https:// upstream"),
        (GOOD + 'server_name = "wiki"', 'apps[0] ("Wiki")', "server_name", "https:// upstream"),
        (HTTPS + 'client_certificate = "cert.pem"', 'apps[0] ("Wiki")', "client_key", "is missing"),
        (HTTPS + 'client_key = "cert.pem"', 'apps[0] ("Wiki")', "client_certificate", "is missing"),
        (GOOD + "sticky = true", 'apps[0] ("Wiki")', "sticky", "a single upstream"),
        (GOOD + 'health_check = "/"', 'apps[0] ("Wiki")', "health_check", "a single upstream"),
        (GOOD + 'upstreams = ["http://10.0.0.6"]', 'apps[0] ("Wiki")', "upstreams", "keep one of them"),
        (SEVERAL.replace("upstreams =", "# "), 'apps[0] ("Wiki")', "upstream", "is missing (or give upstreams)"),
        (SEVERAL.replace("10.0.0.6", "10.0.0.5"), 'apps[0] ("Wiki")', "upstreams", "the same thing twice"),
        (SEVERAL + 'health_check = "healthz"', 'apps[0] ("Wiki")', "health_check", "not a path"),
        (SEVERAL + 'health_check = "/a b"', 'apps[0] ("Wiki")', "health_check", "not a path"),
        (GOOD + 'cors_origins = ["*"]', 'apps[0] ("Wiki")', "cors_origins[0]", "not an origin"),
        (
            GOOD + 'cors_origins = ["https://a.example/x"]',
            'apps[0] ("Wiki")',
            "cors_origins[0]",
            "must not have a path",
        ),
        (GOOD + 'cors_origins = ["http://a.example"]', 'apps[0] ("Wiki")', "cors_origins[0]", "no cookies from there"),
        (SEVERAL + "max_connections = 0", 'apps[0] ("Wiki")', "max_connections", "at least 1"),
        (GOOD + SCHEME.format(name="s", factors='["sms"]', more=""), 'schemes[0] ("s")', "factors", "must begin"),
        (
            GOOD + SCHEME.format(name="s", factors='["sms", "password"]', more=""),
            'schemes[0] ("s")',
            "factors",
            "must begin",
        ),
        (
            GOOD + SCHEME.format(name="s", factors='["password", "password"]', more=""),
            'schemes[0] ("s")',
            "factors",
            "the same thing twice",
        ),
        (
            GOOD + SCHEME.format(name="s", factors='["password"]', more="groups = []"),
            'schemes[0] ("s")',
            "groups",
            "an empty list",
        ),
        (
            GOOD + SCHEME.format(name="s", factors='["password"]', more="networks = []"),
            'schemes[0] ("s")',
            "networks",
            "an empty list",
        ),
        (GOOD + SCHEME.format(name="s", factors='["password"]', more="") * 2, 'schemes[1] ("s")', "name", "another"),
        (GOOD + '[passcode]\nlifetime = "30s"', "passcode", "resend_after", "must be shorter"),
        (GOOD + '[sessions]\nidle = "13h"', "sessions", "idle", "must not be longer"),
    ],
)
def test_values_that_disagree_are_a_problem(load: Load, text: str, table: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert [(problem.table, problem.key) for problem in caught.value.problems] == [(table, key)], caught.value
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("https://signin.corp.example", "http://signin.localhost:8080"),
        GOOD.replace("https://signin.corp.example", "http://127.0.0.1:8080"),
        GOOD.replace('host = "smtp.corp.example"', 'host = "127.0.0.1"\nsecurity = "none"'),
        with_line("[smtp]", 'security = "none"\nallow_insecure = true'),
        GOOD + LOCAL.format(name="local"),
        GOOD + '[mobile]\nallowed_countries = ["*"]',
        SEVERAL + 'sticky = true\nhealth_check = "/healthz?deep=1"',
        HTTPS + 'client_certificate = "cert.pem"\nclient_key = "cert.pem"\nserver_name = "wiki"',
    ],
)
def test_values_that_agree_are_fine(load: Load, text: str) -> None:
    assert load(text)


def test_what_is_seldom_meant_is_a_warning(load: Load) -> None:
    assert checks.warnings(load(GOOD)) == ()
    cases = {
        SCHEME.format(
            name="s", factors='["password"]', more='groups = ["A"]\nnetworks = ["10.0.0.0/8"]'
        ): "none matches everyone",
        SCHEME.format(name="s", factors='["password"]', more=""): "with a password alone",
        SCHEME.format(name="s", factors='["password", "sms"]', more="")
        + SCHEME.format(name="t", factors='["password"]', more='groups = ["A"]'): '("t"): is never used',
        '[mobile]\nallowed_countries = ["*"]': "every country",
    }
    for text, expected in cases.items():
        found = checks.warnings(load(GOOD + text))
        assert len(found) == 1
        assert expected in found[0]
    assert "beyond this machine" in checks.warnings(load(with_line("[server]", 'admin_listen = "0.0.0.0:9"')))[0]


def test_certificates_lie_beside_the_file_and_the_pair_of_its_own_comes_first(load: Load, tmp_path: Path) -> None:
    lines = """tls_certificate = "cert.pem"
tls_key = "cert.pem"
certificates = [{certificate = "users.toml", key = "cert.pem"}]"""
    pairs = load(with_line("[server]", lines)).server.certificate_pairs
    assert [pair.certificate for pair in pairs] == [tmp_path / "cert.pem", tmp_path / "users.toml"]
    assert {pair.key for pair in pairs} == {tmp_path / "cert.pem"}


def test_hsts_can_be_left_out(load: Load) -> None:
    assert load(with_line("[server]", 'hsts = "0s"')).server.hsts == 0
    assert load(GOOD).server.hsts == 31_536_000
