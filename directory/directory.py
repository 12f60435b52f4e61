"""The contract that every directory keeps (`tests/directory/contract.py` holds each one to it), and those of some.

Some describe an account to an operator, and some can be asked for changes, so that live sessions follow them without
asking for each person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from directory.login_name import LoginName
from directory.principal import Account, Principal


class RefusalReason(Enum):
    """Why a password did not open the account. Values are for the log.

    `password_proven` are those that AD gives only after the password was found right (Microsoft's table of bind
    sub-codes; measured on Samba AD).
    """

    UNKNOWN = "unknown_user"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105  # a reason, not a password
    UNUSABLE_PASSWORD = "unusable_password"  # noqa: S105  # empty, NUL, over-long: never sent to the directory
    RESTRICTED = "account_restriction"  # 52f: Protected Users, authentication policy
    LOCKED = "locked_out"  # 775
    LOGON_HOURS = "logon_hours"  # 530
    WORKSTATION = "workstation"  # 531
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105  # 532
    DISABLED = "disabled"  # 533
    ACCOUNT_EXPIRED = "account_expired"  # 701
    MUST_CHANGE = "must_change_password"  # 773
    OTHER = "other"

    @property
    def password_proven(self) -> bool:
        return self in _PROVEN

    @property
    def is_fixed_by_a_change(self) -> bool:
        """Whether the account opens once its person has chosen a new password."""
        return self in (RefusalReason.PASSWORD_EXPIRED, RefusalReason.MUST_CHANGE)


_PROVEN = frozenset(
    {
        RefusalReason.LOGON_HOURS,
        RefusalReason.WORKSTATION,
        RefusalReason.PASSWORD_EXPIRED,
        RefusalReason.DISABLED,
        RefusalReason.ACCOUNT_EXPIRED,
        RefusalReason.MUST_CHANGE,
    }
)


@dataclass(frozen=True, slots=True)
class PasswordRefused:
    """The password did not open the account. The browser learns nothing of `reason` unless the password was proven."""

    reason: RefusalReason
    principal: Principal | None = field(default=None, repr=False, compare=False)
    """Whose password it is, where it was proven and they may change it: `PASSWORD_EXPIRED` and `MUST_CHANGE` only."""
    told_by: str = field(default="", repr=False, compare=False)
    """The server that judged it, where a directory has several that count wrong passwords each for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One line of `gatepost check`."""

    subject: str
    ok: bool
    detail: str
    group: str | None = None
    """The configured group that this is about, if it is about one: it may be another realm's."""


class Directory(Protocol):
    """One realm. Every method may raise `DirectoryUnavailable`, `DirectoryMisconfigured` or `DirectoryBusy`."""

    @property
    def realm(self) -> str: ...

    def serves(self, login_name: LoginName) -> bool:
        """Whether a login name with this qualifier belongs here (an unqualified one never decides by this)."""
        ...

    async def find(self, login_name: LoginName) -> Account | None:
        """The one account of that name; None if there is none or more than one. Checks no password."""
        ...

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        """Check a password with exactly one bind, and read the person from the same server.

        `None` (an unknown name) costs what a wrong password costs and is refused as `UNKNOWN`.
        """
        ...

    async def read(self, guid: str) -> Principal | None:
        """The person as the directory knows them now; None if they are gone or cannot sign in any more."""
        ...

    async def check(self) -> list[CheckResult]:
        """Try everything a sign-in needs, without a person's password. Never raises."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class PreparedDirectory(Protocol):
    """A directory that has something to learn before the first sign-in."""

    async def prepare(self) -> None:
        """May raise what a method of `Directory` may raise; then it is worth another try later."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """One account in any state, as an operator asks about it. It proves nothing."""

    principal: Principal
    refusals: tuple[RefusalReason, ...]
    """Everything that is wrong with the account itself: `DISABLED`, `LOCKED`, `ACCOUNT_EXPIRED`, `LOGON_HOURS` now,
    `WORKSTATION`, and the two that a change of password fixes, `PASSWORD_EXPIRED` and `MUST_CHANGE`."""
    locked_until: float | None = None
    """If it is `LOCKED`: when that ends by itself, if known. Epoch seconds."""
    told_by: str
    """The server, or the file, that was asked."""


@runtime_checkable
class DescribingDirectory(Protocol):
    """A `Directory` that reports an account's state. Raises what a method of `Directory` may raise."""

    async def state(self, guid: str) -> AccountState | None:
        """None if there is no such account (any more)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one server has learned since it was last asked."""

    seen_at: str
    """Which server. Others may not have the change yet, so the person is read again from this one (`read_at`)."""
    entries: frozenset[str] = frozenset()
    """GUIDs of the entries that changed, of persons and others. It does not say what changed in them."""
    groups: frozenset[str] = frozenset()
    """Configured groups, as written, whose members may have changed, nested ones included."""
    is_gap: bool = False
    """Whether more may have changed than is told here: everybody has to be read again."""
    is_partial: bool = False
    """Whether something changed that we cannot see, perhaps a deletion: everybody has to be looked up (`doubtful`)."""


@runtime_checkable
class WatchedDirectory(Protocol):
    """A `Directory` that can be asked for changes. Every method may raise what the ones of `Directory` may."""

    @property
    def recheck_seconds(self) -> float:
        """How long a person with a live session may go without being read, whatever the changes say."""
        ...

    async def changes(self) -> Sequence[Changes]:
        """What changed since the last call, by server. Nothing is lost between two calls, however far apart."""
        ...

    async def doubtful(self, guids: Sequence[str]) -> frozenset[str]:
        """Which of these persons have to be read again: those not found, and those whose state no longer allows a
        sign-in.

        No change reports a deleted entry, or an expiry that comes with time.
        """
        ...

    async def read_at(self, guid: str, seen_at: str) -> Principal | None:
        """`Directory.read` from the server that reported a change, or from any other if that one is gone."""
        ...
