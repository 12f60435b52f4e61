"""The person a directory vouches for, and the account a password is checked against."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An entry found for a login name, before any password was checked. It proves nothing.

    `guid` is the key of every throttle, session and cache: AD ignores case, accents, kana and width in
    names (MS-ADTS section 6.5.1), so two spellings can be one account.
    """

    guid: str
    """objectGUID in its canonical lower-case text form; for local users a UUID derived from realm and name."""
    realm: str
    username: str
    """sAMAccountName as the directory spells it."""
    locator: str = field(repr=False)
    """What the directory itself needs to check a password: a DN, or a local name."""
    password_version: str = field(default="", repr=False, compare=False)
    """Changes when the password is set again: a password that was wrong before may be right then."""


def password_version(password_set_at: float | None) -> str:
    """The `Account.password_version`, if the directory uses the time for that; empty if it must be changed first."""
    return "" if password_set_at is None else repr(password_set_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person as their directory describes them at one instant; no copy of it outlives its session."""

    guid: str
    realm: str
    username: str
    display_name: str
    mail: str | None = field(default=None, repr=False)
    language: str = ""
    """What they want to be written in, unread (as ``Accept-Language``: RFC 2798 section 2.7); empty: nobody knows."""
    mobiles: tuple[str, ...] = field(default=(), repr=False)
    """Raw text of the configured attributes, in their order, empty ones left out."""
    mobile_changed_at: float | None = None
    """When one of those attributes was last written; None if not since the account was made, or if it is unknown."""
    is_mobile_change_unread: bool = False
    """Whether it is unknown because the directory does not let it be read: it may have been a moment ago."""
    groups: frozenset[str] = frozenset()
    """Names, as the configuration writes them, of the configured groups that the person is in, nested ones too."""
    all_groups: tuple[str, ...] = ()
    """Names of all their groups (bounded), filled only where an app asks for it."""
    password_expires_at: float | None = None
    """Epoch seconds, where the directory tells and somebody wants to be warned; None: never, or not known."""
    password_set_at: float | None = None
    """Epoch seconds; None: it must be changed at the next sign-in, or the directory does not tell."""
    password_mark: str = field(default="", repr=False)
    """Changes with the password, where the directory does not tell when it was set; empty: it tells."""
    account_mark: str = field(default="", repr=False)
    """Changes whenever somebody disables or enables the account, or changes when it expires; empty: nobody can tell."""
    told_by: str = field(default="", repr=False, compare=False)
    """The server that has just accepted their password, and so starts its count of wrong ones from zero; not stored."""
