"""Which commit a name means, whether it is on a branch, and who the Hub says owns a namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelseal.errors import Malformed, NotFound, Refused, Unavailable
from modelseal.formats import names
from modelseal.hub import client
from modelseal.hub.client import Hub, Token
from modelseal.hub.listing import info, kind_of, what_is

MAX_PAGES = 400  # of the commits of all branches


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
    return any(commit in page for page in _commits(hub, repo, heads))


def _commits(hub: Hub, repo: str, heads: Iterable[str]) -> Iterator[set[str]]:
    """Yield the ids of *heads* and of what came before each of them, page by page."""
    kind, rest = kind_of(repo)
    pages = 0
    for head in heads:
        about = what_is(repo, head)
        path: str | None = f"/api/{kind}/{rest}/commits/{head}"
        while path is not None:
            pages += 1
            if pages > MAX_PAGES:
                raise Unavailable(f"{about}: more than {MAX_PAGES} pages of commits")
            reply = client.get(hub, path, what=about)
            found = reply.json(about)
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise Refused(f"{about}: the Hub's list of commits is none")
            yield {one["id"] for one in found if isinstance(one.get("id"), str)}
            path = reply.next


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
