"""`gatepost audit erase`: destroy keys, so that nobody can read any more what was sealed under them.

What stands in files, on syslog servers and in what a rehearsal keeps stays there, sealed, and `verify` passes.
The erasure is recorded, without saying whose it was.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TextIO

from config.settings import Settings
from directory.create_directories import create_directories
from directory.errors import DirectoryError
from proxy.audit.event import AuditEvent
from proxy.audit.person_keys import PersonKeys
from proxy.audit.recorder import AuditUnavailable
from proxy.commands.acting import audit_of_command, by_this_command
from proxy.help_desk.person import NotFound, find_person
from proxy.operations.log import configure_log
from proxy.operations.store_errors import StoreError
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys
from proxy.store.open import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("login", nargs="?", metavar="LOGIN", help="a person: alice, alice@corp.example or CORP\\alice")
    whose.add_argument("--guid", metavar="GUID", help="a person whose account is gone, by its objectGUID")
    whose.add_argument("--month", type=_month, metavar="MONTH", help="everybody, in a month: 2026-11")
    parser.add_argument(
        "--reason", type=_reason, required=True, metavar="TEXT", help="why, for the audit; names nobody"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask: what is erased cannot be brought back")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if there is no such person, or something cannot be reached; 2 if nobody said yes. Raises `KeyFileError`."""
    keys = Keys(existing_keys(settings.server), clock=lambda: now)
    store, realms = open_store(settings.store), create_directories(settings)
    person_keys, log = PersonKeys(store.person_keys, keys), configure_log()
    try:
        if arguments.month is not None:
            guid, told = "", f"everything personal of {arguments.month}"
        elif arguments.guid is not None:
            guid, told = arguments.guid.lower(), f"everything of {arguments.guid}"
        else:
            _, principal = await find_person(realms, arguments.login)
            guid, told = principal.guid, f"everything of {principal.username} ({principal.realm})"
        if not arguments.yes and not _is_agreed(told):
            print("gatepost audit erase: nothing was erased", file=sys.stderr)
            return 2
        async with audit_of_command(settings, store, keys, log=log) as audit:
            if arguments.month is not None:
                count = await person_keys.erase_month(arguments.month)
            else:
                count = await person_keys.erase_person(guid)
            what = {"month": arguments.month} if arguments.month is not None else {}
            audit.record(
                AuditEvent(
                    event="audit.erased",
                    facts={**what, "keys": count},
                    personal={"by": by_this_command(), "reason": arguments.reason},
                )
            )
            await audit.flushed()
        if not count:
            # It may also be a GUID that was mistyped, and somebody is told that they are forgotten.
            print(f"{told}: there was no key, so nothing could be read of it before either", file=stdout)
            return 0
        keys_are = "1 key is" if count == 1 else f"{count} keys are"
        print(f"{told}: {keys_are} destroyed. Backups of the store from before still open it.", file=stdout)
        if settings.store.file is None:
            print(
                "Redis' own files hold them until they are written again: redis-cli BGREWRITEAOF for the append-only"
                " file, redis-cli SAVE for the dump",
                file=stdout,
            )
    except AuditUnavailable as error:
        print(f"gatepost audit erase: the keys are destroyed, and that could not be recorded: {error}", file=sys.stderr)
        return 1
    except (NotFound, DirectoryError, StoreError) as error:
        print(f"gatepost audit erase: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
        await realms.close()
    return 0


def _is_agreed(what: str) -> bool:
    print(f"Destroy the keys of {what}? This cannot be undone. Type yes: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why: the audit keeps it")
    return text


def _month(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text, re.ASCII):
        raise argparse.ArgumentTypeError("write a month as 2026-11")
    return text
