"""The directory of a file: people who are in no domain, with argon2 hashes (RFC 9106) in ``users.toml``.

Hashing takes 64 MiB and tens of milliseconds each time, so it runs in a small pool with a short queue.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from config.problems import ConfigurationError
from config.settings import LocalDirectorySettings
from directory.bounded_threads import BoundedThreads
from directory.directory import AccountState, CheckResult, PasswordRefused, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.login_name import LoginName, fold
from directory.managers import ManagerLine, line_above
from directory.password import is_usable_password
from directory.principal import Account, Principal
from directory.users_file import LocalUser, UsersFile, read_users
from directory.vital_signs import VitalSigns, signs_of

HASHING_THREADS = 2
QUEUE = 16
"""How many may wait for a thread. Everybody after them is told at once that the directory is busy."""

_Version = tuple[int, int, int]


class LocalDirectory:
    """One ``users.toml``, read again when it changes. It is a `directory.directory.Directory`."""

    def __init__(
        self,
        settings: LocalDirectorySettings,
        *,
        groups: Collection[str],
        want_all_groups: bool = False,
        threads: BoundedThreads | None = None,
    ) -> None:
        """`groups` are those that the configuration names. `threads` are for hashing, and closed with it.

        Raises `ConfigurationError` if the file is wrong.
        """
        self.realm = settings.name
        self._path = settings.file
        self._groups = frozenset(groups)
        self._want_all_groups = want_all_groups
        self._version, self._users = _read(self._path, self.realm)
        self._dummy_hash = _dummy_hash(self._users)
        self._threads = threads or BoundedThreads(self.realm, HASHING_THREADS, waiting=QUEUE, use="local")
        self._reading = asyncio.Lock()
        self.last_problem: ConfigurationError | None = None
        """What is wrong with a changed file, while the previous version is still in force."""

    def vital_signs(self) -> VitalSigns:
        return signs_of(self._threads)

    def serves(self, login_name: LoginName) -> bool:
        qualifier = login_name.domain if login_name.domain is not None else login_name.suffix
        return qualifier is not None and qualifier.casefold() == self.realm.casefold()

    async def find(self, login_name: LoginName) -> Account | None:
        if (login_name.domain or login_name.suffix) and not self.serves(login_name):
            return None
        user = (await self._current()).by_folded.get(fold(login_name.name))
        if user is None:
            return None
        return Account(
            guid=user.guid,
            realm=self.realm,
            username=user.username,
            locator=user.folded,
            password_version=user.password_hash,
        )

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        if not is_usable_password(password):
            return PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
        users = await self._current()
        user = users.by_guid.get(account.guid) if account is not None else None
        known_hash = user.password_hash if user is not None else self._dummy_hash
        is_right = await self._threads.run(lambda _: self._verify(known_hash, password))
        if user is None:
            return PasswordRefused(RefusalReason.UNKNOWN)
        if not is_right:
            return PasswordRefused(RefusalReason.WRONG_PASSWORD)
        if user.disabled:
            return PasswordRefused(RefusalReason.DISABLED)
        return self._principal(user)

    async def read(self, guid: str) -> Principal | None:
        user = (await self._current()).by_guid.get(guid)
        return self._principal(user) if user is not None and not user.disabled else None

    async def state(self, guid: str) -> AccountState | None:
        user = (await self._current()).by_guid.get(guid)
        if user is None:
            return None
        refusals = (RefusalReason.DISABLED,) if user.disabled else ()
        return AccountState(principal=self._principal(user), refusals=refusals, told_by=str(self._path))

    async def managers(self, guid: str) -> ManagerLine:
        users = await self._current()

        def manager_of(each: str) -> str | None:
            user = users.by_guid.get(each)
            return users.by_folded[user.manager].guid if user is not None and user.manager else None

        guids = line_above(guid, manager_of)
        return ManagerLine(guids=guids, manager=await self.read(guids[0]) if guids else None)

    async def check(self) -> list[CheckResult]:
        users = await self._current()
        if self.last_problem is not None:
            return [
                CheckResult(subject=str(self._path), ok=False, detail=f"{problem} (the previous one stays in force)")
                for problem in self.last_problem.problems
            ]
        number = len(users.by_guid)
        return [CheckResult(subject=str(self._path), ok=True, detail=f"{number} user{'s' if number != 1 else ''}")]

    async def close(self) -> None:
        self._threads.close()

    def _principal(self, user: LocalUser) -> Principal:
        return principal_of(user, self.realm, self._groups, want_all_groups=self._want_all_groups)

    async def _current(self) -> UsersFile:
        """The users of the file as it stands now, or the last ones that could be read."""
        if _version(self._path) != self._version:
            async with self._reading:
                if (seen := _version(self._path)) != self._version:
                    await self._read_again(seen)
        return self._users

    async def _read_again(self, seen: _Version) -> None:
        try:
            version, users = await asyncio.to_thread(_read, self._path, self.realm)
            dummy_hash = await asyncio.to_thread(_dummy_hash, users)
        except ConfigurationError as error:
            self.last_problem = error
            self._version = seen
        else:
            self._version, self._users, self._dummy_hash, self.last_problem = version, users, dummy_hash, None

    def _verify(self, known_hash: str, password: str) -> bool:
        try:
            return PasswordHasher().verify(known_hash, password)
        except VerifyMismatchError:
            return False
        except VerificationError as error:  # no memory for it, for one
            raise DirectoryUnavailable(self.realm, "argon2 could not verify a hash") from error


def principal_of(user: LocalUser, realm: str, groups: frozenset[str], *, want_all_groups: bool = False) -> Principal:
    """`groups`: those that are asked about, as the configuration writes them."""
    own = {group.casefold() for group in user.groups}
    return Principal(
        guid=user.guid,
        realm=realm,
        username=user.username,
        display_name=user.display_name,
        mail=user.mail,
        language=user.language,
        mobiles=user.mobiles,
        groups=frozenset(group for group in groups if group.casefold() in own),
        all_groups=user.groups if want_all_groups else (),
        # The hash itself must not get into the store.
        password_mark=sha256(user.password_hash.encode()).hexdigest(),
    )


def _version(path: Path) -> _Version:
    """What changes when the file does; zeros when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(path: Path, realm: str) -> tuple[_Version, UsersFile]:
    # Looked at before it is read: a change in between is seen as one.
    version = _version(path)
    return version, read_users(path, realm)


def _dummy_hash(users: UsersFile) -> str:
    """The hash of nobody's password, as expensive as most people's: an unknown name takes as long as a known one."""
    parameters = users.usual_parameters
    hasher = PasswordHasher.from_parameters(parameters) if parameters is not None else PasswordHasher()
    return hasher.hash(secrets.token_bytes(32))
