"""What `/metrics` learns of sign-ins: outcomes and realms, nothing of persons."""

from tests.portal.stage import Stage


async def test_sign_ins_passcodes_and_refusals_are_counted_without_names(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser)
    await stage.answer(browser, page, stage.passcode)
    await stage.password(stage.browser(), password="wrong")
    await stage.password(stage.browser(), username="nobody")
    text = stage.metrics.render().decode()
    assert 'gatepost_sign_ins_total{outcome="succeeded",realm="local"} 1.0' in text
    assert 'gatepost_sign_ins_total{outcome="wrong_password",realm="local"} 1.0' in text
    assert 'gatepost_sign_ins_total{outcome="unknown_user",realm="local"} 1.0' in text
    assert 'gatepost_passcodes_sent_total{outcome="accepted"} 1.0' in text
    assert 'gatepost_passcodes_taken_total{channel="phone",country="GB"} 1.0' in text
    assert 'gatepost_passcodes_entered_total{channel="phone",country="GB"} 1.0' in text
    assert "alice" not in text
    assert "nobody" not in text


async def test_passcodes_that_nobody_enters_are_counted_beside_those_that_somebody_does(stage: Stage) -> None:
    await stage.to_passcode(stage.browser())
    text = stage.metrics.render().decode()
    assert 'gatepost_passcodes_taken_total{channel="phone",country="GB"} 1.0' in text
    assert 'gatepost_passcodes_entered_total{channel="phone",country="GB"} 0.0' in text
