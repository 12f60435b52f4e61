"""`python -m proxy.commands.child MODULE ORDER`: a process that the supervisor starts, to do `MODULE.main(ORDER)`.

What a program imports stays until its end. To look at it again and again while it is imported costs an eighth of a
worker's start, so garbage is collected only after that, and never looked for there.

Later, each look goes through what requests under way hold as well as through what came to stay since the last one. What
a session is takes a dozen objects, so Python's own pace is a look for every fifty sessions that a worker meets.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

_LOOK_AFTER = (5000, 10, 2)
"""New objects before a look at these (Python's own pace: 700), such looks before one at the middle-aged too, and those
before one at all: this last comes after about as many new objects as by Python's own pace."""


def main(module: str, order: str) -> int:
    gc.disable()
    does = import_module(module)
    settle()
    gc.enable()
    return int(does.main(order))


def settle() -> None:
    """Everything is imported."""
    gc.freeze()
    gc.set_threshold(*_LOOK_AFTER)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
