"""`gatepost`: the command line. Exit codes: 0 fine, 1 a check failed, 2 wrong usage or configuration."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from config.checks import warnings
from config.load import load_known, load_settings
from config.problems import ConfigurationError, Unknown, UnusableFile
from config.settings import Settings
from directory.errors import DirectoryMisconfigured
from proxy import __version__
from proxy.commands.config_option import NoConfiguration, add_config_option, config_file
from proxy.operations.own_user import WrongUser, become_owner_of
from proxy.secrets.key_file import KeyFileError

NOBODY_READS = 141
"""The exit code of who is ended by SIGPIPE: ``gatepost check | head -1``."""
_WITH_STORE = frozenset(
    (
        *("check", "bounces", "explain", "factors", "unlock", "sessions", "tokens"),
        *("notice", "canary", "rehearse", "audit", "degrade"),
    )
)

_WITHOUT_CONFIGURATION = ("run", "demo", "hash-password", "connect")
"""Commands that want none, or say so themselves."""
COMMANDS = {
    "run": "run Gatepost",
    "check": "validate the configuration, then try each dependency",
    "demo": "everything embedded on loopback: users, a pretend phone, an app",
    "connect": "an app on loopback, for clients that cannot sign in by themselves",
    "number": "what Gatepost makes of a mobile field",
    "people": "local people: list, add, change, disable",
    "hash-password": "the argon2 hash of a local user's password",
    "mobiles": "the state of the mobile field, person by person",
    "bounces": "passcodes that did not arrive, and what to do",
    "explain": "whether a person can sign in, why not, and what to do",
    "rehearse": "whose access a new configuration would change",
    "who-can": "by group, who can open an app",
    "unlock": "clear a person's counts, confirm a number that changed",
    "factors": "second factors that a person has added; remove one",
    "sessions": "who is signed in; end sessions",
    "notice": "tell everybody something on the pages",
    "canary": "whether passcodes to the operator arrive",
    "degrade": "step down to a rung that the configuration holds, for some hours",
    "tokens": "service tokens and app passwords: create, list, revoke",
    "audit": "what happened: verify it, find it, forget it",
    "keys": "the master keys: list, rotate, drop",
    "send-test": "send a test SMS",
}
"""The names, and what `--help` says of them."""


def _module(command: str) -> Any:
    """What does it, with all that it imports: the others are not waited for.

    It has `run`, and `add_arguments` where it takes any. Where that returns parsers, each wants a configuration.
    """
    return import_module("proxy.demo.demo" if command == "demo" else f"proxy.commands.{command.replace('-', '_')}")


def _form() -> str:
    """Whether the modules that a request passes through are compiled here (see setup.py)."""
    module = find_spec("proxy.forwarding.exchange")
    return " (compiled)" if module is not None and not (module.origin or "").endswith(".py") else ""


def parser_knowing(asked: str | None) -> argparse.ArgumentParser:
    """`asked` is the command that is used: of the others it knows no more than the names."""
    parser = argparse.ArgumentParser(
        prog="gatepost", description="An authenticating reverse proxy: AD password, SMS passcode, through to the app."
    )
    parser.add_argument("--version", action="version", version=f"gatepost {__version__}{_form()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        each = commands.add_parser(name, help=help_text)
        if name != asked:
            continue
        add_arguments = getattr(_module(name), "add_arguments", None)
        parsers = (add_arguments and add_arguments(each)) or [each]
        for wanting in parsers if name not in _WITHOUT_CONFIGURATION else ():
            add_config_option(wanting)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    parsed = parser_knowing(next((each for each in given if each in COMMANDS), None)).parse_args(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold what a terminal's encoding cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        if "config" in parsed and parsed.command != "number" and _wants_settings(parsed):
            parsed.config = config_file(parsed.config)
        code = _dispatch(parsed)
        sys.stdout.flush()  # what nobody reads must fail here, not at the end of Python
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except (NoConfiguration, WrongUser) as error:
        print(f"gatepost {parsed.command}: {error}", file=sys.stderr)
        return 2
    except ConfigurationError as error:
        if parsed.command == "demo":
            print(f"gatepost demo: port {parsed.port}: {error}; choose another with --port", file=sys.stderr)
        else:
            for problem in error.problems:
                print(problem.of_file(parsed.config), file=sys.stderr)
        return 2
    except (DirectoryMisconfigured, UnusableFile) as error:
        print(f"{parsed.config}: {error}", file=sys.stderr)
        return 2
    except KeyFileError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _wants_settings(parsed: argparse.Namespace) -> bool:
    """Whoever has the public keys verifies an audit without."""
    return parsed.command != "audit" or bool(_module("audit").needs_settings(parsed))


def _dispatch(parsed: argparse.Namespace) -> int:
    command = _module(parsed.command)
    match parsed.command:
        case "number" | "hash-password":
            code = command.run(parsed, sys.stdin, sys.stdout)
        case "demo" | "connect":
            code = command.run(parsed, sys.stdout)
        case "run":
            code = command.run(parsed.config, after_restore=parsed.after_restore)
        case "check":
            code = asyncio.run(command.run(_settings(parsed), sys.stdout, secrets_from=parsed.secrets_from))
        case "rehearse":
            code = asyncio.run(command.run(parsed, _settings(parsed), sys.stdout, sys.stderr, now=time.time()))
        case "bounces" | "explain" | "unlock" | "factors" | "sessions" | "tokens" | "notice" | "degrade":
            code = asyncio.run(command.run(parsed, _settings(parsed), sys.stdout, now=time.time()))
        case "audit":
            settings = _settings(parsed) if _wants_settings(parsed) else None
            code = asyncio.run(command.run(parsed, settings, sys.stdout, now=time.time()))
        case "people" | "canary":
            code = asyncio.run(command.run(parsed, _settings(parsed), sys.stdin, sys.stdout, now=time.time()))
        case "keys":
            code = command.run(parsed, _settings(parsed), sys.stdout, now=time.time())
        case "mobiles":
            code = command.run(parsed, _settings(parsed), sys.stdout, sys.stderr)
        case "who-can":
            code = command.run(parsed, _settings(parsed), sys.stdout)
        case "send-test":
            code = asyncio.run(command.run(parsed, _settings(parsed), sys.stdout))
        case _:
            raise AssertionError(parsed.command)
    return int(code)


def _settings(parsed: argparse.Namespace) -> Settings:
    """Read and check the configuration, warn about what may be meant otherwise."""
    file: Path = parsed.config
    if parsed.command == "check":
        from proxy.commands.file_checks import load_checked, message_warnings

        with suppress(Unknown):
            # First of all: what only root can read is of no use to the service.
            _become_owner(parsed, load_known(file, os.environ))
        settings, parsed.secrets_from = load_checked(file, os.environ)
        found = [*warnings(settings), *message_warnings(settings)]
    else:
        settings = load_settings(file, os.environ)
        _become_owner(parsed, settings)
        found = list(warnings(settings))
    for warning in found:
        print(f"{file}: warning: {warning}", file=sys.stderr)
    return settings


def _become_owner(parsed: argparse.Namespace, settings: Settings) -> None:
    written = _written(parsed, settings)
    if written is not None:
        become_owner_of(written, replaces=parsed.command in ("keys", "people"))


def _written(parsed: argparse.Namespace, settings: Settings) -> Path | None:
    """The file that this command may create or change, besides files that its arguments name."""
    if parsed.command in _WITH_STORE:
        return settings.store.file or settings.audit.file
    if parsed.command == "people":
        changed: Path | None = _module("people").users_file(parsed, settings)
        return changed
    if parsed.command == "keys" and parsed.action in ("rotate", "drop") and settings.server.key is None:
        return settings.server.key_file
    return None
