"""What a person types as their name: ``alice``, ``alice@corp.example`` or ``CORP\\alice``."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

MAX_LENGTH = 256


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
        """One spelling for all that AD takes for the same name, near enough to count attempts on an unknown one.

        MS-ADTS section 6.5.1: comparison ignores case, width, kana type and non-spacing marks.
        """
        whole = "\\".join(part for part in (self.domain, self.name) if part)
        whole += f"@{self.suffix}" if self.suffix else ""
        decomposed = unicodedata.normalize("NFKD", whole).casefold()
        # Hiragana and katakana are the same letters to AD: 0x60 apart.
        return "".join(
            chr(ord(char) + 0x60) if "ぁ" <= char <= "ゖ" else char
            for char in decomposed
            if not unicodedata.combining(char)
        )


def parse_login_name(typed: str) -> LoginName | None:
    """Take apart what was typed; None for what can be no login name at all.

    Blanks around it are dropped. Refused: empty, over `MAX_LENGTH` characters, control characters and NUL,
    lone surrogates, a backslash together with another, an empty part.
    """
    text = typed.strip()
    if not text or len(text) > MAX_LENGTH or any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        return None
    if "\\" in text:
        domain, _, name = text.partition("\\")
        if not domain.strip() or not name.strip() or "\\" in name:
            return None
        return LoginName(name=name.strip(), domain=domain.strip())
    if "@" in text:
        name, _, suffix = text.rpartition("@")
        if not name.strip() or not suffix.strip():
            return None
        return LoginName(name=name.strip(), suffix=suffix.strip())
    return LoginName(name=text)
