"""For which namespaces a registry decides, as `trust add --for` says it.

    acme-lab      this namespace          acme-*      every namespace whose name begins so

In lower case, as namespaces are looked up. Of several that fit a name the most specific decides: the name itself, then
the longest beginning, then the registry that has no globs and decides about all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelseal.errors import Malformed, Usage
from modelseal.formats import names

MAX_GLOBS = 64


def parse(text: str) -> str:
    """Read a namespace or a beginning with `*`, with or without `hf://`, in any case."""
    glob = text.removeprefix("hf://").lower()
    if glob == "*":
        raise Usage("--for '*' is every name; leave --for out to say that")
    try:
        # What a name may begin with is what a longer name is made of.
        names.namespace(f"hf://{glob[:-1]}x" if glob.endswith("*") else f"hf://{glob}", "--for")
    except Malformed as e:
        raise Usage(
            f"--for {names.printable(text)}: neither a namespace nor the beginning of one with * at its end",
            hint="for example: --for acme-lab, --for 'acme-*'",
        ) from e
    return glob


def merged(*several: Sequence[str]) -> tuple[str, ...]:
    """Return what all of *several* cover together; no globs at all is everything."""
    if any(not globs for globs in several):
        return ()
    return tuple(sorted({glob for globs in several for glob in globs}))


def fit(globs: Iterable[str], namespace: str) -> int | None:
    """Return how well the best of *globs* fits the namespace (`hf://...`, any case); None: it does not."""
    name = names.short(namespace).lower()
    found = [len(glob) for glob in globs if glob.endswith("*") and name.startswith(glob[:-1])]
    if name in globs:
        found.append(len(name) + 2)  # more than `name*` has, the longest beginning
    return max(found, default=None)


def shown(globs: Sequence[str]) -> str:
    """Return *globs* in a sentence: `acme-lab, acme-x and corp-*`."""
    return " and ".join(filter(None, (", ".join(globs[:-1]), *globs[-1:])))
