"""What a guard says about a repo in the place of the Hub. Pure.

Which files there are, their sizes and digests come from what may pass; from the Hub only what no loader relies on. So
a file that the Hub leaves out is still listed, and asking for it says that it is withheld; one that it adds is hidden.
`xetHash` is never passed on: it would lead around the guard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from modelseal.formats import manifest, names
from modelseal.formats.manifest import File
from modelseal.passing import Passing
from modelseal.values import dataclass

PAGE = 1000  # entries of a tree, as on the Hub
MAX_FILES = 200_000  # that a Hub may list
MAX_TAGS, MAX_TEXT = 500, 300  # characters
MAX_NAMED = 10  # hidden files in a warning

# What describes a repo to people, and what clients insist on. The rest (configs, cards, templates) is for loaders, who
# find it in sealed files.
_PASSED_ON = (
    "_id", "author", "createdAt", "disabled", "downloads", "gated", "lastModified", "library_name", "likes",
    "pipeline_tag", "private", "sdk", "tags", "usedStorage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Theirs:
    """A repo at one commit, as the Hub tells it."""

    value: Mapping[str, Any]  # what is passed on of it
    blobs: Mapping[str, tuple[str | None, bool]]  # name -> git's id, and whether it lies in LFS
    called: str  # hf://...: another name than the asked one after a rename

    @classmethod
    def read(cls, value: Any, called: str) -> Theirs | None:
        """Return None if *value* is no such answer."""
        siblings = value.get("siblings") if isinstance(value, dict) else None
        if not isinstance(siblings, list) or not all(
            isinstance(one, dict) and isinstance(one.get("rfilename"), str) for one in siblings
        ):
            return None
        if len(siblings) > MAX_FILES:
            return None
        blobs = {one["rfilename"]: (_git_id(one.get("blobId")), one.get("lfs") is not None) for one in siblings}
        return cls({key: value[key] for key in _PASSED_ON if _is_small(value.get(key))}, blobs, called)

    def hidden(self, passing: Passing) -> tuple[str, ...]:
        """Return what the Hub lists and nobody sealed; not the names that no seal ever covers."""
        return tuple(sorted(name for name in self.blobs if name not in passing.files and not is_ignored(name)))


def _is_small(value: Any) -> bool:
    """Whether *value* is a number, a short text or a list of such: what is remembered of a Hub's answer is bounded."""
    if isinstance(value, list):
        return len(value) <= MAX_TAGS and all(isinstance(one, str) and len(one) <= MAX_TEXT for one in value)
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= MAX_TEXT)


def is_ignored(name: str) -> bool:
    return names.folded(name.split("/")[0]) in manifest.IGNORED


def _git_id(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) == 40 and set(value) <= set("0123456789abcdef") else None


def info(passing: Passing, theirs: Theirs, *, blobs: bool) -> dict[str, Any]:
    """Return what `/api/models/REPO` answers."""
    name = "/".join(passing.repo.split("/")[-2:])
    siblings: list[dict[str, Any]] = []
    for file in passing.files.values():
        one: dict[str, Any] = {"rfilename": file.name}
        if blobs:
            git_id, lfs = _identity(file, theirs)
            one |= {"size": file.size, "blobId": git_id}
            if lfs:
                one["lfs"] = {"sha256": file.sha256.hex(), "size": file.size, "pointerSize": len(_pointer(file))}
        siblings.append(one)
    return {**theirs.value, "id": name, "modelId": name, "sha": passing.commit, "siblings": siblings}


def refs(passing: Passing) -> dict[str, Any]:
    main = {"name": "main", "ref": "refs/heads/main", "targetCommit": passing.commit}
    return {"branches": [main], "tags": [], "converts": []}


def tree(passing: Passing, theirs: Theirs, folder: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    """Return what lies in *folder* ('' for all), as `/tree` lists it; nothing if there is no such folder."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for name in sorted(name for name in passing.files if name.startswith(prefix)):
        parts = name[len(prefix) :].split("/")
        for depth in range(1, len(parts)):
            inner = prefix + "/".join(parts[:depth])
            if recursive or depth == 1:
                entries.setdefault(inner, _folder(inner))
        if recursive or len(parts) == 1:
            entries[name] = entry(passing.files[name], passing, theirs, expand=expand)
    return list(entries.values())


def paths(passing: Passing, theirs: Theirs, asked: Iterable[str], *, expand: bool) -> list[dict[str, Any]]:
    """Return what `paths-info` says about the paths that were asked for; what is not there is left out."""
    found = []
    for path in dict.fromkeys(one.strip("/") for one in asked):
        if path in passing.files:
            found.append(entry(passing.files[path], passing, theirs, expand=expand))
        elif any(name.startswith(path + "/") for name in passing.files):
            found.append(_folder(path))
    return found


def entry(file: File, passing: Passing, theirs: Theirs, *, expand: bool) -> dict[str, Any]:
    git_id, lfs = _identity(file, theirs)
    value: dict[str, Any] = {"type": "file", "path": file.name, "size": file.size, "oid": git_id}
    if lfs:
        value["lfs"] = {"oid": file.sha256.hex(), "size": file.size, "pointerSize": len(_pointer(file))}
    if expand:
        date = theirs.value.get("lastModified")
        date = date if isinstance(date, str) else "1970-01-01T00:00:00.000Z"
        value["lastCommit"] = {"id": passing.commit, "title": "sealed", "date": date}
        value["securityFileStatus"] = None
    return value


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "size": 0, "oid": "0" * 40}


def _identity(file: File, theirs: Theirs) -> tuple[str, bool]:
    """Return git's id of the blob, and whether it lies in LFS (then the blob is a pointer)."""
    told, lfs = theirs.blobs.get(file.name, (None, True))
    if file.gitoid is not None and not lfs:
        return file.gitoid, False
    if told is not None and not lfs:
        return told, False
    pointer = _pointer(file)
    git = manifest.git_blob(len(pointer))
    git.update(pointer)
    return git.hexdigest(), True


def _pointer(file: File) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256.hex()}\nsize {file.size}\n".encode()


def page(entries: list[dict[str, Any]], cursor: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """Return the entries from *cursor* on, and where the next page begins, if there is one."""
    size = min(max(limit, 1), PAGE)
    end = cursor + size
    return entries[cursor:end], end if end < len(entries) else None


def next_link(base: str, query: Mapping[str, str], cursor: int) -> str:
    return f'<{base}?{urlencode({**query, "cursor": str(cursor)})}>; rel="next"'


def warnings(passing: Passing, theirs: Theirs) -> list[str]:
    """Return the values of `X-HF-Warning`, which Hub clients show once per topic: `topic; text`."""
    name, found = names.short(passing.repo), []
    if hidden := theirs.hidden(passing):
        named = ", ".join(map(names.printable, hidden[:MAX_NAMED]))
        more = f" and {len(hidden) - MAX_NAMED} more" if len(hidden) > MAX_NAMED else ""
        one = "1 file is" if len(hidden) == 1 else f"{len(hidden)} files are"
        found.append(f"modelseal hidden {name}; {name}: {one} hidden, not in its seal: {named}{more}")
    if theirs.called.lower() != passing.repo.lower():
        found.append(
            f"modelseal renamed {name}; {name} is called {names.short(theirs.called)} on the Hub now; "
            "what is trusted is the name that you asked for"
        )
    return [header(one) for one in found]


def header(text: str) -> str:
    """Return *text* as it can stand in a header: ASCII, one line, not long."""
    return text.encode("ascii", "backslashreplace").decode()[:1000].replace("\r", " ").replace("\n", " ")
