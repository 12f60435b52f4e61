"""An end to what a person has here: what goes first, what stays, and what begins in the meantime."""

from dataclasses import replace

from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Session
from proxy.sign_in.ending import EndedPerson, end_person, end_sessions
from tests.store.contract.remembered import remembered
from tests.support.memory_sessions import MemorySessions
from tests.support.memory_store import MemoryStore
from tests.support.people import session


async def begun(store: MemoryStore, session: Session) -> Session:
    await store.sessions.create_session(session, cookie=token_digest(new_token()), host="signin.corp.example")
    return session


async def test_all_of_one_person_ends_and_nothing_of_others() -> None:
    store = MemoryStore()
    alice = [await begun(store, session(guid="alice")) for _ in range(3)]
    bob = await begun(store, session(guid="bob"))
    for guid in ("alice", "bob"):
        await store.browsers.put_browser(remembered(name=guid, guid=guid), digest=b"", most=5)
    assert await end_person(store.sessions, store.browsers, "alice") == EndedPerson(sessions=len(alice), browsers=1)
    assert await store.sessions.sessions() == [bob]
    assert [each.name for each in await store.browsers.browsers("bob")] == ["bob"]


async def test_what_is_kept_stays() -> None:
    store = MemoryStore()
    mine, *_ = [await begun(store, session()) for _ in range(3)]
    guid = mine.principal.guid
    for name in ("this", "other"):
        await store.browsers.put_browser(remembered(name=name, guid=guid), digest=b"", most=5)
    ended = await end_person(store.sessions, store.browsers, guid, kept=mine, kept_browser="this")
    assert ended == EndedPerson(sessions=2, browsers=1)
    assert await store.sessions.sessions() == [mine]
    assert [each.name for each in await store.browsers.browsers(guid)] == ["this"]


async def test_a_session_that_steps_up_in_the_meantime_ends_too() -> None:
    store = MemoryStore()
    mine, thief = await begun(store, session()), await begun(store, session())

    class SteppingUp(MemorySessions):
        """The thief's session has a new id just before the old one would end."""

        async def end_session(self, session_id: str) -> bool:
            if session_id == thief.session_id:
                further = replace(thief, session_id=new_token())
                await self.replace_session(session_id, further, cookie=token_digest(new_token()), host="other")
            return await super().end_session(session_id)

    sessions = SteppingUp(store.calls.append, store.sessions.standing, (), ())
    await end_sessions(sessions, mine.principal.guid, kept=mine)
    assert await store.sessions.sessions() == [mine]
