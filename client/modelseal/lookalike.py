"""Which names read alike: equal after a table of confusables.

    skeleton("mistraI-AI") == skeleton("mistral_ai")

The alphabet of owners on the Hub is ASCII, so the table is short and whole; it is printed by `claims confusables`.
Names that differ in a letter which nobody confuses are not alike here. No two digits become the same: sizes of models
(`6b`, `8b`) stay apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelseal.values import dataclass

# In order: what a name has -> what is compared. A row that makes several characters one comes after those of one.
CONFUSABLES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("-", "_", ".", " ", "'", "&"), "", "separators are dropped"),
    (("A to Z",), "a to z", "case is dropped"),
    (("I", "i", "1"), "l", "as in mistraI for mistral"),
    (("O", "0"), "o", "as in 0penai for openai"),
    (("5", "S"), "s", "as in 5tabilityai for stabilityai"),
    (("3",), "e", "as in d33pseek for deepseek"),
    (("4",), "a", "as in met4 for meta"),
    (("7",), "t", "as in s7ability for stability"),
    (("8",), "b", "as in 8igcode for bigcode"),
    (("9",), "g", "as in bi9code for bigcode"),
    (("rn",), "m", "as in rnistralai for mistralai"),
    (("vv",), "w", "as in qvven for qwen"),
    (("cl",), "d", "as in cleepseek for deepseek"),
)

_ONE = str.maketrans(
    {one.lower(): to for found, to, _ in CONFUSABLES for one in found if len(one) == 1 and one.lower() != to}
)
_SEVERAL = tuple((one, to) for found, to, _ in CONFUSABLES for one in found if len(one) == 2)


def skeleton(name: str) -> str:
    """Return what *name* reads as; ASCII, lower case, perhaps empty."""
    found = name.lower().translate(_ONE)
    for several, one in _SEVERAL:
        found = found.replace(several, one)
    return found


@dataclass(frozen=True, slots=True)
class Named:
    """A namespace with everything that people call its owner: (what it is, the name as written)."""

    namespace: str  # hf://owner
    names: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls, namespace: str, title: str | None = None, families: Iterable[str] = (), others: Iterable[str] = ()
    ) -> Named:
        """*others*: further namespaces of the same owner, present or former."""
        found = [("name", namespace.removeprefix("hf://"))]
        found += [("title", title)] if title else []
        found += [("family", one) for one in families]
        found += [("account", one.removeprefix("hf://")) for one in others]
        return cls(namespace, tuple(found))


@dataclass(frozen=True, slots=True)
class Alike:
    """A name of one owner that reads as a name of another."""

    namespace: str  # whose name it reads as
    what: str  # name, title, family
    written: str
    known: str  # as the other writes it
    known_what: str

    def __str__(self) -> str:
        same = "is" if self.written.lower() == self.known.lower() else "reads as"
        whose = self.namespace.removeprefix("hf://")
        whom = f"the {self.known_what} {self.known} of {whose}" if self.known_what != "name" else whose
        return f"its {self.what} {self.written} {same} {whom}"


class Index:
    """Many owners' names, to be asked often: whom does a name read as?"""

    def __init__(self, known: Iterable[Named]) -> None:
        self._names: dict[str, list[tuple[tuple[int, int], str, str, str]]] = {}
        for at, other in enumerate(known):
            for rank, (what, name) in enumerate(other.names):
                self._names.setdefault(skeleton(name), []).append(((at, rank), other.namespace, what, name))
        self._names.pop("", None)

    def find(self, one: Named) -> list[Alike]:
        """Return whom *one* reads as: for each namespace the first pair of names, namespaces in the order given."""
        found: dict[int, tuple[tuple[int, int], Alike]] = {}
        for what, written in one.names:
            if what == "account":  # whom it names as its own is no name that it uses
                continue
            for place, namespace, known_what, name in self._names.get(skeleton(written), ()):
                if namespace.lower() == one.namespace.lower():
                    continue
                alike = Alike(namespace, what, written, name, known_what)
                if place[0] not in found or place < found[place[0]][0]:
                    found[place[0]] = place, alike
        return [alike for _, (_, alike) in sorted(found.items())]


def find_alike(one: Named, known: Iterable[Named]) -> list[Alike]:
    """Return whom of *known* the name, title or families of *one* read as."""
    return Index(known).find(one)
