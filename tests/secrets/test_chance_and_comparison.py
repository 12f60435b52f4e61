"""Nobody can foresee what guards something, and nobody learns it from how long a comparison takes."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterator
from pathlib import Path

from proxy.secrets.tokens import new_app_password, new_token

ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"(?:token|digest|secret|passcode|password|password_of|csrf|mac|signature|proof)", re.ASCII)

COMPARED_OTHERWISE = {
    "proxy/audit/judging.py": "of lines that everybody may read who verifies them",
    "proxy/commands/plan.py": "what the supervisor was told by this program, and what it says now",
    "proxy/commands/hash_password.py": "one person has typed both",
    "proxy/connect/held_session.py": "both are this user's own",
    "proxy/factors/remembered/browser.py": "when the password was set, which is no secret",
    "proxy/radius/duplicates.py": "of packets that were sent in the clear",
    "proxy/sign_in/remembering.py": "both were made here",
}
NAMES_ALONE = {
    "directory/users_writing.py": "a file that is about to take another's place",
    "proxy/secrets/private_file.py": "a file that is about to take another's place",
    "proxy/sessions/last_uses.py": "a process",
    "proxy/store/redis/listening.py": "a process",
    "proxy/store/sqlite/news.py": "a process",
    "proxy/store/sqlite/peers.py": "a process",
}
"""What has fewer bits, because it opens nothing."""
JITTER = {
    "directory/active_directory/create_locator.py",
    "directory/active_directory/domain_controller.py",
    "proxy/delivery/breaker.py",
    "proxy/sessions/watch.py",
    "proxy/supervisor/supervisor.py",
    "proxy/upstreams/pool.py",
}
"""Those that spread load and waits by chance, for which `random` is good enough."""
NAMES_OF_TRACES = {
    "proxy/forwarding/traced.py",
    "proxy/tracing/collector.py",
    "proxy/tracing/trace_context.py",
}
"""Ids that everybody on the way may read, and which traces are recorded."""


def sources(holding: str) -> Iterator[tuple[str, str]]:
    """Place and text of each file that holds this pattern."""
    for folder in ("config", "directory", "proxy"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            if re.search(holding, text):
                yield path.relative_to(ROOT).as_posix(), text


def name_of(node: ast.expr) -> str:
    match node:
        case ast.Call(func=called):
            return name_of(called)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def test_secrets_are_compared_in_constant_time() -> None:
    found = set()
    for place, text in sources(rf"{SECRET.pattern}(?:\(.*\))? [!=]=|[!=]= .*{SECRET.pattern}"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
                sides = [node.left, *node.comparators]
                if any(SECRET.fullmatch(name_of(side)) for side in sides):
                    found.add(place)

    assert found == COMPARED_OTHERWISE.keys(), "use hmac.compare_digest, or say here why not"


def test_what_guards_something_has_at_least_128_bits_of_chance() -> None:
    few = set()
    for place, text in sources(r"\bsecrets\.token_"):
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="secrets"), attr=attr), args=[ast.Constant(value=size)]
                ):
                    if attr.startswith("token_") and size < 16:
                        few.add(place)

    assert few == NAMES_ALONE.keys(), "give it 16 bytes or more, or say here what it names"
    assert len(base64.urlsafe_b64decode(new_token() + "=")) * 8 >= 256
    assert len(new_app_password().replace("-", "")) * 5 >= 128  # base32


def test_only_jitter_comes_from_chance_that_can_be_foreseen() -> None:
    assert {place for place, _ in sources(r"(?m)^(?:import random|from random)\b")} == JITTER | NAMES_OF_TRACES
