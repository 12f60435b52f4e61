"""`--config FILE` of every command, and what replaces it if it is left out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GATEPOST_CONFIG"
USUAL_FILE = Path("/etc/gatepost/gatepost.toml")


class NoConfiguration(Exception):
    """No file was named, and there is none in the usual place."""

    def __init__(self, usual: Path) -> None:
        super().__init__(f"which configuration? Give --config FILE or set {VARIABLE}: there is no {usual}")


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (TOML); left out: {VARIABLE}, then {USUAL_FILE}",
    )


def config_file(given: Path | None, *, usual: Path = USUAL_FILE) -> Path:
    """The file to use. Raises `NoConfiguration`; a named file need not exist."""
    file = named_file(given)
    if file is not None:
        return file
    if not os.path.lexists(usual):
        raise NoConfiguration(usual)
    return usual


def named_file(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """What the option or the environment names."""
    return given if given is not None else Path(environ[VARIABLE]) if environ.get(VARIABLE) else None
