"""Whether a file is a logo that may stand on a page: SVG or PNG, told by what it holds and never by its name.

Browsers run no script of a picture in a page. But they would of one that is opened by itself, and a logo comes by mail
from an agency: what could do anything but be drawn is refused.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import unquote
from xml.parsers import expat

from config.system_errors import file_reason

MAX_LOGO_BYTES = 256 * 1024
"""It is loaded with the sign-in page, by phones too."""
MAX_PIXELS = 2000
"""Of each side of a PNG: a small file can unpack to gigabytes."""
_PNG = b"\x89PNG\r\n\x1a\n"
_SVG_SPACE = "http://www.w3.org/2000/svg"
_XML = "http://www.w3.org/XML/1998/namespace"
_SAYING_NOTHING = frozenset(
    (
        "http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
        "http://www.inkscape.org/namespaces/inkscape",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "http://creativecommons.org/ns#",
        "http://purl.org/dc/elements/1.1/",
    )
)
"""What drawing programs note for themselves. Elements of any other kind may do something: HTML's do."""
_DRAWN = frozenset(
    (
        *("svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "style", "switch"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath", "marker"),
        *("linearGradient", "radialGradient", "stop", "pattern", "clipPath", "mask", "filter"),
        *("feBlend", "feColorMatrix", "feComponentTransfer", "feComposite", "feConvolveMatrix", "feDiffuseLighting"),
        *("feDisplacementMap", "feDistantLight", "feDropShadow", "feFlood", "feFuncA", "feFuncB", "feFuncG", "feFuncR"),
        *("feGaussianBlur", "feMerge", "feMergeNode", "feMorphology", "feOffset", "fePointLight", "feSpecularLighting"),
        *("feSpotLight", "feTile", "feTurbulence"),
    )
)
"""No script, no HTML (``foreignObject``), no links, no pictures from elsewhere, nothing that moves."""
_REFERENCE = re.compile(r"url\(\s*+['\"]?+\s*+(?!#)|@import|image(?:-set)?\(|src\(|\\", re.ASCII | re.IGNORECASE)
"""In CSS, where a backslash could hide any of these."""
_BLANKS = " \t\r\n"
"""Of XML. Behind any other an address is one of a file."""
_SVG_DOCTYPE = "-//W3C//DTD SVG "
"""Browsers have entities of their own for others, HTML's: they would draw something else than was judged here."""
_MOST_DRAWN = 20_000
"""Elements, counting those behind ``<use>`` each time: a small file can draw billions."""
_MOST_NESTED = 100
"""Named elements within each other; one that is within itself has no end."""
_OTHER = "is no SVG but <{}>, whatever its name says: export the logo as SVG or PNG"
_SVG = re.compile(rb"<(?:[\w.-]+:)?svg[\s>]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """What the file held when the configuration was read: all workers show the same."""

    file: str
    content_type: Literal["image/svg+xml", "image/png"]
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.file


def read_logo(file: Path) -> Logo:
    """`ValueError` says what is wrong with it. It blocks."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_LOGO_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {file_reason(file, error)}") from None
    if len(content) > MAX_LOGO_BYTES:
        raise ValueError(
            f"{file.name} is larger than {MAX_LOGO_BYTES // 1024} KiB: make it smaller (400 pixels wide is enough)"
        )
    try:
        return Logo(file=str(file), content_type=logo_type(content), content=content)
    except ValueError as error:
        raise ValueError(f"{file.name} {error}") from None


def logo_type(content: bytes) -> Literal["image/svg+xml", "image/png"]:
    """`ValueError` if it is no logo: what is wrong, as the rest of a sentence about the file."""
    if content.startswith(_PNG):
        _check_png(content)
        return "image/png"
    if _SVG.search(content):
        _Drawing().check(content)
        return "image/svg+xml"
    raise ValueError("is neither an SVG nor a PNG, whatever its name says: export the logo as one of these")


def _check_png(content: bytes) -> None:
    """By its chunks (W3C PNG, sections 5 and 11.2)."""
    at, kinds = len(_PNG), []
    while at < len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(content) or zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end]):
            raise ValueError("is a broken PNG: export it again")
        kinds.append(kind)
        if kind == b"IEND":
            break
        at = end
    if kinds[:1] != [b"IHDR"] or b"IDAT" not in kinds or kinds[-1] != b"IEND":
        raise ValueError("is a broken PNG: export it again")
    if end != len(content):
        raise ValueError("holds something behind the picture: export it again")
    if b"acTL" in kinds:
        raise ValueError("moves: take one of its pictures")
    if max(int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) > MAX_PIXELS:
        raise ValueError(f"is more than {MAX_PIXELS} pixels wide or high: make it smaller (400 pixels wide is enough)")


@dataclass(slots=True)
class _Named:
    """What can be drawn once more: an element with an ``id``, or the whole."""

    own: int = 0
    """Elements in it, but not those in another such one."""
    parts: list[_Named] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    """Of whom: their ids."""
    drawn: int | None = None
    """Elements in all; None: not counted yet."""


class _Drawing:
    """One reading of an SVG. Entities are never expanded, and nothing is fetched."""

    def __init__(self) -> None:
        self._depth = 0
        self._whole = _Named()
        self._by_id: dict[str, _Named] = {}
        self._within = [self._whole]
        self._style: list[str] | None = None
        # A browser might read another encoding differently, so that it is not what was judged here.
        self._parser = parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def check(self, content: bytes) -> None:
        """`ValueError`."""
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise ValueError(f"is no SVG that can be read: {reason}, in line {error.lineno}") from None
        if self._drawn(self._whole, 0) > _MOST_DRAWN:
            raise ValueError(f"draws more than {_MOST_DRAWN:,} elements, by <use>: simplify it, or save it as PNG")

    def _drawn(self, named: _Named, depth: int) -> int:
        if named.drawn is None:
            if depth > _MOST_NESTED:
                raise ValueError("is nested without end, or nearly so, by <use>: simplify it, or save it as PNG")
            copied = [self._by_id[name] for name in named.copies if name in self._by_id]
            named.drawn = named.own + sum(self._drawn(each, depth + 1) for each in (*named.parts, *copied))
        return named.drawn

    def _refuse(self, what: str) -> NoReturn:
        place = f"line {self._parser.CurrentLineNumber}"
        raise ValueError(f"{what} ({place}), and a logo may only be drawn: save it as plain SVG, or as PNG")

    def _declaration(self, _: str, encoding: str | None, __: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise ValueError("is not in UTF-8, by its first line: save it as plain SVG")

    def _doctype(self, name: str, system: str | None, public: str | None, has_declarations: int) -> None:
        """The one of SVG 1.1 stands in many files and says nothing: no browser reads what it names."""
        if name.rpartition(":")[2] != "svg":
            raise ValueError(_OTHER.format(name))
        if has_declarations:
            self._refuse("declares entities in its DOCTYPE")
        if (system or public) and not (public or "").startswith(_SVG_DOCTYPE):
            self._refuse("names something else by its DOCTYPE")

    def _instruction(self, target: str, _: str) -> None:
        self._refuse(f"names something else by <?{target}?>")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if self._depth == 0 and local != "svg":
            raise ValueError(_OTHER.format(local))
        if self._depth == 0 and not space:
            raise ValueError(
                f'has no xmlns="{_SVG_SPACE}" in its first tag, so that browsers would not draw it: add that'
            )
        self._depth += 1
        self._count(local, attributes)
        if self._style is not None:
            self._refuse(f"holds <{local}> in its <style>")
        if space not in _SAYING_NOTHING and (space != _SVG_SPACE or local not in _DRAWN):
            self._refuse(f"holds <{local}>")
        for key, value in attributes.items():
            self._check_attribute(key, value)
        self._style = [] if (space, local) == (_SVG_SPACE, "style") else None

    def _count(self, local: str, attributes: dict[str, str]) -> None:
        named = self._within[-1]
        if "id" in attributes:
            named = _Named()
            self._within[-1].parts.append(named)
            self._by_id.setdefault(attributes["id"], named)
        named.own += 1
        if local == "use":
            hrefs = (value.strip(_BLANKS) for key, value in attributes.items() if key.rpartition(" ")[2] == "href")
            named.copies.extend(unquote(href).removeprefix("#") for href in hrefs)
        self._within.append(named)

    def _check_attribute(self, key: str, value: str) -> None:
        space, _, local = key.rpartition(" ")
        if space in _SAYING_NOTHING:
            return
        if local.lower().startswith("on"):
            self._refuse(f"runs a script by {local}")
        if local.lower() == "href" and not value.lstrip(_BLANKS).startswith("#"):
            self._refuse("refers to something outside of itself")
        if space == _XML and local == "base":
            self._refuse("refers to something outside of itself by xml:base")
        self._check_style(value)

    def _text(self, text: str) -> None:
        if self._style is not None:
            self._style.append(text)

    def _end(self, _: str) -> None:
        self._depth -= 1
        self._within.pop()
        if self._style is not None:
            self._check_style("".join(self._style))
            self._style = None

    def _check_style(self, style: str) -> None:
        """Of a style sheet, or of the value of an attribute."""
        if _REFERENCE.search(style):
            self._refuse("refers to something outside of itself")
        if re.search("@(?:-[a-z]+-)?keyframes", style, re.IGNORECASE):
            self._refuse("moves")
