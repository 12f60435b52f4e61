"""What every store must keep of app passwords and service tokens: `proxy.sign_in.credentials`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from config.factors import Factor
from proxy.factors.confinement import Confinement
from proxy.sessions.session import Session
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.store.contract import Store
from tests.store.contract.values import LIMITS, cookie
from tests.support.people import NOW, credential, session


def of_credential(**fields: object) -> Session:
    confined = Confinement(apps=("Wiki",), credential_id="c", methods=("GET",), networks=("192.0.2.0/24",))
    return session(factors=((Factor.APP_PASSWORD,),), confined=confined, way=Way.APP_PASSWORD, **fields)


class CredentialsContract:
    async def test_a_credential_is_kept_with_everything_until_its_instant(self, store: Store) -> None:
        limited = credential(name="Räume \u00e9", methods=("GET", "PROPFIND"), networks=("10.0.0.0/8",))
        token = credential(factor=Factor.SERVICE_TOKEN, made_at=NOW + 1, guid="another")
        for each in (token, limited):
            assert await store.credentials.put_credential(each, most=5)
        assert await store.credentials.credentials(now=NOW) == (limited, token)
        assert await store.credentials.credentials(limited.guid, now=limited.ends_at - 0.001) == (limited,)
        assert await store.credentials.credentials(limited.guid, now=limited.ends_at) == ()
        assert await store.credentials.credential_by(limited.digest) == limited
        assert await store.credentials.credential_by(cookie()) is None

    async def test_a_person_has_no_more_than_the_most(self, store: Store) -> None:
        at_once = [store.credentials.put_credential(credential(), most=3) for _ in range(10)]
        assert sum(await asyncio.gather(*at_once)) == 3
        assert len(await store.credentials.credentials(now=NOW)) == 3
        assert await store.credentials.put_credential(credential(guid="another"), most=3)
        later = credential(made_at=NOW + 30 * 86_400, ends_at=NOW + 60 * 86_400)
        assert await store.credentials.put_credential(later, most=3), "those that are over do not count"

    async def test_the_last_use_never_moves_backwards(self, store: Store) -> None:
        kept = credential()
        await store.credentials.put_credential(kept, most=5)
        for at in (NOW + 5, NOW + 9, NOW + 7):
            await store.credentials.note_credential_use(kept.credential_id, now=at)
        await store.credentials.note_credential_use("gone", now=NOW)
        assert await store.credentials.credential_by(kept.digest) == replace(kept, used_at=NOW + 9)

    async def test_what_is_removed_is_gone_for_good(self, store: Store) -> None:
        kept, removed = credential(), credential()
        for each in (kept, removed):
            await store.credentials.put_credential(each, most=5)
        assert await store.credentials.remove_credentials([removed.credential_id, "gone"]) == 1
        assert await store.credentials.remove_credentials([removed.credential_id]) == 0
        assert await store.credentials.remove_credentials([]) == 0
        assert await store.credentials.credential_by(removed.digest) is None
        assert await store.credentials.credentials(now=NOW) == (kept,)

    async def test_what_is_over_is_removed(self, store: Store) -> None:
        over, standing = credential(ends_at=NOW + 60), credential()
        for each in (over, standing):
            await store.credentials.put_credential(each, most=5)
        await store.sessions.remove_expired(now=NOW + 60, limits=LIMITS)
        assert await store.credentials.credential_by(over.digest) is None
        assert await store.credentials.credential_by(standing.digest) == standing

    async def test_of_several_sessions_of_one_credential_one_begins(self, store: Store) -> None:
        digest, begun = cookie(), [of_credential() for _ in range(10)]
        results = await asyncio.gather(
            *(store.sessions.create_first(each, cookie=digest, host=TOKEN_HOST) for each in begun)
        )
        assert sum(results) == 1
        (first,) = [each for each, was_first in zip(begun, results, strict=True) if was_first]
        assert await store.sessions.sessions() == [first]
        assert await store.sessions.session_by_cookie(digest, TOKEN_HOST) == first
        next_one = of_credential()
        assert await store.sessions.replace_session(first.session_id, next_one, cookie=digest, host=TOKEN_HOST)
        assert await store.sessions.session_by_cookie(digest, TOKEN_HOST) == next_one
        await store.sessions.end_session(next_one.session_id)
        assert await store.sessions.create_first(of_credential(), cookie=digest, host=TOKEN_HOST)
