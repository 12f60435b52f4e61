"""What an object is made of, found without naming a part of it."""

from __future__ import annotations

import gc


def parts_of(thing: object) -> list[object]:
    """`thing`, and every object of a class of `proxy` that hangs on it, through collections too."""
    seen: dict[int, object] = {}
    left = [thing]
    while left:
        each = left.pop()
        is_ours = type(each).__module__.startswith("proxy.")
        if id(each) not in seen and (is_ours or isinstance(each, dict | list | tuple | set)):
            seen[id(each)] = each
            left += gc.get_referents(each)
    return [each for each in seen.values() if type(each).__module__.startswith("proxy.")]
