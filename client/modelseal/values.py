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

_FIELDS = "__dataclass_fields__"
_CLASS = ("ClassVar", "typing.ClassVar")


def _made(cls: type, *, frozen: bool, repr: bool) -> Any:
    types = {name: kind for name, kind in cls.__annotations__.items() if not str(kind).startswith(_CLASS)}
    inside = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    given = {name: inside.pop(name) for name in types if name in inside}
    inside |= {"__slots__": tuple(types), "__match_args__": tuple(types), _FIELDS: _Fields(types, given, frozen)}
    made: Any = type(cls)(cls.__name__, cls.__bases__, inside)
    made.__qualname__ = cls.__qualname__
    kept = [name for name in types if getattr(given.get(name), "compare", True)]
    compared: Any = attrgetter(*kept) if kept else lambda value: ()

    def equal(self: Any, other: Any) -> Any:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_(self: Any) -> int:
        return hash(compared(self))

    def init(self: Any, *values: Any, **named: Any) -> None:
        made.__init__ = _init(made, types, given)
        made.__init__(self, *values, **named)

    methods: dict[str, Any] = {"__init__": init, "__eq__": equal, "__hash__": hash_ if frozen else None}
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        methods |= {"__getstate__": _state, "__setstate__": _restore}
    if repr:
        methods["__repr__"] = _repr
    for name, method in methods.items():
        if inside.get(name) is None:  # `__hash__` is None where `__eq__` was written
            setattr(made, name, method)
    return made


class _Fields:
    """What makes the class a dataclass for `fields` and `replace`: read off a standard one when it is first wanted."""

    def __init__(self, types: dict[str, str], given: dict[str, Any], frozen: bool) -> None:
        self._inside = {"__annotations__": types, **given}
        self._frozen = frozen

    def __get__(self, value: object, cls: type) -> Any:
        standard = type(cls.__name__, (), {"__module__": cls.__module__, **self._inside})
        standard.__doc__ = cls.__name__  # else the signature is written there
        found: Any = dataclasses.dataclass(init=False, repr=False, eq=False, frozen=self._frozen)(standard)
        for name in (_FIELDS, "__dataclass_params__"):
            type.__setattr__(cls, name, getattr(found, name))
        return getattr(found, _FIELDS)


def _init(cls: Any, types: dict[str, str], given: dict[str, Any]) -> Any:
    """Compile `__init__`, which sets the slots themselves: `__setattr__` refuses."""
    known: dict[str, Any] = {"_missing": dataclasses.MISSING}
    parameters, lines = ["self"], []
    for name in types:
        value, default = name, given.get(name, dataclasses.MISSING)
        known[f"_set_{name}"] = getattr(cls, name).__set__
        if isinstance(default, dataclasses.Field) and default.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = default.default_factory
            value, default = f"_make_{name}() if {name} is _missing else {name}", dataclasses.MISSING
            parameters.append(f"{name}=_missing")
        else:
            default = default.default if isinstance(default, dataclasses.Field) else default
            known[f"_default_{name}"] = default
            parameters.append(name if default is dataclasses.MISSING else f"{name}=_default_{name}")
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
