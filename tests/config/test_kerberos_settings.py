"""What a scheme that begins with a Kerberos ticket needs, and what the way somebody began means for the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config import checks
from config.load import load_settings
from config.problems import ConfigurationError
from config.settings import Settings

TEXT = """
[server]
public_url = "https://signin.corp.example"
max_head_bytes = 131072
[[directories]]
type = "active_directory"
name = "corp"
domain = "corp.example"
bind_user = "svc@corp.example"
bind_password = "x"
kerberos_keytab = "http.keytab"
[smtp]
host = "smtp.corp.example"
from = "otp@corp.example"
[[schemes]]
name = "inside"
factors = ["kerberos", "sms"]
[[schemes]]
name = "browser"
factors = ["password", "sms"]
[[apps]]
name = "Wiki"
host = "wiki.corp.example"
upstream = "https://10.0.0.5:8080"
"""
Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Settings:
        (tmp_path / "http.keytab").write_bytes(b"")
        (tmp_path / "gatepost.toml").write_text(text)
        return load_settings(tmp_path / "gatepost.toml", {})

    return load


def test_a_scheme_for_tickets_and_one_for_passwords_stand_beside_each_other(load: Load, tmp_path: Path) -> None:
    settings = load(TEXT)
    assert settings.directories[0].kerberos_keytab == tmp_path / "http.keytab"  # type: ignore[union-attr]
    assert checks.warnings(settings) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace('kerberos_keytab = "http.keytab"\n', ""), "needs a directory with a kerberos_keytab"),
        (TEXT.replace("http.keytab", "other.keytab"), "other.keytab cannot be read"),
        (
            TEXT.replace('["kerberos", "sms"]', '["sms", "kerberos"]'),
            'must begin with "password", "kerberos" or "passkey"',
        ),
        (TEXT.replace('["kerberos", "sms"]', '["kerberos", "password"]'), "can only come first"),
        (TEXT.replace('["kerberos", "sms"]', '["password", "kerberos"]'), "can only come first"),
        (TEXT.replace("[smtp]", 'kerberos_service = "signin"\n[smtp]'), "not a service"),
    ],
)
def test_what_no_ticket_could_be_accepted_with_is_refused(load: Load, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(text)
    assert any(message in str(problem) for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (TEXT.replace("max_head_bytes = 131072", ""), "server: max_head_bytes: tickets of people in many groups"),
        (TEXT.replace('["kerberos", "sms"]', '["kerberos"]'), "lets everyone in with a Kerberos ticket alone"),
        (TEXT.replace('["password", "sms"]', '["kerberos"]'), '"browser"): is never used'),
        (TEXT.replace('["password", "sms"]', '["kerberos"]'), "none matches everyone with a password"),
    ],
)
def test_what_is_seldom_meant_is_told(load: Load, text: str, warning: str) -> None:
    assert any(warning in each for each in checks.warnings(load(text)))
