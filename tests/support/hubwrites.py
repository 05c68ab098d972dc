"""What people upload to the Hub double: repos, commits with small files and with files in LFS, tags, branches, moves.

As huggingface_hub does it with HF_HUB_DISABLE_XET=1: preupload says which files go to LFS, the batch where their bytes
are put, and the commit names both kinds. Who writes needs a token of `hub.token()`, which must name the repo, or any
token at all while the Hub knows none.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.support.hubparts import TYPES, Answer, Blob, Error, Repo, Request, in_lfs, json_answer

if TYPE_CHECKING:
    from tests.support.hub import Hub


def answer(hub: Hub, request: Request, parts: list[str]) -> Answer:
    match request.method, parts:
        case "PUT", ["lfs", oid]:
            if hashlib.sha256(request.body).hexdigest() != oid:
                raise Error(400, "", "other bytes than named")
            hub.objects[oid] = request.body
            return Answer(200)
        case "POST", ["api", "validate-yaml"]:
            return json_answer({"errors": [], "warnings": []})
        case "POST", ["api", "repos", "create"]:
            return _create(hub, request)
        case "POST", ["api", "repos", "move"]:
            value = json.loads(request.body)
            kind = f"{value.get('type') or 'model'}s"
            _writes(hub, request, old := f"{kind}/{value['fromRepo']}")
            hub.rename(old, f"{kind}/{value['toRepo']}")
            return json_answer({})
        case "POST", ["api", type, owner, name, verb, *rest] if type in TYPES:
            repo = _writes(hub, request, f"{type}/{owner}/{name}")
            revision = unquote("/".join(rest))
            if verb == "preupload":
                return _preupload(hub, repo, revision, request)
            if verb == "commit":
                return _commit(hub, repo, revision, request)
            if verb == "tag":
                hub.tag(repo.name, json.loads(request.body)["tag"], revision)
                return json_answer({})
            if verb == "branch":
                hub.branch(repo.name, revision, json.loads(request.body or b"{}").get("startingPoint") or "main")
                return json_answer({})
        case "POST", [*owner, last, "info", "lfs", "objects", "batch"] if last.endswith(".git"):
            type = owner.pop(0) if owner[0] in TYPES[1:] else "models"
            _writes(hub, request, f"{type}/{'/'.join(owner)}/{last.removesuffix('.git')}")
            return _batch(hub, request)
    raise Error(404, "", "no such path")


def _writes(hub: Hub, request: Request, name: str) -> Repo:
    if request.token is None or name not in hub.repos:
        raise Error(401 if request.token is None else 404, "RepoNotFound", "Repository not found")
    if hub.readers and not hub.may(request.token, hub.repos[name]):
        raise Error(403, "", "Forbidden: you must use a write token to upload to a repository.")
    return hub.repos[name]


def _create(hub: Hub, request: Request) -> Answer:
    value = json.loads(request.body)
    id = "/".join(part for part in (value.get("organization") or "ana", value["name"]) if part)
    name = f"{value.get('type') or 'model'}s/{id}"
    if request.token is None:
        raise Error(401, "", "Invalid username or password.")
    if name in hub.repos:
        raise Error(409, "", "You already created this repo")
    hub.commit(name, {})
    hub.repos[name].private = bool(value.get("private"))
    return json_answer({"url": f"{hub.url}/{id}", "name": id, "id": id})


def _preupload(hub: Hub, repo: Repo, revision: str, request: Request) -> Answer:
    held = repo.commits[hub.commit_of(repo, revision)]
    files = [
        {
            "path": one["path"], "shouldIgnore": False,
            "uploadMode": "lfs" if in_lfs(one["path"], one["size"]) else "regular",
            "oid": Blob(one["path"], held[one["path"]]).oid if one["path"] in held else None,
        }
        for one in json.loads(request.body)["files"]
    ]  # fmt: skip
    return json_answer({"files": files})


def _batch(hub: Hub, request: Request) -> Answer:
    objects: list[dict[str, Any]] = json.loads(request.body)["objects"]
    for one in objects:
        if one["oid"] not in hub.objects:
            one["actions"] = {"upload": {"href": f"{hub.url}/lfs/{one['oid']}", "header": {}}}
    return json_answer({"transfer": "basic", "objects": objects})


def _commit(hub: Hub, repo: Repo, revision: str, request: Request) -> Answer:
    ref = hub.pull_request(repo.name) if request.query.get("create_pr") else revision
    held = repo.commits[hub.commit_of(repo, ref)]
    files: dict[str, bytes | None] = {}
    for line in request.body.splitlines():
        said = json.loads(line)
        value = said["value"]
        match said["key"]:
            case "file":
                files[value["path"]] = base64.b64decode(value["content"])
            case "lfsFile":
                files[value["path"]] = hub.objects[value["oid"]]
            case "deletedFile":
                files[value["path"]] = None
            case "deletedFolder":
                files |= {name: None for name in held if name.startswith(value["path"].rstrip("/") + "/")}
            case "header" if value.get("parentCommit") not in (None, repo.refs[ref]):
                raise Error(412, "", "A commit has happened since. Please refresh and try again.")
    commit = hub.commit(repo.name, files, ref)
    prefix = "" if repo.name.startswith("models/") else repo.name.partition("/")[0] + "/"
    return json_answer(
        {"success": True, "commitOid": commit, "commitUrl": f"{hub.url}/{prefix}{repo.id}/commit/{commit}",
         "hookOutput": "", "pullRequestUrl": None}
    )  # fmt: skip
