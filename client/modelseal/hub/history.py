"""Which commit a name means, whether it is on a branch, and who the Hub says owns a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelseal.errors import Malformed, NotFound, Refused, Unavailable
from modelseal.formats import names
from modelseal.hub import client
from modelseal.hub.client import Hub, Token
from modelseal.hub.listing import info, kind_of, what_is

MAX_PAGES = 200  # of a branch's commits


def resolve(repo: str, revision: str | None, *, endpoint: str | None = None, token: Token = None) -> tuple[str, str]:
    """Return the commit that *revision* means (branch, tag or commit; None is `main`), and how the Hub calls *repo*."""
    _, called, commit = info(client.at(endpoint, token), repo, revision, {"expand": "sha"})
    return commit, called


def on_branch(repo: str, commit: str, *, endpoint: str | None = None, token: Token = None) -> bool:
    """Return whether *commit* is on a branch or tag of *repo*: anybody may have made what is only in a pull request."""
    hub = client.at(endpoint, token)
    kind, rest = kind_of(repo)
    about = what_is(repo, commit)
    refs = client.get(hub, f"/api/{kind}/{rest}/refs", what=about).json(about)
    try:
        heads = {
            names.revision(one["targetCommit"], about): None for of in ("branches", "tags") for one in refs.get(of, [])
        }
    except (Malformed, AttributeError, KeyError, TypeError) as e:
        raise Refused(f"{about}: the Hub's list of branches is none") from e
    if commit in heads:
        return True
    return any(commit in page for head in heads for page in _commits(hub, repo, head))


def _commits(hub: Hub, repo: str, head: str) -> Iterator[set[Any]]:
    """Yield the ids of *head* and what came before it, page by page."""
    kind, rest = kind_of(repo)
    about = what_is(repo, head)
    path = f"/api/{kind}/{rest}/commits/{head}"
    for _ in range(MAX_PAGES):
        reply = client.get(hub, path, what=about)
        found = reply.json(about)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Refused(f"{about}: the Hub's list of commits is none")
        yield {one.get("id") for one in found if isinstance(one.get("id"), str)}
        if reply.next is None:
            return
        path = reply.next
    raise Unavailable(f"{about}: more than {MAX_PAGES} pages of commits")


def owner_id(namespace: str, *, endpoint: str | None = None, token: Token = None) -> str | None:
    """Return the Hub's own id of the owner of *namespace* (`hf://ns`), organization or person; None if it has none."""
    hub = client.at(endpoint, token)
    owner = names.short(namespace)
    for kind in ("organizations", "users"):
        try:
            found = client.get(hub, f"/api/{kind}/{owner}/overview", what=f"who owns {owner}").json("owner")
        except NotFound:
            continue
        id_ = found.get("_id") if isinstance(found, dict) else None
        try:
            return None if id_ is None else names.owner_id(id_, "the owner id that the Hub names")
        except Malformed as e:
            raise Refused(str(e)) from e
    return None
