"""Values are what frozen dataclasses are, though their methods are written late."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.values import SHARED, record, slotted, value


def thing() -> type[Any]:
    class Thing:
        name: str
        size: int = 7
        tags: tuple[str, ...] = field(default_factory=tuple)
        place: str = field(default="", compare=False, repr=False)

    return Thing


Ours, Theirs = value(thing()), dataclass(frozen=True, kw_only=True)(thing())


@value
class Heir(Ours):  # type: ignore[misc, valid-type]
    size: int = 8
    colour: str = "red"


some = st.fixed_dictionaries(
    {"name": st.sampled_from("ab")},
    optional={
        "size": st.sampled_from([7, 8]),
        "tags": st.just(("x",)),
        "place": st.sampled_from(["", "here"]),
    },
)


@given(some, some)
def test_they_compare_hash_and_print_as_dataclasses_do(one: dict[str, Any], other: dict[str, Any]):
    assert (Ours(**one) == Ours(**other)) == (Theirs(**one) == Theirs(**other))
    assert hash(Ours(**one)) == hash(Theirs(**one))
    assert repr(Ours(**one)) == repr(Theirs(**one))
    assert replace(Ours(**one), **other) == Ours(**{**one, **other})
    assert Ours(**one) != Heir(**one) and Heir(**one) == Heir(**{"size": 8, **one})


def test_they_have_what_they_are_given_and_stay_so():
    assert [one.name for one in fields(Heir)] == ["name", "size", "tags", "place", "colour"]
    assert vars(Heir(name="a")) == {"name": "a", "size": 8, "tags": (), "place": "", "colour": "red"}
    for wrong in ({}, {"name": "a", "shape": "round"}):
        with pytest.raises(TypeError, match=r"missing 1 required keyword-only|unexpected keyword"):
            Ours(**wrong)
    for attempt in (lambda: setattr(Ours(name="a"), "name", "b"), lambda: delattr(Ours(name="a"), "name")):
        with pytest.raises(FrozenInstanceError):
            attempt()


def test_an_heir_without_fields_of_its_own_is_another_class():
    class Same(Ours):  # type: ignore[misc, valid-type]
        """Nothing more."""

    assert Same(name="a") == Same(name="a") != Ours(name="a")


@record
class Placed:
    name: str
    size: int = 7
    note: str = field(default="", kw_only=True)


def test_a_record_is_given_its_fields_in_order_and_has_room_for_no_others():
    assert Placed("a", 8) == Placed(size=8, name="a") != Placed("a", 8, note="other")
    assert replace(Placed("a"), name="b") == Placed("b") and Placed.__match_args__ == ("name", "size")
    assert not hasattr(Placed("a"), "__dict__")
    for wrong in ((), ("a", 8, "a note")):
        with pytest.raises(TypeError):
            Placed(*wrong)
    with pytest.raises(FrozenInstanceError):
        Placed("a").size = 8  # type: ignore[misc]


def test_what_is_made_of_nothing_is_one_and_who_has_many_fields_has_no_table_of_its_own():
    assert Ours(name="a").tags is Ours(name="b").tags
    many = type("Many", (), {"__annotations__": {f"field{n}": int for n in range(SHARED + 1)}})
    made = value(many)(**{f"field{n}": n for n in range(SHARED + 1)})
    assert not hasattr(made, "__dict__") and replace(made, field0=7).field0 == 7
    with pytest.raises(FrozenInstanceError):
        made.field0 = 1


@slotted
class Plain:
    name: str

    @property
    def words(self) -> str:
        return f"plain {self.name}"

    def said(self) -> str:
        return self.words


@slotted
class Fancy(Plain):
    @property
    def words(self) -> str:
        return f"fancy {super().words}"

    def said(self) -> str:
        return super().said().upper()


def test_one_with_slots_finds_what_it_is_derived_from():
    one = Fancy(name="hat")
    assert one.words == "fancy plain hat" and one.said() == "FANCY PLAIN HAT" and not hasattr(one, "__dict__")
