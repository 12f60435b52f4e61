"""When an attribute was last written, and how often, from what domain controllers keep for replication: pure. Epoch
seconds.

The metadata says when and where, never by whom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from directory.active_directory.messages import Entry

METADATA = "replPropertyMetaData"
METADATA_XML = "msDS-ReplAttributeMetaData"
"""The same by name, and the only form that covers attributes which the forest's administrators added. Not in Samba."""
_MOBILE = "mobile"
_MOBILE_ID = 0x150029
_OBJECT_SID_ID = 0x090092
_STOPPING_IDS = (0x090008, 0x09009F)
"""Of `userAccountControl`, which disables an account, and of `accountExpires`."""
_HEADER, _RECORD = 16, 48
_SECONDS_FROM_1601_TO_1970 = 11_644_473_600
_MADE_WITH_SECONDS = 300.0
"""A write this soon after the account was created is part of its creation, not a change."""
_NAME = re.compile(r"<pszAttributeName>([^<]*)</pszAttributeName>")
_TIME = re.compile(r"<ftimeLastOriginatingChange>([^<]*)</ftimeLastOriginatingChange>")


def changed_at(metadata: bytes) -> float | None:
    """When `mobile` was last written, from the binary replPropertyMetaData; None if never, or if it is unreadable.

    16 octets, then records of 48: attribute id, version, seconds since 1601, and what is of no use here (MS-DRSR
    section 5.162 and the PROPERTY_META_DATA_EXT_VECTOR that it stores). The id of `mobile` is the same in every
    forest, other than that of an attribute that an administrator added.
    """
    return _written_at(metadata, _MOBILE_ID)


def numbers_changed_at(entry: Entry, mobile_attributes: Sequence[str]) -> float | None:
    """When any of these attributes was last written; None if not since the account was made, or if it is unknown
    (`is_change_time_read` tells).

    Any of them counts, emptied ones too: if the first one is made unusable, the second one's number is used.
    """
    metadata = next(iter(entry.attributes.get(METADATA.lower(), ())), b"")
    described = _described(entry.attributes.get(METADATA_XML.lower(), ()))
    made_at = described.get("objectsid", _written_at(metadata, _OBJECT_SID_ID))
    if (mobile_at := changed_at(metadata)) is not None:
        described.setdefault(_MOBILE, mobile_at)
    latest = max((described[name.lower()] for name in mobile_attributes if name.lower() in described), default=None)
    if latest is None or (made_at is not None and latest - made_at < _MADE_WITH_SECONDS):
        return None
    return latest


def swept_change_at(entry: Entry, mobile_attributes: Sequence[str]) -> float | None:
    """When any of these was last written, as the report says it. For attributes other than `mobile` only if the server
    writes the metadata by name: Samba does not."""
    if METADATA_XML.lower() in entry.attributes:
        return numbers_changed_at(entry, mobile_attributes)
    metadata = entry.attributes.get(METADATA.lower())
    has_mobile = _MOBILE in (name.lower() for name in mobile_attributes)
    return changed_at(metadata[0]) if metadata and has_mobile else None


def is_change_time_read(entry: Entry, mobile_attributes: Sequence[str]) -> bool:
    """Whether the metadata that `numbers_changed_at` needs was there and readable for each of these attributes."""
    has_binary = any(len(value) >= _HEADER for value in entry.attributes.get(METADATA.lower(), ()))
    has_xml = bool(entry.attributes.get(METADATA_XML.lower()))
    return has_xml or (has_binary and all(name.lower() == _MOBILE for name in mobile_attributes))


def metadata_to_read(mobile_attributes: Sequence[str]) -> tuple[str, ...]:
    """The cheap form if it is enough: the other one makes the server write a text about every attribute."""
    if all(name.lower() == _MOBILE for name in mobile_attributes):
        return (METADATA,)
    return (METADATA, METADATA_XML)


def account_mark(entry: Entry) -> str:
    """Changes whenever what stops the account is written: by a disable, too, that was taken back before anybody saw it.
    Empty where the metadata cannot be read.

    A domain controller counts each attribute's originating writes, and replicates the count (MS-DRSR section 5.162,
    dwVersion). No clock is in it.
    """
    metadata = next(iter(entry.attributes.get(METADATA.lower(), ())), b"")
    records = [_record_of(metadata, each) for each in _STOPPING_IDS]
    if not any(records):
        return ""
    return ".".join(str(int.from_bytes(record[4:8], "little")) for record in records)


def _written_at(metadata: bytes, attribute_id: int) -> float | None:
    record = _record_of(metadata, attribute_id)
    return float(int.from_bytes(record[8:16], "little") - _SECONDS_FROM_1601_TO_1970) if record else None


def _record_of(metadata: bytes, attribute_id: int) -> bytes:
    """Empty: there is none."""
    wanted = attribute_id.to_bytes(4, "little")
    for start in range(_HEADER, len(metadata) - _RECORD + 1, _RECORD):
        if metadata[start : start + 4] == wanted:
            return metadata[start : start + _RECORD]
    return b""


def _described(values: Sequence[bytes]) -> dict[str, float]:
    """One XML fragment per attribute; what cannot be read is left out."""
    found = {}
    for value in values:
        text = value.decode("utf-8", "replace")
        name, time = _NAME.search(text), _TIME.search(text)
        if name is None or time is None:
            continue
        try:
            found[name[1].lower()] = datetime.fromisoformat(time[1].strip()).timestamp()
        except ValueError:
            continue
    return found
