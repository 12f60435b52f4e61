"""Writes the pages of docs/ that are made from the code; with `--check` only says which of them would change."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.reference import commands, configuration

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"configuration.md": configuration.page, "commands.md": commands.page}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page would change")
    is_check = parser.parse_args().check
    exit_code = 0
    for name, make in PAGES.items():
        file, page = DOCS / name, make()
        if file.exists() and file.read_text() == page:
            continue
        if is_check:
            print(f"docs/{name} is not what the code says: run python -m scripts.reference")
            exit_code = 1
        else:
            file.write_text(page)
            print(f"wrote docs/{name}")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
