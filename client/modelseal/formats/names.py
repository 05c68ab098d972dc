"""Names: repos, namespaces, scopes, origins, revisions (FORMAT.md 2), and how a name from outside is printed.

hf://acme-lab/atlas-7b          a model repo           hf://acme-lab                  a namespace
hf://datasets/acme-lab/corpus   a dataset repo         hf://datasets/acme-lab/*       a scope
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NoReturn

from modelseal.errors import Malformed
from modelseal.formats import strict
from modelseal.values import dataclass

_PART = r"(?![^/]*--|[^/]*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
# These owners are parts of Hub URLs; in every case, because the Hub's look-up ignores it.
_OWNER = rf"(?!(?i:datasets|spaces|models|kernels|buckets|api)(?:/|$)){_PART}"
_TYPE = r"(?:datasets/|spaces/)?"

_COMMIT = r"[0-9a-f]{40}"
revision = strict.text(_COMMIT)
origin = strict.text(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._~-]+)*", longest=128)
title = strict.text(r"[A-Za-z0-9 .&'-]{1,64}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
domain = strict.text(rf"{_LABEL}(?:\.{_LABEL})+", longest=253)
owner_id = strict.text(r"[0-9a-f]{1,64}")
namespace = strict.text(rf"hf://{_OWNER}")
repo = strict.text(rf"hf://{_TYPE}{_OWNER}/{_PART}")


def is_commit(text: str) -> bool:
    """Whether *text* is written as a commit; else it is a branch or tag, or nothing."""
    return re.fullmatch(_COMMIT, text) is not None


def scope(value: Any, what: str) -> str:
    """A repo or `.../*`, in lower case: `*` stands only for the whole last segment, the repo type is explicit."""
    text = strict.any_text(value, what)
    repo(text.removesuffix("*") + "any" if text.endswith("/*") else text, what)
    if text != text.lower():
        raise Malformed(f"{what}: {text!r} is not in lower case")
    return text


def covers(scope: str, repo: str) -> bool:
    """Whether *scope* allows *repo* (any case)."""
    repo = repo.lower()
    return scope == repo or (scope.endswith("/*") and scope[:-1] == repo[: repo.rindex("/") + 1])


def namespace_of(repo: str) -> str:
    """Return the namespace of a repo or scope, spelled as there."""
    return "hf://" + repo.split("/")[-2]


def short(name: str) -> str:
    """Return a name as people type it: without `hf://`."""
    return name.removeprefix("hf://")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user named: a repo as typed, and a 40-hex commit or None for the newest release."""

    repo: str
    revision: str | None

    @property
    def key(self) -> str:
        return self.repo.lower()


def parse_repo(text: str) -> Asked:
    """Read `[hf://][datasets/|spaces/]owner/name[@REV]`; REV is 40 hex, or `main`, which means the newest release."""
    name, at, revision_text = text.partition("@")
    uri = repo(name if name.startswith("hf://") else "hf://" + name, "repo")
    if not at or revision_text == "main":
        return Asked(uri, None)
    return Asked(uri, revision(revision_text, "revision"))


def unique_in_lower_case(names: tuple[str, ...], what: str) -> tuple[str, ...]:
    if len({name.lower() for name in names}) != len(names):
        raise Malformed(f"{what}: two names differ only in case")
    return names


# Default_Ignorable_Code_Point of Unicode without those of category C: letters and marks that are drawn as nothing.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def printable(text: str, *, longest: int = 200) -> str:
    """Return *text* so that it can neither end a line, move a cursor nor reorder what stands around it.

    Controls (Cc), formats such as zero-width and right-to-left marks (Cf), separators (Zl Zp, Zs but the space),
    surrogates, private use and unassigned code points, what else is drawn as nothing (a Hangul filler, variation
    selectors), and combining marks at the start are written as escapes.
    """
    if text.isascii() and text.isprintable() and "\\" not in text and len(text) <= longest:
        return text  # what nearly every name is; the same answer as below, many times sooner
    out = []
    for i, c in enumerate(text[:longest]):
        category = unicodedata.category(c)
        bad = category[0] == "C" or category in ("Zl", "Zp") or (category == "Zs" and c != " ")
        bad = bad or _UNSEEN.match(c) is not None
        if c == "\\" or bad or (i == 0 and category[0] == "M"):
            out.append("\\\\" if c == "\\" else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}")
        else:
            out.append(c)
    return "".join(out) + ("..." if len(text) > longest else "")


# Windows takes superscript digits for digits (they are in Latin-1), and drops spaces before the dot.
MAX_SEGMENTS = 64  # as deep as a folder is walked; so names are checked in linear time

_WINDOWS = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[1-9\u00b9\u00b2\u00b3]) *(?:\.|$)", re.IGNORECASE | re.ASCII
)


def file_name(value: Any, what: str) -> str:
    """A relative `/`-separated file name that means the same file on every system (DESIGN 4)."""
    if not isinstance(value, str) or not value:
        raise Malformed(f"{what}: not a file name")

    def refuse(why: str) -> NoReturn:
        raise Malformed(f"{what}: {printable(value)}: {why}")

    if len(value.encode("utf-8", "surrogatepass")) > 4096:
        refuse("longer than 4096 bytes")
    usual = value.isascii() and value.isprintable() and "\\" not in value and ":" not in value
    for c in "" if usual else value:
        if c in "\\:" or unicodedata.category(c) in ("Cc", "Cs"):
            refuse(f"the character U+{ord(c):04X} is not allowed in a file name")
    segments = value.split("/")
    if len(segments) > MAX_SEGMENTS:
        refuse(f"more than {MAX_SEGMENTS} segments")
    for segment in segments:
        if not segment:
            refuse("absolute, or an empty segment")
        if segment in (".", ".."):
            refuse(f"the segment {segment} is not allowed")
        if segment[-1] in ". ":
            refuse("a segment ends in a dot or a space")
        if len(segment.encode()) > 255:
            refuse("a segment is longer than 255 bytes")
        if _WINDOWS.match(segment):
            refuse("a device name on Windows")
    return value


def folded(name: str) -> str:
    """Return the form in which two names are the same file on some system: NFC, case-folded, NFC."""
    if name.isascii():
        return name.lower()  # the same, sooner
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_file_names(names: list[str], what: str) -> None:
    """No two are equal when folded, and none is a folder prefix of another."""
    seen: dict[str, str] = {}
    for name in names:
        key = folded(name)
        if key in seen:
            raise Malformed(f"{what}: {printable(seen[key])} and {printable(name)} are the same file on some systems")
        seen[key] = name
    for key, name in seen.items():
        for i, c in enumerate(key):
            if c == "/" and key[:i] in seen:
                raise Malformed(f"{what}: {printable(seen[key[:i]])} is a file and the folder of {printable(name)}")
