"""Which registry decides about a name: exactly one, or nobody.

A registry that does not answer is never replaced by another, or whoever blocks it could choose who decides (dependency
confusion). So if two would decide, neither does: which of them is meant must not be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from modelseal.errors import Unavailable, Usage
from modelseal.formats import names
from modelseal.root import globs
from modelseal.root.entry import Entry
from modelseal.root.places import entries

_ADD = (
    "modelseal trust add https://HOST#sha256:HEX (whoever runs the registry hands it out); "
    "without one: modelseal show PATH, keygen, sign"
)


class NoTrust(Unavailable):
    """No registry is trusted, or none for this name: nobody can be asked."""


def find(home: Path, env: Mapping[str, str] | None = None, *, name: str | None = None) -> Entry:
    """Return the one registry that decides about *name*, a repo or namespace (None: about all that no other is for).

    Raises NoTrust, or Usage if two would decide about any name at all.
    """
    found = entries(home, env)
    if not found:
        raise NoTrust("no registry is trusted, so nobody can be asked", hint=_ADD)
    check_one_decides(found)
    if name is None:
        return _only(found)
    namespace = name if name.count("/") == 2 else names.namespace_of(name)
    fitting = {globs.fit(entry.globs, namespace): entry for entry in found if entry.globs}
    best = max((fit for fit in fitting if fit is not None), default=None)
    chosen = next((entry for entry in found if not entry.globs), None) if best is None else fitting[best]
    if chosen is None:
        short = names.short(namespace)
        raise NoTrust(
            f"no registry is trusted for {short}: {_whom(found)}",
            hint=f"modelseal trust add https://HOST#sha256:HEX --for {short}, or without --for for every name",
        )
    return chosen


def check_one_decides(found: Sequence[Entry]) -> None:
    """Raise Usage if two of *found* decide about every name, or are for the same glob."""
    first: dict[str, Entry] = {}
    for entry in found:
        for glob in entry.globs or ("",):
            other = first.setdefault(glob, entry)
            if other is not entry:
                raise Usage(
                    f"{other.place} and {entry.place} both decide about {glob or 'every name'}",
                    hint=f"keep one of them: {_drop(entry)}",
                )


def check_one_decides_with(entry: Entry, others: Iterable[Entry]) -> None:
    """Raise Usage if another registry decides about what *entry* is for."""
    for other in others:
        if other.trust.origin == entry.trust.origin:
            continue
        both = set(entry.globs or ("",)) & set(other.globs or ("",))
        if both:
            what = min(both) or "every name"
            raise Usage(
                f"{other.url} ({other.trust.origin}) decides about {what} already; {entry.url} would too",
                hint=f"to change over: {_drop(other)}"
                + ("" if entry.globs else "; or trust it for some names only: --for NAMESPACE"),
            )


def _drop(entry: Entry) -> str:
    """Return what ends the trust in *entry*."""
    return f"modelseal trust remove {entry.url}" if entry.place == entry.folder else f"remove {entry.place}"


def _only(found: Sequence[Entry]) -> Entry:
    chosen = found[0] if len(found) == 1 else next((entry for entry in found if not entry.globs), None)
    if chosen is None:
        raise Usage(f"which registry? {_whom(found)}", hint="say it with a namespace: --for NAMESPACE")
    return chosen


def _whom(found: Iterable[Entry]) -> str:
    return "; ".join(f"{entry.url} is trusted for {globs.shown(entry.globs)}" for entry in found)
