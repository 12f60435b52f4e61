"""`gatepost audit export`: everything of one person, for whoever asks what is kept of them (GDPR article 15)."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TextIO

from config.settings import Settings
from directory.errors import DirectoryError
from proxy.audit.finding import for_person, instant, person_as_json
from proxy.commands.acting import act
from proxy.commands.audit_source import NothingToRead, add_person, open_source
from proxy.help_desk.person import NotFound
from proxy.operations.store_errors import StoreError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_person(parser, required=True, help_text="whose: alice, alice@corp.example or CORP\\alice")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if there is no such person, or something cannot be read. Raises `KeyFileError`."""
    try:
        async with open_source(settings) as source:
            person = await source.person(arguments.person, arguments.guid)
            if person is None:  # the arguments ask for one of both
                return 2
            found = [for_person(entry, person.guid) async for entry in source.entries(guid=person.guid)]
            await source.record(act("admin.audit_exported", person, found=len(found)))
    except (NothingToRead, NotFound, DirectoryError, StoreError) as error:
        print(f"gatepost audit export: {error}", file=sys.stderr)
        return 1
    whole = {"person": person_as_json(person), "made": instant(now), "entries": found}
    json.dump(whole, stdout, indent=2)
    print(file=stdout)
    return 0
