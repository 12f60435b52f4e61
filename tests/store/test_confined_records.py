"""A session that was begun with a pass is read back confined, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.factors import Factor
from proxy.factors.confinement import Confinement
from proxy.sessions.session import Level, Session
from proxy.sessions.way import Way
from proxy.store.record_fields import UnreadableRecord
from proxy.store.session_records import principal_to_json, session_from_fields, session_to_fields
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


def with_credential(**fields: Any) -> Session:
    confined = Confinement(apps=("Wiki",), credential_id="c", methods=("GET",), networks=("192.0.2.0/24",))
    factors = ((Factor.APP_PASSWORD,),)
    return session(factors=factors, confined=confined, way=Way.APP_PASSWORD, **fields)


def test_what_a_credential_limits_comes_back_whole() -> None:
    kept = with_credential()
    assert session_from_fields(written(kept)) == kept
    assert kept.level is Level.SIGNED_IN


@pytest.mark.parametrize(
    "confined", ["", '{"pass_id": "p", "apps": ["Wiki"], "ends_at": 1.0}', '{"apps": ["Wiki"], "ends_at": 1.0}']
)
def test_without_its_own_limits_a_credential_opens_nothing(confined: str) -> None:
    with pytest.raises(UnreadableRecord):
        session_from_fields(written(with_credential(), confined=confined))


def test_a_session_for_one_app_alone_needs_neither_pass_nor_credential() -> None:
    kept = replace(session(), confined=Confinement(apps=("Wiki",)), way=Way.API)
    assert session_from_fields(written(kept)) == kept


def test_a_record_that_names_no_way_in_is_of_a_browser() -> None:
    fields = written(session())
    del fields["way"]
    assert session_from_fields(fields).way is Way.BROWSER


def test_a_record_of_an_unknown_way_in_opens_nothing() -> None:
    with pytest.raises(UnreadableRecord):
        session_from_fields(written(session(), way="telepathy"))


def test_a_record_of_an_older_version_is_confined_to_nothing() -> None:
    fields = written(session())
    del fields["confined"]
    assert session_from_fields(fields).confined is None
