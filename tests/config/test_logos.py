"""A logo may only be drawn: what it is is told by what it holds, and what could do anything else is refused."""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.logos import MAX_LOGO_BYTES, logo_type, read_logo

OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
DRAWN = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- by a drawing program -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
{OPEN}
  <metadata>
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:li rdf:about=""/></rdf:RDF>
  </metadata>
  <style type="text/css"><![CDATA[
    .a {{ fill: url( "#g" ); stroke: url('#g') }} @media (min-width: 1px) {{ .a {{ fill: red }} }}
  ]]></style>
  <defs><linearGradient id="g"><stop offset="0" style="stop-color:#123"/></linearGradient></defs>
  <sodipodi:namedview xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" docname="a.svg"/>
  <g id="expression"><path class="a" d="M0 0h9v9" fill="url(#g)"/><use xlink:href="#g"/><use href="#g"/></g>
</svg>"""


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*, width: int = 4, height: int = 4, more: bytes = b"", end: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\x80\x80\x80\x80" * 4))
    return b"\x89PNG\r\n\x1a\n" + header + more + pixels + chunk(b"IEND", b"") + end


def copies_of_copies(levels: int) -> str:
    """Each level draws the next one eight times."""
    groups = (f'<g id="l{level}">{f"""<use xlink:href="#l{level + 1}"/>""" * 8}</g>' for level in range(levels))
    return "".join(groups) + f'<path id="l{levels}" d="M0 0h9"/>'


def test_a_drawing_and_a_picture_are_told_by_what_they_hold() -> None:
    assert logo_type(DRAWN.encode()) == "image/svg+xml"
    assert logo_type(b"\xef\xbb\xbf" + DRAWN.encode()) == "image/svg+xml"
    assert logo_type(png()) == "image/png"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<script>alert(1)</script>", "holds <script> (line 1)"),
        ('<s:script xmlns:s="http://www.w3.org/2000/svg"/>', "holds <script>"),
        ('<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>', "holds <script>"),
        ('<metadata><h:img xmlns:h="http://www.w3.org/1999/xhtml" onerror="x"/></metadata>', "holds <img>"),
        ("<foreignObject/>", "holds <foreignObject>"),
        ('<a href="#x"/>', "holds <a>"),
        ('<image href="data:image/png;base64,AA"/>', "holds <image>"),
        ('<animate attributeName="href" to="javascript:x"/>', "holds <animate>"),
        ('<set attributeName="onload" to="x"/>', "holds <set>"),
        ('<feImage href="https://tracker.example/"/>', "holds <feImage>"),
        ('<path onload="x"/>', "runs a script by onload"),
        ('<path ONCLICK="x"/>', "runs a script by ONCLICK"),
        ('<use href="https://elsewhere.example/a.svg#b"/>', "refers to something outside"),
        ('<use xlink:href="//elsewhere.example/a.svg#b"/>', "refers to something outside"),
        ('<use href="data:image/svg+xml,x#b"/>', "refers to something outside"),
        ('<use href="java&#115;cript:x"/>', "refers to something outside"),
        ('<use href="\xa0#b"/>', "refers to something outside"),
        ('<path fill="url(\xa0#a)"/>', "refers to something outside"),
        ('<g xml:base="https://elsewhere.example/"/>', "refers to something outside"),
        ('<path fill="url(https://elsewhere.example/#a)"/>', "refers to something outside"),
        ("<path style=\"fill: URL( 'a.svg#b')\"/>", "refers to something outside"),
        ("<style>@import 'https://elsewhere.example/a.css'</style>", "refers to something outside"),
        ("<style>@im<![CDATA[port 'a.css']]></style>", "refers to something outside"),
        ("<style>a{content:'/*';fill:url(//e)}b{content:'*/'}</style>", "refers to something outside"),
        ("<style>a{fill:\\75rl(//e)}</style>", "refers to something outside"),
        ("<style>@import 'https://elsewhere.example/a.css';<g/></style>", "holds <g> in its <style>"),
        ("<style><title/>@import 'https://elsewhere.example/a.css';</style>", "holds <title> in its <style>"),
        ("<style>a{background:image('https://elsewhere.example/a')}</style>", "refers to something outside"),
        ("<style>@keyframes a { to { opacity: 0 } }</style>", "moves"),
        ("<style>@-WebKit-keyframes a { to { opacity: 0 } }</style>", "moves"),
    ],
)
def test_a_drawing_that_could_do_more_than_be_drawn_is_refused(inside: str, said: str) -> None:
    with pytest.raises(ValueError, match="a logo may only be drawn: save it as plain SVG, or as PNG") as refused:
        logo_type(f"{OPEN}{inside}</svg>".encode())
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + OPEN + "<text>&a;</text></svg>", "declares entities in its DOCTYPE"),
        (f'<!DOCTYPE svg SYSTEM "a.dtd">{OPEN}</svg>', "names something else by its DOCTYPE"),
        (
            f'<!DOCTYPE svg PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "a.dtd">{OPEN}<g fill="url(&eacute;#a)"/></svg>',
            "names something else by its DOCTYPE",
        ),
        (f"{OPEN}{copies_of_copies(6)}</svg>".replace('"#l', '"#%6C'), "draws more than 20,000 elements, by <use>"),
        (f"{OPEN}{copies_of_copies(6)}</svg>", "draws more than 20,000 elements, by <use>"),
        (f'{OPEN}<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g></svg>', "is nested without end"),
        ("<!DOCTYPE html><html><svg /></html>", "is no SVG but <html>"),
        ('<?xml-stylesheet href="a.css"?>' + OPEN + "</svg>", "names something else by <?xml-stylesheet?>"),
        ('<html xmlns="http://www.w3.org/1999/xhtml"><svg /></html>', "is no SVG but <html>"),
        ('<svg viewBox="0 0 9 9"/>', 'has no xmlns="http://www.w3.org/2000/svg"'),
        ("<!doctype html><html><body><svg></svg><script>x</script></html>", "is no SVG that can be read: syntax error"),
        ('<?xml version="1.0" encoding="koi8-r"?>' + OPEN + "</svg>", "is not in UTF-8"),
        (f"{OPEN}<text>\xff</text></svg>".encode("latin-1"), "is no SVG that can be read: not well-formed"),
        (OPEN + "<g></svg>", "is no SVG that can be read: mismatched tag, in line 1"),
        ("<!doctype html><html><body>Not found</body></html>", "is neither an SVG nor a PNG"),
        ("GIF89a", "is neither an SVG nor a PNG, whatever its name says"),
        ("", "is neither an SVG nor a PNG"),
        (DRAWN.encode("utf-16"), "is neither an SVG nor a PNG"),
        (png()[:-1], "is a broken PNG"),
        (png()[:40] + b"\xff" + png()[41:], "is a broken PNG"),
        (b"\x89PNG\r\n\x1a\n", "is a broken PNG"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "is a broken PNG"),
        (png(end=b"<html><script>"), "holds something behind the picture"),
        (png(more=chunk(b"acTL", bytes(8))), "moves"),
        (png(width=65_535, height=65_535), "is more than 2000 pixels wide or high"),
    ],
)
def test_what_is_no_logo_is_refused(content: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        logo_type(content if isinstance(content, bytes) else content.encode())


def test_only_the_beginning_of_a_large_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "logo.png"
    with file.open("wb") as opened:
        opened.write(png())
        opened.truncate(50_000_000)
    with pytest.raises(ValueError, match=r"^logo\.png is larger than 256 KiB: make it smaller"):
        read_logo(file)
    file.write_bytes(OPEN.encode() + b" " * (MAX_LOGO_BYTES - len(OPEN) - 6) + b"</svg>")
    assert len(read_logo(file).content) == MAX_LOGO_BYTES


def test_a_drawing_may_repeat_its_parts() -> None:
    assert logo_type(f"{OPEN}{copies_of_copies(3)}</svg>".encode()) == "image/svg+xml"


@given(st.binary(max_size=200), st.integers(0, 100))
def test_whatever_a_file_holds_is_a_logo_or_said_to_be_none(noise: bytes, at: int) -> None:
    for content in (png(), DRAWN.encode()):
        with suppress(ValueError):
            logo_type(content[:at] + noise + content[at + len(noise) :])
