"""What a person is asked and told at the terminal, step by step: the flow decides, in the words of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.factors import TYPED_BEYOND_APPS
from directory.directory import RefusalReason
from directory.realms import Realms
from proxy.pages import phrases
from proxy.pages.refusal_texts import LACKS
from proxy.sessions.session import Level
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.sign_in.client import Client, Goal
from proxy.ssh.dialogue import Dialogue, LetIn, SignInOver, TerminalQuestion
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.stage import portal_settings
from tests.portal.test_mail_for_sms import CHANNELS
from tests.portal.test_password_change import CORP, NAME, OLD
from tests.sign_in.headless import SCHEMES, Corp, Service


@dataclass
class Terminal:
    """Somebody who types, and what the clock and the waits did."""

    service: Service
    corp: Corp
    slept: list[float] = field(default_factory=list)
    scheme: str = ""

    def dialogue(self) -> Dialogue:
        client = Client(
            address="192.0.2.7",
            host=TOKEN_HOST,
            browser="",
            incident="incident",
            can_prove=TYPED_BEYOND_APPS,
            way=Way.SSH,
        )
        return Dialogue(
            self.service.parts.flow,
            client,
            Goal(host="signin.corp.example", scheme=self.scheme),
            change_url="https://signin.corp.example",
            clock=lambda: self.service.now,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def after(self, *answers: str, username: str = NAME) -> Any:
        """What comes after these answers, from the start."""
        dialogue = self.dialogue()
        found: Any = await dialogue.begin(username)
        for each in answers:
            found = await dialogue.answer(each)
        return found


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    corp = Corp()
    corp.is_now(mail="scripted@corp.example")
    settings = portal_settings(
        tmp_path, directories=[CORP], schemes=SCHEMES, second_factor={"channels": tuple(CHANNELS)}
    )
    store = SQLiteStore(tmp_path / "state.db")
    service = Service(settings, store, Realms([corp]))
    service.phone.channels = dict(CHANNELS)
    yield Terminal(service, corp)
    await store.close()


def wrong(terminal: Terminal) -> str:
    return "000000" if terminal.service.passcode != "000000" else "000001"


async def test_an_unknown_name_and_a_wrong_password_are_told_the_same_after_the_same_time(terminal: Terminal) -> None:
    told = [await terminal.after("wrong", username=name) for name in (NAME, "nobody@corp", "odd\0name", "@")]
    assert told == [TerminalQuestion(told=phrases.SIGN_IN_REFUSED, label="Password: ")] * 4
    assert terminal.slept == [0.5] * 4


async def test_three_wrong_passwords_end_the_connection(terminal: Terminal) -> None:
    for name in (NAME, "nobody@corp"):
        over = await terminal.after("wrong 1", "wrong 2", "wrong 3", username=name)
        assert isinstance(over, SignInOver)
    assert terminal.corp.binds == 3


async def test_an_empty_password_reaches_no_directory(terminal: Terminal) -> None:
    assert isinstance(await terminal.after(""), TerminalQuestion)
    assert (terminal.corp.binds, terminal.corp.others) == (0, 0)


async def test_enter_alone_has_the_same_passcode_sent_again_but_not_at_once(terminal: Terminal) -> None:
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    early: Any = await dialogue.answer("")
    assert early.told.startswith("You can ask for it again in 30 seconds.")
    first = terminal.service.passcode
    terminal.service.now += 31
    again: Any = await dialogue.answer("  ")
    assert again.told.startswith("We sent the code again. It is the same code as before.")
    assert len(terminal.service.phone.messages) == 2
    assert terminal.service.passcode == first
    left: Any = await dialogue.answer(wrong(terminal))
    assert "You have 4 tries left." in left.told
    assert isinstance(await dialogue.answer(first), LetIn)


async def test_another_factor_is_asked_for_by_its_name(terminal: Terminal) -> None:
    asked = await terminal.after(OLD, "Email")
    assert asked.label == "6-digit code (s***@corp.example): "
    assert asked.told.startswith("We sent an e-mail with a code to s***@corp.example.")
    assert terminal.service.phone.messages[-1].mail == "scripted@corp.example"


async def test_a_name_that_is_not_offered_is_an_answer_like_any_other(terminal: Terminal) -> None:
    asked = await terminal.after(OLD, "passkey")
    assert asked.told.startswith("Enter all 6 digits.")
    assert "(******** 456)" in asked.label


async def test_too_many_wrong_codes_end_the_sign_in_and_its_session(terminal: Terminal) -> None:
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    for _ in range(4):
        assert isinstance(await dialogue.answer(wrong(terminal)), TerminalQuestion)
    over = await dialogue.answer(wrong(terminal))
    assert over == SignInOver(f"Too many wrong codes. {phrases.EXHAUSTED_TEXT}")
    assert await terminal.service.store.sessions.sessions() == []


async def test_a_code_that_is_over_is_replaced_when_the_person_asks(terminal: Terminal) -> None:
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    old = terminal.service.passcode
    terminal.service.now += terminal.service.settings.passcode.lifetime
    over: Any = await dialogue.answer(old)
    assert (over.told, over.label) == ("The code is no longer valid.", "Press Enter for a new one: ")
    assert await dialogue.answer(old) == over
    assert len(terminal.service.phone.messages) == 1
    assert isinstance(await dialogue.answer(""), TerminalQuestion)
    assert isinstance(await dialogue.answer(terminal.service.passcode), LetIn)


async def test_each_factor_of_a_scheme_is_asked_for_in_turn(terminal: Terminal) -> None:
    terminal.scheme = "both"
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    second: Any = await dialogue.answer(terminal.service.passcode)
    assert "s***@corp.example" in second.label
    let_in = await dialogue.answer(terminal.service.passcode)
    assert isinstance(let_in, LetIn)
    assert let_in.session.level is Level.SIGNED_IN


async def test_a_password_that_must_be_changed_is_changed_elsewhere(terminal: Terminal) -> None:
    terminal.corp.stopped = RefusalReason.MUST_CHANGE
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    over = await dialogue.answer(terminal.service.passcode)
    assert isinstance(over, SignInOver)
    assert "https://signin.corp.example" in over.told
    assert await terminal.service.store.sessions.sessions() == []


async def test_what_stops_a_person_is_told_and_leaves_no_session(terminal: Terminal) -> None:
    terminal.scheme = "mailed"
    assert await terminal.after(OLD) == SignInOver(phrases.NO_SCHEME_TEXT)
    terminal.scheme = ""
    terminal.corp.is_now(mobiles=(), mail=None)
    assert await terminal.after(OLD) == SignInOver(LACKS["number"][1])
    assert await terminal.service.store.sessions.sessions() == []


async def test_limits_are_told_with_the_time_that_is_left(terminal: Terminal) -> None:
    for _ in range(terminal.service.settings.throttle.sends_per_person):
        await terminal.after(OLD)
    over = await terminal.after(OLD)
    assert isinstance(over, SignInOver)
    assert over.told.startswith("You have asked for too many codes.")
    assert "Try again in" in over.told


async def test_the_same_name_again_waits_for_the_same_passcode_and_another_name_for_none(terminal: Terminal) -> None:
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    await dialogue.begin(NAME)
    assert isinstance(await dialogue.answer(OLD), TerminalQuestion)
    assert len(terminal.service.phone.messages) == 1
    await dialogue.begin("nobody@corp")
    assert await terminal.service.store.sessions.sessions() == []
    passcode: Any = await dialogue.answer(terminal.service.passcode)
    assert passcode.told == phrases.SIGN_IN_REFUSED


async def test_what_was_begun_ends_when_it_is_given_up(terminal: Terminal) -> None:
    dialogue = terminal.dialogue()
    await dialogue.begin(NAME)
    await dialogue.answer(OLD)
    assert len(await terminal.service.store.sessions.sessions()) == 1
    await dialogue.give_up()
    assert await terminal.service.store.sessions.sessions() == []


async def test_no_step_shows_what_is_secret(terminal: Terminal) -> None:
    dialogue = terminal.dialogue()
    shown = [await dialogue.begin(NAME), await dialogue.answer("wrong one 9"), await dialogue.answer(OLD)]
    shown.append(await dialogue.answer(terminal.service.passcode))
    let_in = shown[-1]
    assert isinstance(let_in, LetIn)
    told = repr(shown)
    secrets = [OLD, "wrong one 9", terminal.service.passcode, let_in.token, let_in.session.session_id, "7400123456"]
    assert [secret for secret in secrets if secret in told] == []
