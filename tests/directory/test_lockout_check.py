"""What `gatepost check` says about lockout: how many wrong passwords go through, and what cannot be relied on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from config.addresses import ListenAddress, PublicURL, UpstreamURL
from config.settings import AppSettings, ServerSettings, Settings, SMTPSettings, StoreSettings, ThrottleSettings
from directory.directory import CheckResult
from directory.lockout import LockoutPolicy
from proxy.commands.check import lockout_result, run
from tests.support.samba import settings_for
from tests.support.samba_dc import SambaDC


def line(policy: LockoutPolicy | None, *, is_configured: bool = False, most: int = 4) -> CheckResult:
    return lockout_result("corp", policy, ThrottleSettings(passwords_per_person=most), is_configured=is_configured)


def test_the_threshold_the_margin_and_what_is_let_through_are_told() -> None:
    result = line(LockoutPolicy(threshold=5, window_seconds=1805.0))
    assert result.ok
    assert result.detail == (
        "wrong password number 5 locks, the count restarts after 30 minutes without one, as read from the domain; "
        "margin 2; Gatepost sends at most 3 wrong ones of one person within 31 minutes, 2 of them from addresses where "
        "they never signed in"
    )


def test_a_configured_threshold_is_told_as_one() -> None:
    assert "as configured" in line(LockoutPolicy(threshold=5, window_seconds=0.0), is_configured=True).detail


def test_a_domain_that_locks_nobody_is_fine() -> None:
    result = line(LockoutPolicy(threshold=0, window_seconds=0.0))
    assert result.ok
    assert "no wrong password locks" in result.detail
    assert "at most 4" in result.detail


def test_a_threshold_that_cannot_be_read_is_not_fine() -> None:
    result = line(None)
    assert not result.ok
    assert "set lockout_threshold" in result.detail


@pytest.mark.parametrize("threshold", [1, 2])
def test_a_margin_that_leaves_no_attempt_is_not_fine(threshold: int) -> None:
    result = line(LockoutPolicy(threshold=threshold, window_seconds=1800.0))
    assert not result.ok
    assert "leaves none" in result.detail
    assert "at most 1 wrong" in result.detail


async def test_check_reads_the_line_from_a_real_domain(corp: SambaDC, tmp_path: Path) -> None:
    settings = Settings(
        server=ServerSettings(
            listen=(ListenAddress("127.0.0.1", 0),), public_url=PublicURL("https", "signin.corp.example", 443)
        ),
        store=StoreSettings(url=f"sqlite:{tmp_path / 'state.db'}"),
        directories=(settings_for(corp),),
        apps=(AppSettings(name="Wiki", host="wiki.corp.example", upstream=UpstreamURL("http", "127.0.0.1", 1, "")),),
        smtp=(
            SMTPSettings.model_validate(
                {"host": "127.0.0.1", "port": 1, "security": "none", "from": "otp@corp.example", "timeout": "1s"}
            ),
        ),
    )
    written = io.StringIO()
    assert await run(settings, written) == 1  # there is neither a relay nor an app
    assert "ok    corp lockout: wrong password number 10 locks" in written.getvalue()
