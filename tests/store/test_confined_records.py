"""A session that was begun with a pass is read back confined, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy.sessions.session import Session
from proxy.store.records import UnreadableRecord, principal_to_json, session_from_fields, session_to_fields
from tests.store.contract.passes import CONFINED, begun_with_a_pass
from tests.support.people import session


def written(kept: Session, **changes: Any) -> dict[str, Any]:
    beside = {"session_id": kept.session_id, "last_used_at": kept.last_used_at}
    return {**session_to_fields(kept), **beside, "principal": principal_to_json(kept.principal), **changes}


def test_it_comes_back_as_it_was() -> None:
    kept = begun_with_a_pass()
    assert session_from_fields(written(kept)) == kept


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pass_id": "p", "apps": "Wiki", "ends_at": 1.0}'])
def test_without_what_confines_it_a_pass_opens_nothing(text: str) -> None:
    with pytest.raises(UnreadableRecord):
        session_from_fields(written(begun_with_a_pass(), confined=text))


def test_without_a_pass_nothing_is_confined() -> None:
    with pytest.raises(UnreadableRecord):
        session_from_fields(written(replace(session(), confined=CONFINED)))


def test_a_record_of_an_older_version_is_confined_to_nothing() -> None:
    fields = written(session())
    del fields["confined"]
    assert session_from_fields(fields).confined is None
