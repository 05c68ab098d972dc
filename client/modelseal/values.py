"""`dataclass` for slotted values, frozen or not, at a fifth of the time that making such a class takes.

The standard one compiles six functions for each class, one `exec` each: a millisecond, and a short command has a
hundred classes, so that was a quarter of its time. Here all but `__init__` are shared, and that one is compiled when
the first value is made, which for most classes never happens. What comes out is a dataclass: `fields` and `replace`
know it.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(**how):
        """Return the decorator; what is asked for besides `slots`, `frozen` and `repr` is the standard's to do."""

        def decorate(cls):
            ours = how.keys() <= {"frozen", "slots", "repr"} and how.get("slots")
            if not ours or cls.__bases__ != (object,) or hasattr(cls, "__post_init__"):
                return dataclasses.dataclass(**how)(cls)
            return _made(cls, frozen=how.get("frozen", False), repr=how.get("repr", True))

        return decorate


__all__ = ["dataclass"]


def _made(cls: type, *, frozen: bool, repr: bool) -> type:
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else the signature is written there, which takes as long as all else
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    made.__dataclass_params__.frozen = frozen
    fields = dataclasses.fields(made)
    compared = _getter([field.name for field in fields if field.compare])

    def equal(self: Any, other: Any) -> Any:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_(self: Any) -> int:
        return hash(compared(self))

    def init(self: Any, *values: Any, **named: Any) -> None:
        made.__init__ = _init(made, fields)
        made.__init__(self, *values, **named)

    methods: dict[str, Any] = {"__init__": init, "__eq__": equal, "__hash__": hash_ if frozen else None}
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        methods |= {"__getstate__": _state, "__setstate__": _restore}
    if repr:
        methods["__repr__"] = _repr
    for name, method in methods.items():
        if cls.__dict__.get(name) is None:  # `__hash__` is None where `__eq__` was written
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _getter(names: list[str]) -> Any:
    return attrgetter(*names) if names else lambda value: ()


def _init(cls: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """Compile `__init__`, which sets the slots themselves: `__setattr__` refuses."""
    known: dict[str, Any] = {"_missing": dataclasses.MISSING}
    parameters, lines = ["self"], []
    for field in fields:
        name, value = field.name, field.name
        known[f"_set_{name}"] = getattr(cls, name).__set__
        if field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            parameters.append(f"{name}=_default_{name}")
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = field.default_factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        else:
            parameters.append(name)
        lines.append(f"    _set_{name}(self, {value})")
    source = f"def __init__({', '.join(parameters)}):\n" + ("\n".join(lines) or "    pass")
    exec(source, known)  # noqa: S102 - names of fields of our own classes
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
