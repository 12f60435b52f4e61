"""How a session begins, and goes on once one factor more is proven: each step has an id and a token of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from config.factors import Factor
from config.settings import NetworkSettings, SchemeSettings, SessionSettings
from directory.principal import Principal
from proxy.access.shared_networks import shared_network
from proxy.factors.confinement import Confinement, narrowed
from proxy.factors.proof import Proof, with_proof
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Level, Session
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.client import Client
from proxy.sign_in.ending import end_sessions
from proxy.sign_in.password import PersonProven


class SessionSteps:
    """What is given out is the session and its token, of which only the digest is stored."""

    def __init__(self, store: SessionStore, networks: Sequence[NetworkSettings] = (), most: int | None = None) -> None:
        """`networks`: where sessions may have a shorter idle limit. `most` signed-in sessions of one person stand: with
        one more, the oldest ends. None: as many as they like."""
        self._store = store
        self._networks = networks
        self._most = most

    async def begin(
        self,
        client: Client,
        proven: PersonProven,
        scheme: SchemeSettings,
        *,
        older: Session | None,
        is_remembered: bool = False,
        now: float,
    ) -> tuple[Session, str]:
        """A new session after the first factor. `older`, the one that this client had, ends. `is_remembered`: the
        client stands for the second factors."""
        stands_in = (Proof(Factor.REMEMBERED, now),) if is_remembered else ()
        session = Session(
            session_id=new_token(),
            principal=proven.principal,
            scheme=scheme.name,
            factors=scheme.factors,
            proven=(Proof(proven.factor, now), *stands_in),
            password_must_change=proven.must_change,
            created_at=now,
            last_used_at=now,
            client_address=client.address,
            user_agent=client.user_agent,
            way=client.way,
            confined=client.confined,
        )
        if (shared := shared_network(self._networks, client.address)) is not None:
            session = replace(session, idle_seconds=shared.idle)
        token = new_token()
        cookie = token_digest(token)
        if older is None or not await self._store.replace_session(
            older.session_id, session, cookie=cookie, host=client.host, most=self._most
        ):
            await self._store.create_session(session, cookie=cookie, host=client.host, most=self._most)
        return session, token

    async def begin_by_credential(
        self,
        client: Client,
        principal: Principal,
        factor: Factor,
        *,
        cookie: bytes,
        limits: SessionSettings,
        now: float,
    ) -> bool:
        """The session that this credential's digest names, in the place of one that is over. False: one stands, which
        another request began meanwhile."""
        session = Session(
            session_id=new_token(),
            principal=principal,
            scheme=factor.value,
            factors=((factor,),),
            proven=(Proof(factor, now),),
            created_at=now,
            last_used_at=now,
            client_address=client.address,
            user_agent=client.user_agent,
            way=client.way,
            confined=client.confined,
        )
        standing = await self._store.session_by_cookie(cookie, client.host)
        if standing is not None:
            return standing.is_over(limits, now) and await self._store.replace_session(
                standing.session_id, session, cookie=cookie, host=client.host
            )
        return await self._store.create_first(session, cookie=cookie, host=client.host)

    async def go_on(
        self,
        client: Client,
        older: Session,
        factor: Factor,
        *,
        changed: Principal | None = None,
        confined: Confinement | None = None,
        now: float,
    ) -> tuple[Session, str] | None:
        """The session after a further factor, which replaces the older one; None if that is gone. `changed`: the person
        as they are after a change of password, which is a proof of it.

        A person who was signed in before does not stay signed in longer than they would have. `confined`: by the pass
        that was the factor. What is confined stays so, whatever is proven later.
        """
        session = replace(
            older,
            session_id=new_token(),
            principal=changed or older.principal,
            proven=with_proof(older.proven, factor, now),
            confined=narrowed(older.confined, confined),
            password_must_change=older.password_must_change and changed is None,
            created_at=older.created_at if older.level is Level.SIGNED_IN else now,
            last_used_at=now,
        )
        token = new_token()
        is_replaced = await self._store.replace_session(
            older.session_id, session, cookie=token_digest(token), host=client.host, most=self._most
        )
        return (session, token) if is_replaced else None

    async def end_others(self, guid: str, kept: Session | None) -> int:
        """End all of a person's sessions but this one; how many there were."""
        return await end_sessions(self._store, guid, kept=kept)

    async def is_standing(self, session: Session) -> bool:
        return bool(await self._store.sessions_by_id([session.session_id]))

    async def end(self, session: Session) -> None:
        await self._store.end_session(session.session_id)
