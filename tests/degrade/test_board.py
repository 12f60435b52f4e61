"""What a worker knows of rungs when the store under it is replaced by an older one, or by none."""

from __future__ import annotations

from config.settings import DegradeSettings, RungKind
from proxy.degrade.board import DegradeBoard
from proxy.degrade.rung import BegunRung
from tests.support.people import NOW
from tests.support.rungs import begun_rung

RUNGS = (DegradeSettings(name="mail", what=RungKind.MAIL), DegradeSettings(name="closed", what=RungKind.CLOSED))
MAIL, CLOSED = begun_rung("mail"), begun_rung("closed")


class Kept:
    """A store whose content the test sets, as a restore does."""

    def __init__(self, *rungs: BegunRung) -> None:
        self.now = rungs

    async def rungs(self) -> tuple[BegunRung, ...]:
        return self.now

    async def put_rung(self, rung: BegunRung, *, seen: BegunRung | None) -> bool:
        return False


async def in_force(board: DegradeBoard) -> list[str]:
    assert await board.look()
    return [each.settings.name for each in board.known(NOW).rungs]


async def test_a_restored_store_revives_no_rung_that_was_seen_to_end() -> None:
    store = Kept(MAIL)
    board = DegradeBoard(store, RUNGS)
    assert await in_force(board) == ["mail"]
    store.now = (MAIL.ended(by="anna", now=NOW),)
    assert await in_force(board) == []
    store.now = (MAIL,)
    assert await in_force(board) == []
    assert await in_force(board) == []


async def test_a_restored_or_new_store_loses_no_rung_that_was_seen_to_begin() -> None:
    store = Kept()
    board = DegradeBoard(store, RUNGS)
    assert await in_force(board) == []
    store.now = (CLOSED,)
    assert await in_force(board) == ["closed"]
    store.now = ()
    assert await in_force(board) == ["closed"]
    assert board.known(NOW + 3600).closed is None


async def test_what_is_decided_after_a_restore_counts_whatever_the_clock_says_that_it_was_decided_by() -> None:
    store = Kept(MAIL)
    board = DegradeBoard(store, RUNGS)
    await in_force(board)
    store.now = (MAIL.ended(by="anna", now=NOW),)
    await in_force(board)
    store.now = (begun_rung("mail", at=NOW - 50),)
    assert await in_force(board) == ["mail"]
