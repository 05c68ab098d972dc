"""What a request to a Hub asks for. Pure. Whatever is not one of these is refused.

GET  /api/models/acme-lab/atlas-7b                          info      (datasets and spaces alike)
GET  /api/models/acme-lab/atlas-7b/revision/REV             info
GET  /api/models/acme-lab/atlas-7b/refs                     refs
GET  /api/models/acme-lab/atlas-7b/tree/REV[/FOLDER]        tree
POST /api/models/acme-lab/atlas-7b/paths-info/REV           paths
GET  /[datasets/|spaces/]acme-lab/atlas-7b/resolve/REV/FILE file

REV is one segment, quoted if it has a slash.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from modelseal.errors import Malformed
from modelseal.formats import names
from modelseal.values import dataclass

_KINDS = ("models", "datasets", "spaces")
MAX_TARGET = 8192  # characters


@dataclass(frozen=True, slots=True)
class Route:
    what: str  # info, refs, tree, paths or file
    repo: str  # hf://...
    revision: str | None  # None: not said
    path: str = ""  # of the file or folder
    query: str = ""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """A request that is refused whatever lies behind it."""

    words: str
    repo: str = ""  # where it is about one that cannot be sealed


def parse(method: str, target: str) -> Route | NoRoute:
    """Return what *method* and *target* ask for."""
    if len(target) > MAX_TARGET or not target.startswith("/") or not target.isascii():
        return NoRoute("this is no path of a Hub")
    url = urlsplit("//guard" + target)
    raw = url.path.strip("/").split("/")
    segments = [unquote(one, errors="surrogateescape") for one in raw]
    if any(segment in ("", ".", "..") for segment in segments):
        return NoRoute("this is no path of a Hub")
    if method not in ("GET", "HEAD", "POST"):
        return NoRoute("nothing is written through this guard")
    if segments[0] == "api" and len(segments) >= 4 and segments[1] in _KINDS:
        found = _api(segments[1], segments[2:], url.query)
    else:
        found = _file(segments)
    if isinstance(found, Route) and (found.what == "paths") != (method == "POST"):
        return NoRoute("nothing is written through this guard" if method == "POST" else _UNKNOWN)
    return found


_UNKNOWN = "this guard passes the files of sealed repos, and nothing else of a Hub"


def _api(kind: str, segments: list[str], query: str) -> Route | NoRoute:
    what = "info"
    revision: str | None = None
    rest: list[str] = []
    match segments[2:]:
        case []:
            pass
        case ["revision", *parts] if parts:
            revision = "/".join(parts)
        case ["refs"]:
            what = "refs"
        case ["tree", revision, *rest]:
            what = "tree"
        case ["paths-info", revision]:
            what = "paths"
        case _:
            return NoRoute(_UNKNOWN)
    return _route(what, kind, segments[:2], revision, rest, query)


def _file(segments: list[str]) -> Route | NoRoute:
    kind = segments[0] if segments[0] in _KINDS[1:] else "models"
    parts = segments[1:] if kind != "models" else segments
    match parts:
        case [owner, name, "resolve", revision, *rest] if rest:
            return _route("file", kind, [owner, name], revision, rest, "")
        case [name, "resolve", _, *rest] if rest and kind != "spaces":
            shown = names.printable(name)
            return NoRoute(f"{shown} has no owner in its name, so nobody can seal it", shown)
    return NoRoute(_UNKNOWN)


def _route(what: str, kind: str, repo: list[str], revision: str | None, rest: list[str], query: str) -> Route | NoRoute:
    prefix = "hf://" if kind == "models" else f"hf://{kind}/"
    try:
        name = names.repo(prefix + "/".join(repo), "repo")
    except Malformed:
        shown = names.printable("/".join(repo))
        return NoRoute(f"{shown} is no repo that can be sealed", shown)
    if revision == "refs":  # not quoted
        revision, rest = "/".join(["refs", *rest]), []
    return Route(what, name, revision, "/".join(rest), query)
