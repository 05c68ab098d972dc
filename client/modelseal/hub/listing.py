"""What a repo holds at a revision, by the Hub's word.

One request where the Hub tells sizes beside the commit, as the real one does; else its tree, page by page.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from modelseal.errors import Malformed, Refused, Unavailable
from modelseal.formats import names, strict
from modelseal.hub import client
from modelseal.hub.client import Hub, Token
from modelseal.listed import HubFile, HubListing

MAX_FILES = 200_000
MAX_PAGES = 1000  # of a tree; the Hub puts 1,000 files on each
LARGE = 50_000  # files: beyond, huggingface_hub itself does not rely on what stands beside the commit

_gitoid = strict.text(r"[0-9a-f]{40}")
_size = strict.integer()


def listing(repo: str, revision: str | None, *, endpoint: str | None = None, token: Token = None) -> HubListing:
    """Return what *repo* (`hf://...`) holds at *revision*, a commit, branch or tag; None is `main`.

    Refused: names that no file can have, another commit than the one asked for, sizes and digests of no form.
    """
    hub = client.at(endpoint, token)
    value, called, commit = info(hub, repo, revision, {"blobs": "true"})
    about = what_is(repo, revision)
    try:
        found = value.get("siblings")
        siblings = strict.sequence(_sibling, most=MAX_FILES)(found, f"{about}: the Hub's list of files")
        complete = len(siblings) < LARGE and all(one is not None for one in siblings)
        files = [one for one in siblings if one is not None] if complete else _tree(hub, called, commit)
        files.sort(key=lambda file: file.name)
        names.check_file_names([file.name for file in files], f"{about}: the Hub's list of files")
    except Malformed as e:
        raise Refused(str(e)) from e
    return HubListing(
        repo, called, commit, tuple(files), bool(value.get("gated")), bool(value.get("private")), hub.endpoint, token
    )


def info(hub: Hub, repo: str, revision: str | None, query: dict[str, str]) -> tuple[dict[str, Any], str, str]:
    """Return what the Hub says about *repo* at *revision*, how it calls it, and the commit."""
    about = what_is(repo, revision)
    named = revision or "main"
    if named.startswith("refs/") or named in (".", "..") or not _is_text(named):
        raise Refused(f"{about}: a branch, a tag or a commit is wanted; anybody can open a pull request")
    kind, rest = kind_of(repo)
    path = f"/api/{kind}/{rest}/revision/{quote(named, safe='')}"
    value = client.get(hub, path, query, what=about).json(about)
    if not isinstance(value, dict):
        raise Refused(f"{about}: the Hub's answer is no object")
    try:
        prefix = "hf://" if kind == "models" else f"hf://{kind}/"
        called = names.repo(prefix + str(value.get("id")), f"{about}: the name that the Hub gives")
        commit = names.revision(value.get("sha"), f"{about}: the commit that the Hub names")
    except Malformed as e:
        raise Refused(str(e)) from e
    if names.is_commit(named) and commit != named:
        raise Refused(f"{about}: the Hub answers with another commit, {commit}")
    return value, called, commit


def kind_of(repo: str) -> tuple[str, str]:
    """Return the word for the type of *repo* in the Hub's API, and `owner/name`."""
    rest = names.short(repo)
    kind, _, more = rest.partition("/")
    return (kind, more) if kind in ("datasets", "spaces") else ("models", rest)


def _is_text(revision: str) -> bool:
    """Whether it can be sent at all."""
    try:
        return revision.encode() != b""
    except UnicodeError:
        return False


def what_is(repo: str, revision: str | None) -> str:
    """Return the repo and revision as people type them."""
    return names.short(repo) + (f"@{names.printable(revision)}" if revision else "")


def _sibling(value: Any, what: str) -> HubFile | None:
    """Return a file as it stands beside a commit; None where the Hub does not tell its size."""
    if not isinstance(value, dict):
        raise Malformed(f"{what}: not an object")
    name = names.file_name(value.get("rfilename"), what)
    return _file(name, value.get("size"), value.get("blobId"), value.get("lfs"), what)


def _file(name: str, size: Any, blob_id: Any, lfs: Any, what: str) -> HubFile | None:
    what = f"{what}: {names.printable(name)}"
    blob = None if blob_id is None else _gitoid(blob_id, what)
    if lfs is not None:
        if not isinstance(lfs, dict):
            raise Malformed(f"{what}: not an object")
        return HubFile(
            name, _size(lfs.get("size"), what), blob, strict.hexadecimal(lfs.get("sha256") or lfs.get("oid"), what)
        )
    if size is None or blob is None:
        return None
    return HubFile(name, _size(size, what), blob, None)


def _tree(hub: Hub, repo: str, commit: str) -> list[HubFile]:
    kind, rest = kind_of(repo)
    about = what_is(repo, commit)
    files: list[HubFile] = []
    path = f"/api/{kind}/{rest}/tree/{commit}"
    query: dict[str, str] | None = {"recursive": "true", "expand": "false"}
    for _ in range(MAX_PAGES):
        reply = client.get(hub, path, query, what=about)
        found = reply.json(about)
        if not isinstance(found, list):
            raise Refused(f"{about}: the Hub's list of files is none")
        for entry in found:
            if isinstance(entry, dict) and entry.get("type") == "file":
                name = names.file_name(entry.get("path"), about)
                file = _file(name, entry.get("size"), entry.get("oid"), entry.get("lfs"), about)
                if file is None:
                    raise Unavailable(f"{about}: the Hub tells no size and id of {names.printable(name)}")
                files.append(file)
        if len(files) > MAX_FILES:
            raise Refused(f"{about}: more than {MAX_FILES} files")
        if reply.next is None:
            return files
        path, query = reply.next, None
    raise Refused(f"{about}: the Hub's list of files has more than {MAX_PAGES} pages")
