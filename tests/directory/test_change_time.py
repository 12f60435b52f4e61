"""When a number was last written, from both forms of AD's replication metadata."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.active_directory.change_time import (
    METADATA,
    METADATA_XML,
    account_mark,
    is_change_time_read,
    metadata_to_read,
    numbers_changed_at,
    swept_change_at,
)
from directory.active_directory.messages import Entry
from directory.active_directory.sweep import attributes_to_read

MADE = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
WRITTEN = datetime(2026, 11, 20, 14, 3, 7, tzinfo=UTC)
MOBILE_ID, SID_ID = 0x150029, 0x090092


def described(name: str, written: datetime | str) -> bytes:
    """One value of msDS-ReplAttributeMetaData, as Microsoft's AD writes it (MS-ADTS section 3.1.1.4.5.25)."""
    instant = written if isinstance(written, str) else written.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"<DS_REPL_ATTR_META_DATA>\n\t<pszAttributeName>{name}</pszAttributeName>\n\t<dwVersion>3</dwVersion>\n"
        f"\t<ftimeLastOriginatingChange>{instant}</ftimeLastOriginatingChange>\n"
        "\t<uuidLastOriginatingDsaInvocationID>a0b1c2d3-0000-4000-8000-000000000000"
        "</uuidLastOriginatingDsaInvocationID>\n\t<usnOriginatingChange>20718</usnOriginatingChange>\n"
        "\t<usnLocalChange>20718</usnLocalChange>\n\t<pszLastOriginatingDsaDN>CN=NTDS Settings,CN=DC1"
        "</pszLastOriginatingDsaDN>\n</DS_REPL_ATTR_META_DATA>\n\0"
    ).encode()


def binary(**written: datetime) -> bytes:
    ids = {"mobile": MOBILE_ID, "sid": SID_ID}
    records = b"".join(
        ids[name].to_bytes(4, "little")
        + (1).to_bytes(4, "little")
        + (int(at.timestamp()) + 11_644_473_600).to_bytes(8, "little")
        + bytes(32)
        for name, at in written.items()
    )
    return bytes(8) + len(written).to_bytes(4, "little") + bytes(4) + records


def counted(**versions: int) -> Entry:
    """How often each was written."""
    ids = {"control": 0x090008, "expires": 0x09009F, "mobile": MOBILE_ID}
    records = [
        ids[name].to_bytes(4, "little") + count.to_bytes(4, "little") + bytes(40) for name, count in versions.items()
    ]
    return Entry(dn="CN=alice", attributes={METADATA.lower(): (bytes(16) + b"".join(records),)})


def test_what_stops_an_account_leaves_a_mark_with_each_write() -> None:
    before = account_mark(counted(mobile=1, control=2, expires=1))
    assert before
    assert account_mark(counted(control=2, mobile=9, expires=1)) == before
    for later in (counted(control=4, expires=1), counted(control=2, expires=2)):
        assert account_mark(later) not in ("", before)


def test_no_metadata_leaves_no_mark() -> None:
    assert account_mark(Entry(dn="CN=alice", attributes={})) == ""
    assert account_mark(counted(mobile=3)) == ""


def changed(*xml: bytes, metadata: bytes = b"", names: tuple[str, ...] = ("extensionAttribute7",)) -> float | None:
    attributes = {METADATA.lower(): (metadata,), METADATA_XML.lower(): xml}
    return numbers_changed_at(Entry(dn="CN=alice", attributes=attributes), names)


def test_an_attribute_that_only_the_xml_form_names_is_found_whatever_its_spelling() -> None:
    xml = [described("objectSid", MADE), described("extensionAttribute7", WRITTEN), described("mail", MADE)]
    assert changed(*xml) == WRITTEN.timestamp()
    assert changed(*xml, names=("EXTENSIONATTRIBUTE7",)) == WRITTEN.timestamp()


def test_the_latest_of_several_attributes_counts_in_either_form() -> None:
    xml = [described("objectSid", MADE), described("extensionAttribute7", "2026-11-19T00:00:00Z")]
    names = ("mobile", "extensionAttribute7")
    assert changed(*xml, metadata=binary(sid=MADE, mobile=WRITTEN), names=names) == WRITTEN.timestamp()
    assert changed(*xml, described("mobile", WRITTEN), names=names) == WRITTEN.timestamp()


def test_what_was_written_with_the_account_is_no_change() -> None:
    assert changed(described("objectSid", MADE), described("extensionAttribute7", MADE)) is None
    assert changed(described("extensionAttribute7", WRITTEN), metadata=binary(sid=MADE)) == WRITTEN.timestamp()


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01T00:00:00Z", "<b/>"])
def test_a_time_that_cannot_be_read_is_unknown(time: str) -> None:
    assert changed(described("objectSid", MADE), described("extensionAttribute7", time)) is None


@given(st.lists(st.binary(max_size=200), max_size=4), st.binary(max_size=200))
def test_no_octets_raise(xml: list[bytes], metadata: bytes) -> None:
    changed(*xml, metadata=metadata, names=("mobile", "extensionAttribute7"))
    account_mark(Entry(dn="CN=a", attributes={METADATA.lower(): (metadata,)}))


def test_the_dear_form_is_asked_for_only_where_it_is_needed() -> None:
    assert metadata_to_read(("mobile",)) == (METADATA,)
    assert metadata_to_read(("mobile", "otherMobile")) == (METADATA, METADATA_XML)


@pytest.mark.parametrize(
    ("names", "expected"),
    [(("extensionAttribute7",), WRITTEN.timestamp()), (("extensionAttribute8",), None)],
)
def test_the_report_knows_when_another_attribute_was_changed(names: tuple[str, ...], expected: float | None) -> None:
    xml = (described("objectSid", MADE), described("extensionAttribute7", WRITTEN))
    entry = Entry(dn="CN=alice", attributes={METADATA_XML.lower(): xml})
    assert METADATA_XML in attributes_to_read(names)
    assert swept_change_at(entry, names) == expected


@pytest.mark.parametrize(
    ("attributes", "there", "is_read"),
    [
        (("mobile",), {"replpropertymetadata": bytes(16)}, True),
        (("mobile",), {}, False),
        (("mobile",), {"replpropertymetadata": b"cut"}, False),
        (("mobile", "extensionAttribute7"), {"replpropertymetadata": bytes(16)}, False),
        (("extensionAttribute7",), {"msds-replattributemetadata": b"<DS_REPL_ATTR_META_DATA/>"}, True),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_unchanged(
    attributes: tuple[str, ...], there: dict[str, bytes], is_read: bool
) -> None:
    entry = Entry(dn="CN=a", attributes={name: (value,) for name, value in there.items()})
    assert is_change_time_read(entry, attributes) is is_read
