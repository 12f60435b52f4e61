"""What binds and searches are on the wire, and what comes back: the little BER (RFC 4511 section 5.1) it takes. Pure.

ldap3 has this too, but encodes through a general ASN.1 library and makes two dictionaries of every entry. With all its
options for speed it takes 1.6 times the CPU for a whole sign-in (6.6 ms beside 4.1) and 2.6 times for a sweep over
10,000 persons (179 ms per 1,000 beside 70), on Samba: see `docs/decisions/ldap-messages.md`.

Whatever cannot be read raises `ValueError`, `IndexError` or `KeyError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

MAX_ANSWER_BYTES = 16 * 1024 * 1024
Scope = Literal["base", "subtree", "one"]
NO_ATTRIBUTES = "1.1"
"""Asked for alone: only the entry's DN is wanted (RFC 4511 section 4.5.1.8)."""
SUCCESS, REFERRAL, NO_SUCH_OBJECT, INVALID_CREDENTIALS, BUSY, UNAVAILABLE = 0, 10, 32, 49, 51, 52
CONSTRAINT_VIOLATION, UNWILLING = 19, 53
"""LDAP result codes (RFC 4511 appendix A)."""
BOUND, ENTRY, DONE, REFERENCE = 0x61, 0x64, 0x65, 0x73

_INTEGER, _OCTETS, _SEQUENCE, _ENUMERATED, _BOOLEAN = 0x02, 0x04, 0x30, 0x0A, 0x01
_CONTROLS, _BIND, _UNBIND, _SEARCH, _SIMPLE = 0xA0, 0x60, 0x42, 0x63, 0x80
_PAGED_RESULTS = b"1.2.840.113556.1.4.319"
_SCOPES: Mapping[Scope, int] = {"base": 0, "one": 1, "subtree": 2}
_AND, _OR, _NOT, _EQUAL, _AT_LEAST, _AT_MOST, _PRESENT = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5, 0xA6, 0x87
_SETS = {"&": _AND, "|": _OR}
_COMPARED = {"=": _EQUAL, ">=": _AT_LEAST, "<=": _AT_MOST}
_ITEM = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(>=|<=|=)([^()]*)\)", re.ASCII)
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LDAPResult:
    """An LDAP result. `diagnostic` is the server's text: AD puts the sub-code of a refused bind there."""

    code: int
    diagnostic: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry found. Attribute names are in lower case, values are the bytes on the wire.

    Each has one at least, but for what a server names by a range (`directory.active_directory.value_ranges`).
    """

    dn: str = field(repr=False)
    attributes: Mapping[str, Sequence[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """The answer to a search: entries only. Search references, which name other servers, are left out."""

    outcome: LDAPResult
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One page is asked for (RFC 2696), not all entries at once."""

    size: int
    cookie: bytes = b""
    """What came with the page before; empty for the first."""
    is_critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search asks for (RFC 4511 section 4.5.1). Aliases are not followed."""

    base_dn: str = field(repr=False)
    filter_text: str = field(repr=False)
    """See `filter_octets`."""
    attributes: Sequence[str]
    """None of them: only the entries' DNs are wanted."""
    scope: Scope = "subtree"
    size_limit: int = 0
    page: PageRequest | None = None


def bind_request(message_id: int, name: str, password: bytes) -> bytes:
    """The whole message of a simple bind (RFC 4511 section 4.2)."""
    bind = _integer(3) + _element(_OCTETS, name.encode("utf-8")) + _element(_SIMPLE, password)
    return _element(_SEQUENCE, _integer(message_id) + _element(_BIND, bind))


def unbind_request(message_id: int) -> bytes:
    """The whole message of an unbind (RFC 4511 section 4.3), which nothing answers."""
    return _element(_SEQUENCE, _integer(message_id) + _element(_UNBIND, b""))


def search_request(message_id: int, search: Search) -> bytes:
    """The whole message."""
    names = b"".join(_element(_OCTETS, name.encode("ascii")) for name in search.attributes or (NO_ATTRIBUTES,))
    asked = (
        _element(_OCTETS, search.base_dn.encode("utf-8"))
        + _element(_ENUMERATED, bytes([_SCOPES[search.scope]]))
        # derefAliases: never; then sizeLimit, timeLimit (the connection has its own), typesOnly.
        + _element(_ENUMERATED, b"\0")
        + _integer(search.size_limit)
        + _integer(0)
        + _element(_BOOLEAN, b"\0")
        + filter_octets(search.filter_text)
        + _element(_SEQUENCE, names)
    )
    controls = b"" if search.page is None else _element(_CONTROLS, _page_control(search.page))
    return _element(_SEQUENCE, _integer(message_id) + _element(_SEARCH, asked) + controls)


def filter_octets(text: str) -> bytes:
    """A filter (RFC 4515) as `filters.py` writes them: and, or, not, presence, and comparisons of whole values.

    Raises `ValueError` for anything else: an asterisk inside of a value is never meant here.
    """
    octets, end = _filter_at(text, 0)
    if end != len(text):
        raise ValueError("more than one filter")
    return octets


def message_id_of(message: bytes) -> tuple[int, int, int]:
    """Of a whole LDAPMessage: its id, the tag of what it holds, and where that begins."""
    _, at, end = element(message, 0, len(message))
    tag, start, at = element(message, at, end)
    if tag != _INTEGER:
        raise ValueError("no message id")
    return int.from_bytes(message[start:at], "big"), message[at], at


def decode_entry(message: bytes) -> Entry:
    """The entry of a search result's message."""
    _, at, end = element(message, 0, len(message))
    _, _, at = element(message, at, end)
    _, at, end = element(message, at, end)
    _, start, at = element(message, at, end)
    dn = message[start:at].decode("utf-8")
    _, at, end = element(message, at, end)
    attributes = {}
    while at < end:
        _, start, at = element(message, at, end)
        _, name_start, name_stop = element(message, start, at)
        _, start, stop = element(message, name_stop, at)
        values = []
        while start < stop:
            _, value_start, start = element(message, start, stop)
            values.append(message[value_start:start])
        name = message[name_start:name_stop].decode("ascii").lower()
        # An empty value list stands for "none here, ask for a range" with AD; anywhere else it says nothing.
        if values or ";range=" in name:
            attributes[name] = tuple(values)
    return Entry(dn=dn, attributes=attributes)


def decode_bound(message: bytes) -> LDAPResult:
    """How a bind ended."""
    return _result(message, BOUND)[0]


def decode_done(message: bytes) -> tuple[LDAPResult, bytes]:
    """How a search ended, and the cookie for the next page: empty after the last, and where no page was asked for."""
    outcome, stop = _result(message, DONE)
    return outcome, _cookie(message, stop)


def message_end(octets: bytes | bytearray, at: int) -> int | None:
    """Where the LDAPMessage that begins at `at` ends; None if too little of it is there to tell.

    Raises `ValueError` for what is no LDAPMessage, or a larger one than any entry may be.
    """
    if len(octets) - at < 2:
        return None
    if octets[at] != _SEQUENCE:
        raise ValueError("not an LDAPMessage")
    # The length itself may not be whole yet: its octets are counted before they are read.
    count = octets[at + 1] & 0x7F if octets[at + 1] & 0x80 else 0
    if len(octets) - at < 2 + count:
        return None
    _, _, stop = element(octets, at, at + MAX_ANSWER_BYTES)
    return stop


def element(octets: bytes | bytearray, at: int, limit: int) -> tuple[int, int, int]:
    """The BER element at `at`: its tag, and where its content begins and ends. `ValueError` if it passes `limit`."""
    length = octets[at + 1]
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("not a length of LDAP's (RFC 4511 section 5.1)")
        length = int.from_bytes(octets[start : start + count], "big")
        start += count
    if start + length > limit:
        raise ValueError("longer than what it is in")
    return octets[at], start, start + length


def _result(message: bytes, kind: int) -> tuple[LDAPResult, int]:
    """An LDAPResult (RFC 4511 section 4.1.9), and where the operation that it belongs to ends."""
    _, _, at = message_id_of(message)
    tag, start, stop = element(message, at, len(message))
    code_tag, code_start, code_stop = element(message, start, stop)
    if tag != kind or code_tag != _ENUMERATED or not 1 <= code_stop - code_start <= 4:
        raise ValueError("not the answer that was asked for")
    _, _, at = element(message, code_stop, stop)
    _, text_start, text_stop = element(message, at, stop)
    outcome = LDAPResult(
        code=int.from_bytes(message[code_start:code_stop], "big"),
        diagnostic=message[text_start:text_stop].decode("utf-8", "replace"),
    )
    return outcome, stop


def _cookie(message: bytes, at: int) -> bytes:
    if at >= len(message):
        return b""
    _, at, end = element(message, at, len(message))
    while at < end:
        _, start, at = element(message, at, end)
        _, name_start, name_stop = element(message, start, at)
        if message[name_start:name_stop] != _PAGED_RESULTS:
            continue
        tag, start, stop = element(message, name_stop, at)
        # Whether it is critical may be said between its name and its value, or left out.
        if tag == _BOOLEAN:
            _, start, stop = element(message, stop, at)
        _, start, stop = element(message, start, stop)
        _, _, size_stop = element(message, start, stop)
        _, start, stop = element(message, size_stop, stop)
        return message[start:stop]
    return b""


def _page_control(page: PageRequest) -> bytes:
    value = _element(_SEQUENCE, _integer(page.size) + _element(_OCTETS, page.cookie))
    criticality = _element(_BOOLEAN, b"\xff") if page.is_critical else b""
    return _element(_SEQUENCE, _element(_OCTETS, _PAGED_RESULTS) + criticality + _element(_OCTETS, value))


def _filter_at(text: str, at: int) -> tuple[bytes, int]:
    """The filter that begins at `at`, and where the text goes on after it."""
    if text[at] != "(":
        raise ValueError("not a filter")
    kind = text[at + 1]
    if kind not in "&|!":
        return _item_at(text, at + 1)
    at += 2
    parts = []
    while text[at] != ")":
        part, at = _filter_at(text, at)
        parts.append(part)
    if not parts or (kind == "!" and len(parts) != 1):
        raise ValueError("not a filter")
    return _element(_NOT if kind == "!" else _SETS[kind], b"".join(parts)), at + 1


def _item_at(text: str, at: int) -> tuple[bytes, int]:
    found = _ITEM.match(text, at)
    if found is None:
        raise ValueError("not a filter")
    name, comparison, value = found.groups()
    if comparison == "=" and value == "*":
        return _element(_PRESENT, name.encode()), found.end()
    octets = _ESCAPED.sub(lambda pair: bytes([int(pair[1], 16)]), value.encode("utf-8"))
    if "*" in value or value.count("\\") != len(_ESCAPED.findall(value.encode("utf-8"))):
        raise ValueError("a part of a value, or a value that is not escaped")
    item = _element(_OCTETS, name.encode()) + _element(_OCTETS, octets)
    return _element(_COMPARED[comparison], item), found.end()


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _integer(value: int) -> bytes:
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
