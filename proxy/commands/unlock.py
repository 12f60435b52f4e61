"""`gatepost unlock LOGIN`: begin a person's counts anew, the failures in a row that lock a factor included.

What a directory counts itself it goes on counting: an account that is locked there is unlocked there.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from config.settings import Settings
from directory.errors import DirectoryError
from proxy.help_desk.person import NotFound, find_person
from proxy.help_desk.unlocking import unlock
from proxy.key_file import existing_keys
from proxy.keys import Keys, Purpose
from proxy.server import create_directories
from proxy.store.open import open_store
from proxy.store.store import StoreError
from proxy.throttle.throttle import Throttle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", metavar="LOGIN", help="alice, alice@corp.example or CORP\\alice")
    parser.add_argument(
        "--passwords",
        action="store_true",
        help="the count of wrong passwords too, where the directory locks accounts: it keeps its own count, so more"
        " wrong ones may lock the account there",
    )


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO) -> int:
    """0; 1 if there is no such person, or something cannot be reached. Raises `KeyFileError`."""
    keys = Keys(existing_keys(settings.server))
    realms = create_directories(settings)
    store = open_store(settings.store)
    try:
        meant = await find_person(realms, arguments.login)
        throttle = Throttle(store, settings.throttle, key=keys.derive(Purpose.THROTTLE))
        keeps_passwords = await unlock(
            throttle, meant.directory, meant.account.guid, with_passwords=arguments.passwords
        )
    except NotFound as error:
        print(f"gatepost unlock: {error}", file=sys.stderr)
        return 1
    except (DirectoryError, StoreError) as error:
        print(f"gatepost unlock: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
        await realms.close()
    print(f"{meant.account.username} ({meant.account.realm}): counts begin anew", file=stdout)
    if keeps_passwords:
        print(
            "Wrong passwords are still counted, as the directory counts them too; add --passwords if its own count"
            " was reset.",
            file=stdout,
        )
    return 0
