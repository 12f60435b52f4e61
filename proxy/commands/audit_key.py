"""`gatepost audit key`: the public keys of anchors, one a line: of each master key that is there."""

from __future__ import annotations

import argparse
from typing import TextIO

from config.settings import Settings
from proxy.audit.anchors import public_keys, public_text
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO, *, now: float) -> int:
    """Raises `KeyFileError`."""
    keys = Keys(existing_keys(settings.server), clock=lambda: now)
    for key in public_keys(keys):
        print(public_text(key), file=stdout)
    return 0
