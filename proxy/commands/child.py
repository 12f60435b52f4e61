"""`python -m proxy.commands.child MODULE ORDER`: a process that the supervisor starts, to do `MODULE.main(ORDER)`.

What a program imports stays until its end. To look at it again and again while it is imported costs an eighth of a
worker's start, so garbage is collected only after that, and never looked for there.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module


def main(module: str, order: str) -> int:
    gc.disable()
    does = import_module(module)
    gc.freeze()
    gc.enable()
    return int(does.main(order))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
