"""A Hub on 127.0.0.1, as huggingface_hub sees one: a server with repos, owners, pull requests and renames.

with Hub() as hub:
    hub.owner("acme-lab")
    hub.commit("spaces/acme-lab/README", {"modelseal.json": b"..."})       # on main; returns the commit
    hub.commit("spaces/acme-lab/README", {...}, ref=hub.pull_request("spaces/acme-lab/README"))
    hub.rename("spaces/acme-lab/README", "spaces/evil/README")             # the old name answers 307
    hub.url

Repos are `TYPE/OWNER/NAME` with TYPE models, datasets or spaces. Ids of blobs and commits are git's own kind.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

TYPES = ("models", "datasets", "spaces")
Files = dict[str, bytes]


@dataclass
class Repo:
    name: str  # TYPE/OWNER/NAME
    refs: dict[str, str] = field(default_factory=dict)  # branch, tag or refs/pr/N -> commit
    commits: dict[str, Files] = field(default_factory=dict)
    private: bool = False

    @property
    def id(self) -> str:
        return self.name.partition("/")[2]


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class _Error(Exception):
    def __init__(self, status: int, code: str, words: str, **headers: str) -> None:
        super().__init__(words)
        self.answer = Answer(
            status, json.dumps({"error": words}).encode(), {"X-Error-Code": code, "X-Error-Message": words, **headers}
        )


class Hub:
    """Its state may be changed while it runs; what was asked for stands in `asked`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}
        self.owners: dict[str, tuple[str, str]] = {}  # name -> (kind, id)
        self.asked: list[tuple[str, str]] = []
        self.hook: Callable[[str, str], Answer | None] = lambda method, path: None  # answers first, if it will
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # what people do there

    def owner(self, name: str, kind: str = "organizations", id: str | None = None) -> str:
        """Register *name*; another *id* is somebody else under the same name."""
        self.owners[name] = kind, id or hashlib.sha256(name.encode()).hexdigest()[:24]
        return self.owners[name][1]

    def commit(self, repo: str, files: Mapping[str, bytes | None], ref: str = "main") -> str:
        """Add *files* to what *ref* holds, None removes one; a repo that is not there yet is made."""
        there = self.repos.setdefault(repo, Repo(repo))
        parent = there.refs.get(ref) or there.refs.get("main")
        found = dict(there.commits[parent]) if parent else {".gitattributes": b"* text=auto\n"}
        for name, data in files.items():
            if data is None:
                found.pop(name, None)
            else:
                found[name] = data
        tree = "".join(f"100644 {name}\0{git_id(b'blob', data)}\n" for name, data in sorted(found.items()))
        commit = git_id(b"commit", f"tree {tree}parent {parent} number {len(there.commits)}".encode())
        there.commits[commit] = found
        there.refs[ref] = commit
        return commit

    def pull_request(self, repo: str) -> str:
        """Return the ref of a new pull request: anybody can make one."""
        number = 1 + sum(ref.startswith("refs/pr/") for ref in self.repos[repo].refs)
        self.repos[repo].refs[f"refs/pr/{number}"] = self.repos[repo].refs["main"]
        return f"refs/pr/{number}"

    def rename(self, old: str, new: str) -> None:
        self.repos[new] = self.repos.pop(old)
        self.repos[new].name = new
        self.moved[old] = new

    # what it answers

    def answer(self, method: str, target: str) -> Answer:
        url = urlsplit(target)
        self.asked.append((method, unquote(url.path)))
        if special := self.hook(method, unquote(url.path)):
            return special
        parts = url.path.strip("/").split("/")
        try:
            if parts[0] == "api" and parts[1] in ("organizations", "users") and parts[3:] == ["overview"]:
                return self._overview(parts[1], parts[2])
            if parts[0] == "api" and parts[1] in TYPES:
                return self._api(parts[1], parts[2:], url.path, parse_qs(url.query))
            return self._file(parts, url.path)
        except _Error as e:
            return e.answer

    def _overview(self, kind: str, name: str) -> Answer:
        there = next((known for known in self.owners if known.lower() == name.lower()), None)
        if there is None or self.owners[there][0] != kind:
            raise _Error(404, "", "not found")
        id = self.owners[there][1]
        called = {"name": there} if kind == "organizations" else {"user": there}
        return _json({"_id": id, "fullname": there, "avatarUrl": "", "isVerified": False, **called})

    def _api(self, type: str, parts: list[str], path: str, query: dict[str, list[str]]) -> Answer:
        repo = self._repo(f"{type}/{'/'.join(parts[:2])}", path)
        match parts[2:]:
            case []:
                return self._info(repo, "main", query)
            case ["revision", *rest]:
                return self._info(repo, unquote("/".join(rest)), query)
            case ["refs"]:
                refs = [{"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": at} for ref, at in repo.refs.items()]
                return _json({"branches": [one for one in refs if "/" not in one["name"]], "tags": [], "converts": []})
            case ["tree", revision, *rest]:
                return self._tree(repo, unquote(revision), "/".join(rest))
        raise _Error(404, "", "no such path")

    def _info(self, repo: Repo, revision: str, query: dict[str, list[str]]) -> Answer:
        commit = self._commit(repo, revision)
        value: dict[str, Any] = {"_id": git_id(b"id", repo.name.encode())[:24], "id": repo.id, "sha": commit}
        if "expand" not in query:
            value |= {
                "author": repo.id.partition("/")[0], "private": repo.private, "gated": False, "disabled": False,
                "tags": [], "likes": 0, "siblings": [{"rfilename": name} for name in sorted(repo.commits[commit])],
            }  # fmt: skip
        return _json(value)

    def _tree(self, repo: Repo, revision: str, below: str) -> Answer:
        files = repo.commits[self._commit(repo, revision)]
        return _json(
            [
                {"type": "file", "path": name, "size": len(data), "oid": git_id(b"blob", data)}
                for name, data in sorted(files.items())
                if name.startswith(below)
            ]
        )

    def _file(self, parts: list[str], path: str) -> Answer:
        type = parts.pop(0) if parts[0] in TYPES[1:] else "models"
        repo = self._repo(f"{type}/{'/'.join(parts[:2])}", path)
        if len(parts) < 5 or parts[2] != "resolve":
            raise _Error(404, "", "no such path")
        commit = self._commit(repo, unquote(parts[3]))
        data = repo.commits[commit].get(unquote("/".join(parts[4:])))
        if data is None:
            raise _Error(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": commit})
        etag = f'"{git_id(b"blob", data)}"'
        return Answer(200, data, {"X-Repo-Commit": commit, "ETag": etag, "Accept-Ranges": "bytes"})

    def _repo(self, name: str, path: str) -> Repo:
        if to := next((new for old, new in self.moved.items() if old.lower() == name.lower()), None):
            raise _Moved(path.replace(name.partition("/")[2], to.partition("/")[2], 1))
        found = next((repo for key, repo in self.repos.items() if key.lower() == name.lower()), None)
        if found is None or found.private:
            raise _Error(401, "RepoNotFound", "Repository not found")
        if found.name != name:  # another spelling gets the canonical one
            raise _Moved(path.replace(name.partition("/")[2], found.id, 1))
        return found

    def _commit(self, repo: Repo, revision: str) -> str:
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            raise _Error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up before an answer ends are what some tests are about."""


class _Moved(_Error):
    def __init__(self, to: str) -> None:
        super().__init__(307, "", "moved", Location=to)


def git_id(kind: bytes, data: bytes) -> str:
    return hashlib.sha1(kind + b" %d\0" % len(data) + data).hexdigest()


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            answer = hub.answer(self.command, self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = _do

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
