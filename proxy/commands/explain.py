"""`gatepost explain LOGIN`: whether this person can sign in, why not, and what to do. Reads only, no password."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TextIO

from config.settings import Settings
from directory.create_directories import create_directories
from proxy.commands.acting import act, person_of, record_acts
from proxy.commands.arguments import ip_address_text
from proxy.help_desk.explaining import Explaining, Explanation, SignInQuestion
from proxy.help_desk.verdict import step_text, verdict_text
from proxy.mobile_formats.words import instant_text, one_line
from proxy.secrets.key_file import KeyFileError, existing_keys
from proxy.secrets.keys import Keys
from proxy.store.open import open_store

_MARKS = {True: "ok  ", False: "NO  ", None: "    "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", metavar="LOGIN", help="as it is typed: alice, alice@corp.example or CORP\\alice")
    parser.add_argument("--app", metavar="NAME", help="whether they may reach this app, too")
    parser.add_argument(
        "--from", dest="address", metavar="ADDRESS", type=ip_address_text, help="the address they come from"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0 if they can sign in (and reach the app), 1 if not, 2 for an app that is not there."""
    names = [app.name for app in settings.apps]
    if arguments.app not in (None, *names):
        there = ", ".join(names)
        print(f"gatepost explain: there is no app {arguments.app!r}; there are: {there}", file=sys.stderr)
        return 2
    question = SignInQuestion(login=arguments.login, address=arguments.address, app=arguments.app or "")
    realms = create_directories(settings)
    store = open_store(settings.store)
    try:
        explaining = Explaining(settings, realms=realms, store=store, keys=_keys(settings, now))
        explanation = await explaining.explain(question, now=now)
        account = explanation.account
        person = None if account is None else person_of(account)
        facts = {"found": account is not None, "can_sign_in": explanation.can_sign_in}
        await record_acts(settings, store, [act("admin.explained", person, **facts)])
    finally:
        await store.close()
        await realms.close()
    if arguments.json:
        print(json.dumps(_as_json(arguments.login, explanation, now), indent=2), file=stdout)
    else:
        _write(explanation, stdout, now)
    return 0 if explanation.can_sign_in else 1


def _write(explanation: Explanation, stdout: TextIO, now: float) -> None:
    """The verdict first, then what blocks, then the rest."""
    print(one_line(verdict_text(explanation.verdict, now)), file=stdout)
    blocking = [step for step in explanation.steps if step.ok is False]
    rest = [step for step in explanation.steps if step.ok is not False]
    for title, steps in (("What blocks the sign-in", blocking), ("Everything else that was checked", rest)):
        if steps:
            print(f"\n{title}:", file=stdout)
        for step in steps:
            print(f"{_MARKS[step.ok]}  {step.name}: {one_line(step_text(step, now))}", file=stdout)


def _as_json(login: str, explanation: Explanation, now: float) -> dict[str, object]:
    """Instants in UTC, as programs want them."""
    verdict = explanation.verdict
    return {
        "login": login,
        "can_sign_in": verdict.can_sign_in,
        "verdict": {
            "light": verdict.light.value,
            "headline": verdict.headline,
            "what": verdict.what,
            "who": verdict.who.value if verdict.who is not None else None,
            "until": instant_text(verdict.until) or None,
            "more": verdict.more,
        },
        "steps": [
            {
                "step": step.name,
                "ok": step.ok,
                "detail": step.detail,
                "moments": {word: instant_text(at) for word, at in step.moments},
            }
            for step in explanation.steps
        ],
    }


def _keys(settings: Settings, now: float) -> Keys | str:
    try:
        return Keys(existing_keys(settings.server), clock=lambda: now)
    except KeyFileError as error:
        return str(error)
