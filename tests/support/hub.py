"""A Hub on 127.0.0.1, as huggingface_hub and other clients see one: repos, owners, pull requests, renames, tokens.

with Hub() as hub:
    hub.owner("acme-lab")
    hub.commit("spaces/acme-lab/README", {"modelseal.json": b"..."})       # on main; returns the commit
    hub.commit("spaces/acme-lab/README", {...}, ref=hub.pull_request("spaces/acme-lab/README"))
    hub.commit("models/acme-lab/x", {...}, id=make.revision(1))            # a commit whose id a seal has already
    hub.tag("models/acme-lab/x", "v1"); hub.branch("models/acme-lab/x", "dev")
    hub.rename("spaces/acme-lab/README", "spaces/evil/README")             # the old name answers 307
    hub.repos["models/acme-lab/x"].private = True; .gated = "manual"       # then it wants a token of `hub.token()`
    hub.cdn = True; hub.xet = True                                         # large files: 302 elsewhere; Xet headers
    hub.url

Liars: `hub.lie(repo, name, data)` sends other bytes than are listed, `hub.rewrite(repo, commit, files)` holds another
tree under the same commit, `hub.owner(name, id=...)` is somebody else, `hub.hook` answers anything at all.

Repos are `TYPE/OWNER/NAME` with TYPE models, datasets or spaces. Ids of blobs and commits are git's own kind. Files
with a suffix of weights, and large ones, are in LFS: what git has of them is a pointer.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import unquote

from tests.support import hubwrites
from tests.support.hubparts import (
    TYPES,
    Answer,
    Blob,
    Error,
    Moved,
    Query,
    Repo,
    Request,
    Server,
    git_id,
    json_answer,
    path_in,
    paths_asked,
    ranged,
    with_query,
)

__all__ = ["Answer", "Hub", "Repo", "Request"]


class Hub:
    """Its state may be changed while it runs; what was asked for stands in `asked`, who sent a token in `tokens`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}
        self.owners: dict[str, tuple[str, str]] = {}  # name -> (kind, id)
        self.asked: list[tuple[str, str]] = []
        self.tokens: list[tuple[str, str]] = []  # (path, token) of each request that brought one
        self.hook: Callable[[str, str], Answer | None] = lambda method, path: None  # answers first, if it will
        self.cdn = self.xet = False
        self.cdn_asked: list[tuple[str, str | None]] = []  # (path, token): a token must never come there
        self.objects: dict[str, bytes] = {}  # sha256 -> what was uploaded to LFS, and what the CDN has
        self.page = 1000  # files on a page of a tree, commits on a page of a history
        self.readers: dict[str, tuple[str, ...]] = {}
        self._lies: dict[tuple[str, str], bytes] = {}
        self._server = Server(self.answer)
        self._cdn = Server(self._elsewhere)
        self._threads = [
            threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True) for one in (self._server, self._cdn)
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        if "huggingface_hub" in sys.modules:  # of this process: its connections to a Hub that is gone
            sys.modules["huggingface_hub"].close_session()

    def close(self) -> None:
        """Answer nobody any more: connections are refused."""
        for server, thread in zip((self._server, self._cdn), self._threads, strict=True):
            server.gone = True
            if thread.is_alive():
                server.shutdown()
                server.server_close()
                thread.join()

    # what people do there

    def owner(self, name: str, kind: str = "organizations", id: str | None = None) -> str:
        """Register *name*; another *id* is somebody else under the same name."""
        self.owners[name] = kind, id or hashlib.sha256(name.encode()).hexdigest()[:24]
        return self.owners[name][1]

    def commit(self, repo: str, files: Mapping[str, bytes | None], ref: str = "main", *, id: str | None = None) -> str:
        """Add *files* to what *ref* holds, None removes one; a repo that is not there yet is made."""
        there = self.repos.setdefault(repo, Repo(repo))
        parent = there.refs.get(ref) or there.refs.get("main")
        found = dict(there.commits[parent]) if parent else {".gitattributes": b"* text=auto\n"}
        for name, data in files.items():
            if data is None:
                found.pop(name, None)
            else:
                found[name] = data
        tree = "".join(f"100644 {name}\0{Blob(name, data).oid}\n" for name, data in sorted(found.items()))
        text = f"tree {tree}parent {parent} number {len(there.commits)}"
        commit = id or git_id(b"commit", text.encode())
        there.commits[commit], there.parents[commit] = found, parent
        there.refs[ref] = commit
        return commit

    def pull_request(self, repo: str) -> str:
        """Return the ref of a new pull request: anybody can make one."""
        number = 1 + sum(ref.startswith("refs/pr/") for ref in self.repos[repo].refs)
        self.repos[repo].refs[f"refs/pr/{number}"] = self.repos[repo].refs["main"]
        return f"refs/pr/{number}"

    def branch(self, repo: str, name: str, at: str = "main") -> None:
        there = self.repos[repo]
        there.refs[name] = there.refs.get(at, at)

    def tag(self, repo: str, name: str, at: str = "main") -> None:
        self.branch(repo, name, at)
        self.repos[repo].tags.add(name)

    def rename(self, old: str, new: str) -> None:
        self.repos[new] = self.repos.pop(old)
        self.repos[new].name = new
        self.moved[old] = new

    def token(self, *repos: str, token: str = "hf_" + "x" * 34) -> str:
        """Return a token that may read and write *repos*, even private and gated ones."""
        self.readers[token] = repos
        return token

    # what liars do

    def lie(self, repo: str, name: str, data: bytes) -> None:
        """Send *data* for the file *name* of every commit; what is listed stays."""
        self._lies[repo, name] = data

    def rewrite(self, repo: str, commit: str, files: Mapping[str, bytes | None]) -> None:
        """Hold another tree under the same commit."""
        held = {**self.repos[repo].commits[commit], **files}
        self.repos[repo].commits[commit] = {name: data for name, data in held.items() if data is not None}

    # what it answers

    def answer(self, request: Request) -> Answer:
        path = unquote(request.path)
        self.asked.append((request.method, path))
        if request.token is not None:
            self.tokens.append((path, request.token))
        if special := self.hook(request.method, path):
            return special
        try:
            return self._routed(request)
        except Error as e:
            return e.answer

    def _routed(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        if request.method not in ("GET", "HEAD") and parts[-2:-1] != ["paths-info"]:
            return hubwrites.answer(self, request, parts)
        match parts:
            case ["api", "organizations" | "users" as kind, name, "overview"]:
                return self._overview(kind, name)
            case ["api", "whoami-v2"]:
                if request.token not in self.readers:
                    raise Error(401, "", "Invalid username or password.")
                return json_answer({"type": "user", "name": "ana", "orgs": [], "auth": {"type": "access_token"}})
            case ["api", type, owner, name, *rest] if type in TYPES:
                return self._api(self._repo(f"{type}/{owner}/{name}", request), rest, request)
        return self._file(parts, request)

    def _overview(self, kind: str, name: str) -> Answer:
        there = next((known for known in self.owners if known.lower() == name.lower()), None)
        if there is None or self.owners[there][0] != kind:
            raise Error(404, "", "not found")
        id = self.owners[there][1]
        called = {"name": there} if kind == "organizations" else {"user": there}
        return json_answer({"_id": id, "fullname": there, "avatarUrl": "", "isVerified": False, **called})

    def _api(self, repo: Repo, parts: list[str], request: Request) -> Answer:
        match parts:
            case []:
                return self._info(repo, "main", request.query)
            case ["revision", *rest]:
                return self._info(repo, unquote("/".join(rest)), request.query)
            case ["refs"]:
                return self._refs(repo, request.query)
            case ["commits", revision]:
                return self._commits(repo, unquote(revision), request)
            case ["tree", revision, *rest]:
                return self._tree(repo, unquote(revision), unquote("/".join(rest)).strip("/"), request)
            case ["paths-info", revision]:
                held = self.repos[repo.name].commits[self.commit_of(repo, unquote(revision))]
                return json_answer(
                    [self._entry(name, held[name], request) for name in paths_asked(request) if name in held]
                )
        raise Error(404, "", "no such path")

    def _info(self, repo: Repo, revision: str, query: Query) -> Answer:
        commit = self.commit_of(repo, revision)
        value: dict[str, Any] = {"_id": git_id(b"id", repo.name.encode())[:24], "id": repo.id, "sha": commit}
        if "expand" not in query:
            blobs = query.get("blobs", ["false"])[0].lower() in ("true", "1")
            files = sorted(repo.commits[commit].items())
            value |= {
                "author": repo.id.partition("/")[0], "private": repo.private, "gated": repo.gated, "disabled": False,
                "tags": [], "likes": 0, "siblings": [Blob(name, data).sibling(blobs) for name, data in files],
            }  # fmt: skip
        return json_answer(value)

    def _refs(self, repo: Repo, query: Query) -> Answer:
        found: dict[str, list[dict[str, str]]] = {"branches": [], "tags": [], "converts": []}
        if "include_prs" in query:
            found["pullRequests"] = []
        for name, commit in repo.refs.items():
            kind = "pullRequests" if name.startswith("refs/") else "tags" if name in repo.tags else "branches"
            ref = {"tags": f"refs/tags/{name}", "branches": f"refs/heads/{name}"}.get(kind, name)
            if kind in found:
                found[kind].append({"name": name, "ref": ref, "targetCommit": commit})
        return json_answer(found)

    def _commits(self, repo: Repo, revision: str, request: Request) -> Answer:
        at: str | None = self.commit_of(repo, revision)
        ids = []
        while at is not None:
            ids.append(at)
            at = repo.parents[at]
        said = [
            {"id": one, "title": "a commit", "message": "", "authors": [], "date": "2026-11-01T00:00:00.000Z"}
            for one in ids
        ]
        return self._paged(said, request)

    def _tree(self, repo: Repo, revision: str, below: str, request: Request) -> Answer:
        commit = self.commit_of(repo, revision)
        held = repo.commits[commit]
        inside = sorted(name for name in held if not below or name.startswith(f"{below}/"))
        if below and not inside:
            raise Error(404, "EntryNotFound", f"{below} does not exist on {revision}", **{"X-Repo-Commit": commit})
        start = len(below) + 1 if below else 0
        folders = {name[: i + start] for name in inside for i, c in enumerate(name[start:]) if c == "/"}
        found: list[dict[str, Any]] = [self._entry(name, held[name], request) for name in inside]
        for folder in folders:
            found.append({"type": "directory", "path": folder, "size": 0, "oid": git_id(b"tree", folder.encode())})
        if request.query.get("recursive", ["false"])[0].lower() not in ("true", "1"):
            found = [one for one in found if "/" not in one["path"][start:]]
        return self._paged(sorted(found, key=lambda one: one["path"]), request)

    def _paged(self, found: list[dict[str, Any]], request: Request) -> Answer:
        first = int(request.query.get("cursor", ["0"])[0])
        answer = json_answer(found[first : first + self.page])
        if first + self.page < len(found):
            rest = with_query(request.path, {**request.query, "cursor": [str(first + self.page)]})
            answer.headers["Link"] = f'<{self.url}{rest}>; rel="next"'
        return answer

    def _entry(self, name: str, data: bytes, request: Request) -> dict[str, Any]:
        expand = request.query.get("expand", ["false"])[0].lower() in ("true", "1")
        return Blob(name, data).entry(xet=self.xet, expand=expand)

    def _file(self, parts: list[str], request: Request) -> Answer:
        type = parts.pop(0) if parts[0] in TYPES[1:] else "models"
        if len(parts) < 5 or parts[2] != "resolve":
            raise Error(404, "", "no such path")
        repo = self._repo(f"{type}/{'/'.join(parts[:2])}", request)
        if repo.gated and not self.may(request.token, repo):
            words = f"Access to {repo.id} is restricted. You must have access to it and be authenticated to access it."
            raise Error(403 if request.token else 401, "GatedRepo", words)
        commit = self.commit_of(repo, unquote(parts[3]))
        name = unquote("/".join(parts[4:]))
        listed = repo.commits[commit].get(name)
        if listed is None:
            raise Error(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": commit})
        blob, data = Blob(name, listed), self._lies.get((repo.name, name), listed)
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if not blob.lfs:
            return ranged(data, {**headers, "ETag": f'"{blob.oid}"'}, request)
        headers |= {"X-Linked-ETag": f'"{blob.sha256}"', "X-Linked-Size": str(len(listed))}
        if self.xet:
            to = f"{self.url}/api/{type}/{repo.id}/xet-read-token/{commit}"
            headers |= {"X-Xet-Hash": blob.xet, "Link": f'<{to}>; rel="xet-auth"'}
        if self.cdn:
            return self.elsewhere(blob.sha256, data, headers)
        return ranged(data, {**headers, "ETag": f'"{blob.sha256}"'}, request)

    def elsewhere(self, sha256: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        """Have the CDN hand out *data* as what has that digest, and send people there."""
        self.objects[sha256] = data
        host = f"http://localhost:{self._cdn.server_port}"  # another host: ports alone do not count for 1.x
        return Answer(302, b"", {**headers, "Location": f"{host}/cdn/{sha256}?X-Signature=secret"})

    def _elsewhere(self, request: Request) -> Answer:
        """The CDN: another origin, which knows digests and no repos."""
        self.cdn_asked.append((request.path, request.token))
        data = self.objects.get(request.path.removeprefix("/cdn/"))
        if data is None or request.query.get("X-Signature") != ["secret"]:
            return Answer(403, b"<Error>AccessDenied</Error>")
        return ranged(data, {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Accept-Ranges": "bytes"}, request)

    def _repo(self, name: str, request: Request) -> Repo:
        if to := next((new for old, new in self.moved.items() if old.lower() == name.lower()), None):
            raise Moved(path_in(request, name.partition("/")[2], to.partition("/")[2]))
        found = next((repo for key, repo in self.repos.items() if key.lower() == name.lower()), None)
        if found is None or (found.private and not self.may(request.token, found)):
            raise Error(404 if request.token in self.readers else 401, "RepoNotFound", "Repository not found")
        if found.name != name:  # another spelling gets the canonical one
            raise Moved(path_in(request, name.partition("/")[2], found.id))
        return found

    def may(self, token: str | None, repo: Repo) -> bool:
        return token is not None and repo.name in self.readers.get(token, ())

    def commit_of(self, repo: Repo, revision: str) -> str:
        commit = repo.refs.get("main" if revision == "HEAD" else revision, revision)
        if commit not in repo.commits:
            raise Error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit
