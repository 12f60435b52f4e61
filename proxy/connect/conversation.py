"""A sign-in on the terminal: what the API asks for is asked, until there is a token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from proxy.connect.api_client import APIClient, CallDeclined, ProofWanted, SignedInThere
from proxy.connect.terminal import Questioner

MOST_PASSWORDS = 3
_SENT = {"sms": "a text message", "email": "an e-mail", "email_for_sms": "an e-mail"}
_CHANNELS = {"sms": "sms", "email": "email", "email_for_sms": "email"}
"""What is named to have a code of it sent again."""
_ASKED_FOR = {
    "totp": "Code of your authenticator app",
    "recovery_code": "One of your recovery codes",
    "pass": "The 20 digits of your pass",
}


class NobodySignedIn(Exception):
    """Nobody was. Says why."""


class Meant(Enum):
    ANSWER = auto()
    AGAIN = auto()
    """Send the message again."""
    FACTOR = auto()
    """Ask for this one instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    meant: Meant
    text: str


def read_typed(text: str, asked: ProofWanted) -> Typed:
    """What a line means while this is asked for. Pure."""
    text = text.strip()
    if not text or text == "again":
        return Typed(meant=Meant.AGAIN, text="")
    name = text.lower().replace(" ", "_")
    return Typed(meant=Meant.FACTOR, text=name) if name in asked.factors else Typed(meant=Meant.ANSWER, text=text)


def question_of(asked: ProofWanted) -> str:
    """What is asked for, and what may be typed in its place. Pure."""
    ways = [name for name in asked.factors if name != asked.factor]
    more = ["Enter alone sends it again"] if asked.factor in _SENT else []
    more += [f"or type {' or '.join(ways)}"] if ways else []
    what = _ASKED_FOR.get(asked.factor, "Code")
    if asked.factor in _SENT:
        what = f"Code from {_SENT[asked.factor]} to {asked.destination}"
    return f"{what} ({'; '.join(more)})" if more else what


async def sign_in(api: APIClient, questioner: Questioner, app: str, username: str) -> SignedInThere:
    """Raises `NobodySignedIn`, `NotServed` and `NobodyThere`."""
    for _ in range(MOST_PASSWORDS):
        password = await questioner.ask(f"Password of {username} at {api.host}", is_hidden=True)
        step = await api.sign_in(username, password, app)
        if isinstance(step, ProofWanted):
            step = await _prove(api, questioner, step)
        if isinstance(step, SignedInThere):
            return step
        if step.error != "refused":
            raise NobodySignedIn(step.message)
        questioner.say(step.message)
    raise NobodySignedIn("nobody was signed in")


async def _prove(api: APIClient, questioner: Questioner, asked: ProofWanted) -> SignedInThere | CallDeclined:
    while True:
        typed = read_typed(await questioner.ask(question_of(asked), is_hidden=True), asked)
        match typed.meant:
            case Meant.FACTOR if typed.text not in _SENT:
                asked = replace(asked, factor=typed.text, destination="")
                continue
            case Meant.FACTOR:
                step = await api.resend(asked.flow, _CHANNELS[typed.text])
            case Meant.AGAIN:
                step = await api.resend(asked.flow, _CHANNELS.get(asked.factor))
            case Meant.ANSWER:
                step = await api.prove(asked.flow, asked.factor, typed.text)
        match step:
            case SignedInThere():
                return step
            case ProofWanted():
                asked = step
            case CallDeclined(is_over=True) | CallDeclined(error="not_allowed"):
                return step
            case CallDeclined():
                questioner.say(step.message)
