"""From the configuration's `[store] url` to a store."""

from __future__ import annotations

from pathlib import Path

from proxy.store.sqlite import SQLiteStore
from proxy.store.store import Store


def open_store(url: str) -> Store:
    """``sqlite:PATH``, relative to the working directory unless absolute; `ValueError` for anything else.

    Nothing is opened yet: a store that is away does not keep Gatepost from starting.
    """
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        raise ValueError('not a store that this version knows: write "sqlite:state.db"')
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if not path or path.startswith("//") or "?" in path:
        raise ValueError('not the path of a store: write "sqlite:state.db" or "sqlite:/var/lib/gatepost/state.db"')
    return SQLiteStore(Path(path))
