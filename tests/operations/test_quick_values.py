"""Values that are made quickly are those that their class makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from proxy.operations.quick_values import quick_maker, quick_replacer


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    size: float = 1.0
    tags: frozenset[str] = field(default=frozenset(), repr=False)


def test_it_is_the_value_that_the_class_itself_makes() -> None:
    made = quick_maker(Thing, ("size", "tags", "name"))(2.5, frozenset({"a"}), "x")
    assert made == Thing(name="x", size=2.5, tags=frozenset({"a"}))
    assert (type(made), repr(made)) == (Thing, "Thing(name='x', size=2.5)")
    assert hash(made) == hash(replace(made))


def test_it_is_frozen() -> None:
    made = quick_maker(Thing, ("name", "size", "tags"))("x", 2.5, frozenset())
    with pytest.raises(FrozenInstanceError):
        made.name = "y"  # type: ignore[misc]


def test_one_field_is_replaced() -> None:
    thing = Thing(name="x", tags=frozenset({"a"}))
    assert quick_replacer(Thing, "size")(thing, 3.0) == replace(thing, size=3.0)


@pytest.mark.parametrize("names", [("name", "size"), ("name", "size", "tags", "colour")])
def test_no_field_is_left_out_or_invented(names: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match="not the fields of Thing"):
        quick_maker(Thing, names)


def test_a_class_that_checks_its_values_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        name: str

        def __post_init__(self) -> None:
            raise ValueError("not checked")

    with pytest.raises(TypeError, match="Checked checks its values"):
        quick_maker(Checked, ["name"])
