"""Our `dataclass` against the standard one: what a class made by either does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar

import pytest

from modelseal import values


@values.dataclass(frozen=True, slots=True)
class Ours:
    """Words."""

    a: int
    b: str = "b"
    c: tuple[int, ...] = ()
    d: list[int] = field(default_factory=list)
    e: bytes = field(default=b"secret", repr=False)
    f: int = field(default=0, compare=False)
    KIND: ClassVar[str] = "kind"

    @property
    def double(self) -> int:
        return 2 * self.a

    @classmethod
    def of(cls, a: int) -> Any:
        return cls(a)

    def __str__(self) -> str:
        return f"<{self.a}>"


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    """Words."""

    a: int
    b: str = "b"
    c: tuple[int, ...] = ()
    d: list[int] = field(default_factory=list)
    e: bytes = field(default=b"secret", repr=False)
    f: int = field(default=0, compare=False)
    KIND: ClassVar[str] = "kind"

    @property
    def double(self) -> int:
        return 2 * self.a

    @classmethod
    def of(cls, a: int) -> Any:
        return cls(a)

    def __str__(self) -> str:
        return f"<{self.a}>"


@values.dataclass(slots=True)
class OursChanging:
    a: int
    b: list[int] = field(default_factory=list)


@dataclasses.dataclass(slots=True)
class StandardChanging:
    a: int
    b: list[int] = field(default_factory=list)


@values.dataclass(frozen=True, slots=True)
class One:
    a: object


@values.dataclass(frozen=True, slots=True)
class Nothing:
    pass


def _set(made: Any) -> None:
    made(1).a = 2


def _delete(made: Any) -> None:
    del made(1).a


def _match(made: Any) -> object:
    match made(1, "x"):
        case Ours(a, b) | Standard(a, b):
            return a, b
    return None


DOES: dict[str, Callable[[Any], object]] = {
    "defaults": lambda made: dataclasses.astuple(made(1)),
    "by name": lambda made: dataclasses.astuple(made(b="x", a=3, d=[1])),
    "a default that is made is made anew": lambda made: made(1).d is made(1).d,
    "repr": lambda made: repr(made(1, "x")).partition("(")[2],
    "str": lambda made: str(made(1)),
    "equal": lambda made: (made(1) == made(1), made(1) == made(2), made(1, f=1) == made(1, f=2), made(1) == 1),
    "another class is not equal": lambda made: made(1) == Nothing(),
    "replace": lambda made: dataclasses.astuple(dataclasses.replace(made(1), b="y")),
    "fields": lambda made: [one.name for one in dataclasses.fields(made)],
    "is one": lambda made: (dataclasses.is_dataclass(made), made.__dataclass_params__.frozen),
    "has no dict": lambda made: (hasattr(made(1), "__dict__"), made.__slots__),
    "class variable, property, class method": lambda made: (made.KIND, made(2).double, made.of(4).a),
    "words": lambda made: made.__doc__,
    "match": _match,
    "copies": lambda made: (copy.copy(made(1, "x")) == made(1, "x"), copy.deepcopy(made(1, "x")) == made(1, "x")),
    "pickled": lambda made: dataclasses.astuple(pickle.loads(pickle.dumps(made(1, "x", (2,), [3])))),
    "not hashable inside": lambda made: hash(made(1)),
    "too few": lambda made: made(),
    "too many": lambda made: made(1, 2, 3, 4, 5, 6, 7),
    "unknown": lambda made: made(1, x=1),
    "set": _set,
    "delete": _delete,
}


@pytest.mark.parametrize("case", DOES)
def test_a_value_does_what_a_standard_dataclass_does(case: str) -> None:
    def outcome(made: Any) -> object:
        try:
            return DOES[case](made)
        except Exception as e:
            return type(e)

    assert outcome(Ours) == outcome(Standard)


def _changed(made: Any) -> object:
    value = made(1)
    value.a = 2
    return dataclasses.astuple(value)


@pytest.mark.parametrize(
    "does",
    [
        _changed,
        _delete,
        lambda made: made(1) == made(1),
        lambda made: hash(made(1)),
        lambda made: repr(made(1)).partition("(")[2],
        lambda made: dataclasses.astuple(dataclasses.replace(made(1), b=[2])),
        lambda made: copy.deepcopy(made(1, [2])) == made(1, [2]),
        lambda made: made.__dataclass_params__.frozen,
        lambda made: hasattr(made(1), "__dict__"),
    ],
)
def test_what_changes_does_what_a_standard_dataclass_does(does: Callable[[Any], object]) -> None:
    def outcome(made: Any) -> object:
        try:
            return does(made)
        except Exception as e:
            return type(e)

    assert outcome(OursChanging) == outcome(StandardChanging)


def test_values_with_one_field_or_none() -> None:
    assert (One(1) == One(1), One(1) == One(2), hash(One((1, 2))) == hash(One((1, 2)))) == (True, False, True)
    assert (Nothing() == Nothing(), hash(Nothing()) == hash(Nothing()), repr(Nothing())) == (True, True, "Nothing()")
    assert repr(One("x")) == "One(a='x')"
    assert len({One(1), One(1), One(2)}) == 2


def test_what_is_asked_for_besides_is_the_standards_to_do() -> None:
    @values.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        a: int

    @values.dataclass(frozen=True, slots=True)
    class Checked:
        a: int

        def __post_init__(self) -> None:
            if self.a < 0:
                raise ValueError

    @values.dataclass(frozen=True, slots=True)
    class Below(Ours):
        g: int = 7

    assert (Ordered(1) < Ordered(2), Below(1).g, Below(1).a) == (True, 7, 1)
    with pytest.raises(ValueError):
        Checked(-1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Below(1).g = 8  # type: ignore[misc]
