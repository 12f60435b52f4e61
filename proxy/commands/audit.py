"""`gatepost audit`: what the audit holds, and whether it is what was written. Each action has a file of its own."""

from __future__ import annotations

import argparse
from typing import Any, TextIO

from config.settings import Settings
from proxy.commands import audit_erase, audit_export, audit_find, audit_key, audit_report, audit_verify

ACTIONS: dict[str, Any] = {
    "verify": (audit_verify, "whether the lines are those that were written; names the first that is not"),
    "find": (audit_find, "what happened: to a person, with an app, since a day"),
    "export": (audit_export, "everything of one person as JSON, for whoever asks what is kept of them"),
    "report": (audit_report, "evidence: who signed in, how, from where and how often; each exception"),
    "erase": (audit_erase, "destroy the keys of a person or a month, so that nobody can read what is personal"),
    "key": (audit_key, "print the public keys, for somebody else who verifies"),
}


def add_arguments(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of all actions, each of which wants a configuration."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    parsers = []
    for name, (module, help_text) in ACTIONS.items():
        parsers.append(actions.add_parser(name, help=help_text))
        module.add_arguments(parsers[-1])
    return parsers


async def run(arguments: argparse.Namespace, settings: Settings | None, stdout: TextIO, *, now: float) -> int:
    """0; 1 if something is wrong or cannot be reached; 2 for wrong usage. Raises `KeyFileError`.

    Without settings, for `verify` alone, the public keys are given (`needs_settings`).
    """
    module, _ = ACTIONS[arguments.action]
    return int(await module.run(arguments, settings, stdout, now=now))


def needs_settings(arguments: argparse.Namespace) -> bool:
    """Not for somebody who verifies elsewhere, with the public keys."""
    return not (arguments.action == "verify" and arguments.public_keys)
