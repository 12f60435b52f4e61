"""Every metric that the code tells, with its kind and labels: read off the source, nothing is run."""

from __future__ import annotations

import ast

from tests.docs.events_in_code import ROOT


def metrics_in_code() -> dict[str, tuple[str, set[str]]]:
    """By the name in `/metrics`: its kind and labels."""
    found = {}
    sources = [path.read_text() for path in (ROOT / "proxy").rglob("*.py")]
    for source in (each for each in sources if '"gatepost_' in each):
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(
                    func=ast.Name(id=called) | ast.Attribute(attr=called),
                    args=[ast.Constant(value=str(name)), _, *rest],
                ) if name.startswith("gatepost_"):
                    given = (
                        rest[0] if rest else next((each.value for each in node.keywords if each.arg == "labels"), None)
                    )
                    labels = set(ast.literal_eval(given)) if isinstance(given, ast.Tuple) else set()
                    kind = next((each for each in ("counter", "histogram") if each in called.lower()), "gauge")
                    found[f"{name}_total" if kind == "counter" else name] = (kind, labels)
    return found
