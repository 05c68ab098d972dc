"""One file into a repo, as a commit."""

from __future__ import annotations

from modelseal.errors import Malformed, Refused
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
