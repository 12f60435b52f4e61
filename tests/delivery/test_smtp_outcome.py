"""What each failure at each stage says about the message, and that no verdict quotes the relay."""

import ssl

import pytest
from aiosmtplib import SMTPDataError, SMTPReadTimeoutError, SMTPResponseException, SMTPServerDisconnected
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.channel import Blame, Outcome
from proxy.delivery.refusals import JUDGED_LATE, Stage
from proxy.delivery.smtp_outcome import verdict_on

BEFORE_THE_END = [stage for stage in Stage if stage is not Stage.END_SENT]


@given(st.sampled_from(Stage), st.integers(400, 599))
def test_a_refusal_means_that_the_message_was_not_taken(stage: Stage, code: int) -> None:
    assert verdict_on(SMTPResponseException(code, "no"), stage).outcome is Outcome.UNAVAILABLE
    outcome = verdict_on(SMTPResponseException(code, "5.1.1 User unknown"), stage).outcome
    is_about_the_number = stage in JUDGED_LATE and code >= 500
    assert outcome is (Outcome.REFUSED if is_about_the_number else Outcome.UNAVAILABLE)


@pytest.mark.parametrize(
    "error", [SMTPReadTimeoutError("late"), SMTPServerDisconnected("gone"), BrokenPipeError(), TimeoutError()]
)
@pytest.mark.parametrize("stage", Stage)
def test_a_broken_line_is_unknown_only_after_the_final_dot(error: OSError, stage: Stage) -> None:
    expected = Outcome.UNKNOWN if stage is Stage.END_SENT else Outcome.UNAVAILABLE
    assert verdict_on(error, stage).outcome is expected


@pytest.mark.parametrize("code", [-1, 0, 199, 354, 600, 999])
def test_nonsense_after_the_final_dot_is_unknown(code: int) -> None:
    assert verdict_on(SMTPDataError(code, "?"), Stage.END_SENT).outcome is Outcome.UNKNOWN


@given(st.sampled_from(Stage), st.integers(-1, 700), st.text())
def test_no_reason_repeats_what_the_relay_said(stage: Stage, code: int, said: str) -> None:
    error = SMTPResponseException(code, f"<447400123456@kapow.co.uk> {said}")
    assert "447400123456" not in repr(verdict_on(error, stage))


@pytest.mark.parametrize(
    ("code", "said", "outcome"),
    [
        (554, "5.7.1 <447400123456@kapow.co.uk>: Relay access denied", Outcome.UNAVAILABLE),
        (553, "5.7.1 <otp@corp.example>: Sender address rejected: not logged in", Outcome.UNAVAILABLE),
        (550, "5.1.8 <otp@corp.example>: Sender address rejected: Domain not found", Outcome.UNAVAILABLE),
        (530, "Authentication required", Outcome.UNAVAILABLE),
        (450, "4.7.1 greylisted", Outcome.UNAVAILABLE),
        (550, "5.1.1 unknown", Outcome.REFUSED),
        (553, "5.1.3 bad address", Outcome.REFUSED),
        (550, "unknown", Outcome.REFUSED),
    ],
)
def test_a_recipient_refused_because_of_who_asks_is_no_fault_of_the_number(
    code: int, said: str, outcome: Outcome
) -> None:
    verdict = verdict_on(SMTPResponseException(code, said), Stage.RECIPIENT)
    assert verdict.outcome is outcome
    assert (verdict.blame is Blame.SETTINGS) is (outcome is Outcome.UNAVAILABLE and code >= 500)


@pytest.mark.parametrize("stage", [Stage.RECIPIENT, Stage.DATA, Stage.END_SENT])
def test_what_says_nothing_of_whose_fault_it_is_goes_to_the_next_relay(stage: Stage) -> None:
    for code, said in ((550, "5.70.1 odd"), (550, "no"), (554, "Transaction failed"), (553, "5.1.0 no")):
        verdict = verdict_on(SMTPResponseException(code, said), stage)
        assert (verdict.outcome, verdict.blame) == (Outcome.UNAVAILABLE, Blame.UNCLEAR)


def test_a_4yz_that_stays_until_somebody_acts_is_noticed_and_greylisting_is_not() -> None:
    """Postfix refuses many a client with 450 for ever."""
    lasting = SMTPResponseException(450, "4.7.1 Client host rejected: cannot find your reverse hostname")
    assert verdict_on(lasting, Stage.RECIPIENT).blame is Blame.UNCLEAR
    greylisted = SMTPResponseException(450, "4.7.1 <x@kapow.co.uk>: Recipient address rejected: Greylisted")
    assert verdict_on(greylisted, Stage.RECIPIENT).blame is Blame.MESSAGE


def test_the_enhanced_code_is_kept() -> None:
    error = SMTPResponseException(550, "5.1.1 <447400123456@kapow.co.uk>: unknown")
    assert verdict_on(error, Stage.RECIPIENT).reason == "the relay answered 550 5.1.1 while naming the recipient"


def test_a_number_after_something_like_an_enhanced_code_is_not() -> None:
    error = SMTPResponseException(550, "5.1.447400123456 unknown")
    assert verdict_on(error, Stage.RECIPIENT).reason == "the relay answered 550 while naming the recipient"


def test_a_certificate_is_named_as_the_cause() -> None:
    cause = ssl.SSLCertVerificationError(1, "bad")
    cause.verify_message = "unable to get local issuer certificate"
    wrapped = SMTPServerDisconnected("lost")
    wrapped.__cause__ = cause
    assert "certificate is not accepted (unable to get local" in verdict_on(wrapped, Stage.CONNECTING).reason
