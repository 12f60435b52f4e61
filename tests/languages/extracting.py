"""The messages in the code and in the templates, as gettext's tools find them."""

from __future__ import annotations

import contextlib
import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
METHODS = [("**/templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""So that a catalogue changes only where its messages do."""


def extracted(root: Path) -> Catalog:
    found = Catalog(project="Gatepost", charset="utf-8", creation_date=NO_TIME, revision_date=NO_TIME, fuzzy=False)
    options = {"**/templates/**.html": {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}}
    with contextlib.redirect_stderr(io.StringIO()):  # it warns of f-strings among the values that are filled in
        each_found = list(extract_from_dir(root / "proxy", method_map=METHODS, options_map=options, keywords=KEYWORDS))
    for name, line, message, comments, context in each_found:
        found.add(message, locations=[(f"proxy/{name}", line)], auto_comments=comments, context=context)
    return found
