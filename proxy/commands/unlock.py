"""`gatepost unlock LOGIN`: clear a person's counts, and confirm a number that changed.

What a directory counts itself it goes on counting: an account that is locked there is unlocked there. What is in the
way after all is said.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from config.settings import Settings
from directory.create_directories import create_directories
from directory.errors import DirectoryError
from directory.principal import Principal
from proxy.audit.audited_log import audited
from proxy.audit.recorder import Recorder
from proxy.commands.acting import act, acting, by_this_command, person_of, record_acts
from proxy.commands.arguments import ip_address_text
from proxy.delivery.create_channels import create_channels
from proxy.help_desk.explaining import Explaining, SignInQuestion
from proxy.help_desk.person import NotFound, find_person
from proxy.help_desk.unlocking import unlock
from proxy.help_desk.verdict import verdict_text
from proxy.languages.configured import languages_of
from proxy.mobile_formats.words import one_line
from proxy.operations.incidents import new_incident_id
from proxy.operations.log import configure_log
from proxy.operations.store_errors import StoreError
from proxy.pages.local_time import brief_text
from proxy.portal.number_notice import notice_of
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.changed_numbers import Confirmed, Notices, confirm_number
from proxy.store.contract import Store
from proxy.store.open import open_store
from proxy.throttle.throttle import Throttle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", metavar="LOGIN", help="alice, alice@corp.example or CORP\\alice")
    parser.add_argument(
        "--passwords",
        action="store_true",
        help="clear wrong passwords too, whatever the directory itself counts: more wrong ones may then lock the"
        " account there",
    )
    parser.add_argument(
        "--from",
        dest="address",
        metavar="ADDRESS",
        type=ip_address_text,
        help="also clear what is counted for everybody at this address",
    )
    parser.add_argument(
        "--confirm-number",
        metavar="ENDING",
        help="confirm that the changed mobile number is theirs: its last three digits, as gatepost explain shows"
        " them. Call them back first. The previous number and their mail address are told",
    )


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """0; 1 if there is no such person or number, or something cannot be reached. Raises `KeyFileError`."""
    keys = Keys(existing_keys(settings.server), clock=lambda: now)
    realms = create_directories(settings)
    store = open_store(settings.store)
    try:
        directory, principal = await find_person(realms, arguments.login)
        if arguments.confirm_number is not None:
            async with acting(settings, store, keys) as recorder:
                is_confirmed = await _confirm(
                    settings, store, keys, principal, arguments.confirm_number, recorder, now=now
                )
            if not is_confirmed:
                return 1
            print(
                f"{principal.username} ({principal.realm}): the number ending in {arguments.confirm_number} is"
                " confirmed; the previous one and their mail address are told",
                file=stdout,
            )
        kept = await unlock(
            Throttle(store.counters, settings.throttle, key=keys.derive(Purpose.THROTTLE)),
            directory,
            principal,
            mobile=settings.mobile,
            address=arguments.address,
            with_passwords=arguments.passwords,
            now=now,
        )
        cleared = {"wrong_ones_too": arguments.passwords, "address_too": arguments.address is not None}
        await record_acts(settings, store, [act("admin.unlocked", person_of(principal), **cleared)], keys)
        print(f"{principal.username} ({principal.realm}): counts cleared", file=stdout)
        if kept is not None:
            until = "" if kept.until is None else f" That ends at {brief_text(kept.until, now)}."
            print(
                f"Wrong passwords still count: {kept.sentence}.{until} --passwords clears them anyway.",
                file=stdout,
            )
        explaining = Explaining(settings, realms=realms, store=store, keys=keys)
        after = await explaining.explain(SignInQuestion(login=arguments.login, address=arguments.address), now=now)
        print(one_line(verdict_text(after.verdict, now)), file=stdout)
    except (NotFound, DirectoryError, StoreError) as error:
        print(f"gatepost unlock: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
        await realms.close()
    return 0


async def _confirm(
    settings: Settings,
    store: Store,
    keys: Keys,
    principal: Principal,
    ending: str,
    recorder: Recorder,
    *,
    now: float,
) -> bool:
    """Whether the number was confirmed; it is in the log, which a command writes to stderr."""
    log, incident = audited(configure_log(), recorder), new_incident_id()
    languages = languages_of(settings.pages)
    channels = create_channels(settings, languages=languages)
    notices = Notices(notifier=channels, log=log, wording=notice_of, languages=languages)
    try:
        outcome = await confirm_number(
            settings, store.numbers, keys, notices, principal, ending=ending, incident=incident, now=now
        )
        if not isinstance(outcome, Confirmed):
            print(
                f"gatepost unlock: no number ending in {one_line(ending)!r} is held back: see gatepost explain",
                file=sys.stderr,
            )
            return False
        log.info(
            "admin.number_confirmed",
            by=by_this_command(),
            person_realm=principal.realm,
            person_guid=principal.guid,
            destination=outcome.masked,
            incident=incident,
        )
        await notices.settled()
        return True
    finally:
        await channels.close()
