"""The operator's gettext catalogues: what the files of a folder held when the configuration was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from config.system_errors import file_reason

MAX_CATALOGUE_BYTES = 1024 * 1024
"""Gatepost's own have a fifth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCatalogue:
    tag: str
    """Its language, by the name of its file."""
    file: str
    content: bytes = field(repr=False)
    """As read: all workers say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCatalogues:
    folder: str = ""
    """Empty: there are none."""
    files: tuple[OwnCatalogue, ...] = ()

    def __str__(self) -> str:
        return self.folder


NO_CATALOGUES = OwnCatalogues()


def read_own_catalogues(folder: Path) -> OwnCatalogues:
    """Every ``.po`` file in it. `ValueError` says what is wrong. It blocks."""
    if not folder.is_dir():
        raise ValueError(f"{folder.name} is no folder")
    try:
        paths = sorted(each for each in folder.iterdir() if each.suffix == ".po")
    except OSError as error:
        raise ValueError(f"{folder.name} cannot be read: {file_reason(folder, error)}") from None
    return OwnCatalogues(folder=str(folder), files=tuple(map(_read, paths)))


def _read(path: Path) -> OwnCatalogue:
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_CATALOGUE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {file_reason(path, error)}") from None
    if len(content) > MAX_CATALOGUE_BYTES:
        raise ValueError(f"{path.name} is larger than {MAX_CATALOGUE_BYTES // 1024} KiB")
    return OwnCatalogue(tag=path.stem, file=str(path), content=content)
