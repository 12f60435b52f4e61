"""What a person types as their name: ``alice``, ``alice@corp.example`` or ``CORP\\alice``."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

MAX_LENGTH = 256
"""Characters: more than any sAMAccountName (20 for people) or userPrincipalName that people type."""

_MARKS = frozenset(("Mn", "Me", "Cf"))
_REFUSED = frozenset(("Cc", "Cs", "Zl", "Zp"))
# Hiragana stand 0x60 below the katakana that AD takes for the same letters; so do their iteration marks.
_KATAKANA = {chr(code): chr(code + 0x60) for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginName:
    """A login name taken apart. At most one of `domain` and `suffix` is set."""

    name: str = field(repr=False)
    """sAMAccountName, or the part before the last ``@``."""
    domain: str | None = None
    """What stood before the backslash: a NetBIOS domain name or a realm."""
    suffix: str | None = None
    """What stood behind the last ``@``: a UPN suffix."""

    @property
    def folded(self) -> str:
        """One spelling for all names that AD treats as equal, close enough to count attempts on an unknown one."""
        whole = "\\".join(part for part in (self.domain, self.name) if part)
        return fold(whole + (f"@{self.suffix}" if self.suffix else ""))


def fold(text: str) -> str:
    """Without what AD ignores when it compares: case, width, kana type, non-spacing marks (MS-ADTS section 6.5.1).

    Format characters, which weigh nothing in a comparison on Windows, go too. Coarser than AD in places (all
    compatibility forms are one): a shared count of failures is the safe side.
    """
    previous = None
    while text != previous:  # folding can uncover a mark, and removing one a letter
        previous = text
        bare = "".join(char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) not in _MARKS)
        text = "".join(_KATAKANA.get(char, char) for char in bare.casefold())
    return text


def parse_login_name(typed: str) -> LoginName | None:
    """Take apart what was typed; None for what cannot be a login name.

    Spaces around it are dropped. Refused: empty, over `MAX_LENGTH` characters, control characters and NUL, line
    separators, lone surrogates, a backslash together with another, a part of nothing that counts in a comparison.
    """
    text = typed.strip()
    if not text or len(text) > MAX_LENGTH or any(unicodedata.category(char) in _REFUSED for char in text):
        return None
    login_name = _take_apart(text)
    parts = (login_name.name, login_name.domain, login_name.suffix)
    if "\\" in login_name.name or not all(fold(part).strip() for part in parts if part is not None):
        return None
    return login_name


def _take_apart(text: str) -> LoginName:
    if "\\" in text:
        domain, _, name = text.partition("\\")
        return LoginName(name=name.strip(), domain=domain.strip())
    if "@" in text:
        name, _, suffix = text.rpartition("@")
        return LoginName(name=name.strip(), suffix=suffix.strip())
    return LoginName(name=text)
