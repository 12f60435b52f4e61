"""`gatepost explain LOGIN`: why this person can or cannot sign in, step by step. Reads only, and needs no password."""

from __future__ import annotations

import argparse
import json
import sys
from ipaddress import ip_address
from typing import TextIO

from config.settings import Settings
from proxy.help_desk.explaining import Explaining, Question
from proxy.key_file import KeyFileError, existing_keys
from proxy.keys import Keys
from proxy.mobile_formats.words import one_line
from proxy.server import create_directories
from proxy.store.open import open_store

_MARKS = {True: "ok  ", False: "NO  ", None: "    "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", metavar="LOGIN", help="as it is typed: alice, alice@corp.example or CORP\\alice")
    parser.add_argument("--app", metavar="NAME", help="whether they may reach this app, too")
    parser.add_argument("--from", dest="address", metavar="ADDRESS", type=_address, help="the address they come from")
    parser.add_argument("--json", action="store_true", help="for programs")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0 if they can sign in (and reach the app), 1 if not, 2 for an app that is not there."""
    names = [app.name for app in settings.apps]
    if arguments.app not in (None, *names):
        there = ", ".join(names)
        print(f"gatepost explain: there is no app {arguments.app!r}; there are: {there}", file=sys.stderr)
        return 2
    question = Question(login=arguments.login, address=arguments.address, app=arguments.app or "")
    realms = create_directories(settings)
    store = open_store(settings.store)
    try:
        explaining = Explaining(settings, realms=realms, store=store, keys=_keys(settings, now))
        explanation = await explaining.explain(question, now=now)
    finally:
        await store.close()
        await realms.close()
    steps, verdict = explanation.steps, explanation.can_sign_in
    if arguments.json:
        found = [{"step": step.name, "ok": step.ok, "detail": step.detail} for step in steps]
        json.dump({"login": arguments.login, "can_sign_in": verdict, "steps": found}, stdout, indent=2)
        stdout.write("\n")
    else:
        for step in steps:
            print(f"{_MARKS[step.ok]}  {step.name}: {one_line(step.detail)}", file=stdout)
        reach = f" and reach {arguments.app}" if arguments.app is not None else ""
        print(f"{one_line(arguments.login)} {'can' if verdict else 'cannot'} sign in{reach} now", file=stdout)
    return 0 if verdict else 1


def _keys(settings: Settings, now: float) -> Keys | str:
    try:
        return Keys(existing_keys(settings.server), clock=lambda: now)
    except KeyFileError as error:
        return str(error)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from None
