"""One file into a repo, as a commit; and what must hold for that, asked beforehand."""

from __future__ import annotations

from modelseal.errors import Malformed, NotFound, Refused
from modelseal.formats import names
from modelseal.hub import client
from modelseal.hub.client import Token
from modelseal.hub.download import TYPES
from modelseal.hub.listing import kind_of, what_is


def upload(
    repo: str,
    revision: str | None,
    path_in_repo: str,
    data: bytes,
    message: str,
    *,
    endpoint: str | None = None,
    token: Token = None,
) -> str:
    """Add *data* as *path_in_repo* to the branch *revision* (None: `main`) of *repo*; return the new commit."""
    hub = client.at(endpoint, token)
    from huggingface_hub import CommitOperationAdd, HfApi

    kind, rest = kind_of(repo)
    about = what_is(repo, revision)
    with client.ours(hub, about):
        done = HfApi(endpoint=hub.endpoint, token=hub.token, library_name="modelseal").create_commit(
            rest,
            [CommitOperationAdd(path_in_repo, data)],
            commit_message=message,
            repo_type=TYPES[kind],
            revision=revision,
        )
    try:
        return names.revision(done.oid, f"{about}: the commit that the Hub names")
    except Malformed as e:
        raise Refused(str(e)) from e


def check_writer(repo: str, *, endpoint: str | None = None, token: Token = None) -> None:
    """Refuse where nobody is logged in who may write; whether that one may write to *repo* only the upload shows."""
    hub = client.at(endpoint, token)
    about = f"an upload to {what_is(repo, None)}"
    if "authorization" not in client.headers_of(hub):
        raise Refused(f"{about} wants a token that may write, and there is none", hint=client.LOGIN)
    try:
        found = client.get(hub, "/api/whoami-v2", what="whose the token is").json("whose the token is")
    except NotFound as e:
        raise Refused(f"{about} wants a token, and {hub.host} does not know this one", hint=client.LOGIN) from e
    auth = found.get("auth") if isinstance(found, dict) else None
    access = auth.get("accessToken") if isinstance(auth, dict) else None
    if isinstance(access, dict) and access.get("role") == "read":
        raise Refused(f"{about} wants a token that may write; this one may only read", hint=client.LOGIN)


def branches(repo: str, *, endpoint: str | None = None, token: Token = None) -> dict[str, str]:
    """Return the branches of *repo*, and the commit that each is at."""
    hub = client.at(endpoint, token)
    kind, rest = kind_of(repo)
    about = what_is(repo, None)
    found = client.get(hub, f"/api/{kind}/{rest}/refs", what=about).json(about)
    try:
        return {str(one["name"]): names.revision(one["targetCommit"], about) for one in found["branches"]}
    except (Malformed, KeyError, TypeError) as e:
        raise Refused(f"{about}: the Hub's list of branches is none") from e
