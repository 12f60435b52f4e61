"""How many wrong passwords are sent: always fewer than lock, never none, and some kept for the person's own places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from config.settings import ActiveDirectorySettings
from directory.active_directory.messages import Entry
from directory.active_directory.wrong_passwords import lockout_policy
from directory.lockout import SLACK_SECONDS, LockoutPolicy, PasswordLimits, password_limits


def settings(**changes: object) -> ActiveDirectorySettings:
    return ActiveDirectorySettings.model_validate(
        {
            "type": "active_directory",
            "name": "corp",
            "domain": "corp.example",
            "bind_user": "svc",
            "bind_password": SecretStr("x"),
            **changes,
        }
    )


def head(threshold: bytes = b"5", window: bytes = b"-18000000000") -> Entry:
    attributes = {"lockoutthreshold": (threshold,), "lockoutobservationwindow": (window,)}
    return Entry(dn="DC=corp,DC=example", attributes=attributes)


@given(
    threshold=st.integers(2, 1000), margin=st.integers(1, 20), configured=st.integers(1, 1000), window=st.floats(1, 1e7)
)
def test_what_is_sent_never_reaches_the_threshold(threshold: int, margin: int, configured: int, window: float) -> None:
    policy = LockoutPolicy(threshold=threshold, window_seconds=window, margin=margin)
    limits = password_limits(policy, configured=configured, window_seconds=1800.0)
    assert 1 <= limits.from_unfamiliar <= limits.in_all <= configured
    assert limits.in_all < threshold
    assert limits.in_all == 1 or limits.in_all <= threshold - margin
    assert limits.in_all == 1 or limits.from_unfamiliar < limits.in_all
    assert limits.window_seconds >= window + SLACK_SECONDS


@pytest.mark.parametrize(
    ("threshold", "in_all", "from_unfamiliar"), [(5, 3, 2), (10, 8, 6), (3, 1, 1), (1, 1, 1), (0, 9, 6), (50, 9, 6)]
)
def test_limits_of_usual_policies(threshold: int, in_all: int, from_unfamiliar: int) -> None:
    policy = LockoutPolicy(threshold=threshold, window_seconds=60.0)
    limits = password_limits(policy, configured=9, window_seconds=1800.0)
    assert limits == PasswordLimits(in_all=in_all, from_unfamiliar=from_unfamiliar, window_seconds=1800.0)


def test_without_a_policy_the_configuration_decides() -> None:
    assert password_limits(None, configured=4, window_seconds=600.0) == PasswordLimits(
        in_all=4, from_unfamiliar=3, window_seconds=600.0
    )


def test_the_domains_head_is_read() -> None:
    assert lockout_policy(head(), settings()) == LockoutPolicy(threshold=5, window_seconds=1805.0, margin=2)


def test_until_an_administrator_unlocks_is_a_long_time() -> None:
    policy = lockout_policy(head(window=b"-9223372036854775808"), settings())
    assert policy is not None
    assert 1e9 < policy.window_seconds < 1e10


@pytest.mark.parametrize("entry", [None, Entry(dn="DC=x", attributes={}), head(threshold=b"five"), head(b"-1")])
def test_a_policy_that_cannot_be_read_is_none_and_not_no_lockout(entry: Entry | None) -> None:
    assert lockout_policy(entry, settings()) is None


def test_the_operators_numbers_go_first() -> None:
    policy = lockout_policy(head(), settings(lockout_threshold=3, lockout_window="1h", lockout_margin=1))
    assert policy == LockoutPolicy(threshold=3, window_seconds=3605.0, margin=1)
    assert lockout_policy(None, settings(lockout_threshold=3)) is not None
