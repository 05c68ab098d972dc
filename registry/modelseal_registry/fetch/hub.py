"""What an owner publishes on the Hub: a file on `main` of the Space `NS/README`. The door to huggingface_hub here.

Nobody but the owner writes to `main`: a pull request lives at `refs/pr/N`, a contributor's repo in another namespace.
So `main` is resolved here, no revision comes from anybody, and what the Hub calls the Space must be what was asked for:
a renamed Space answers with a redirect, and its owner may be another.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelseal.errors import NotFound, Refused, Unavailable
from modelseal.formats import findings, names
from modelseal.hub.client import http
from modelseal_registry.fetch.ask import FOUND, Seen

MAX_REPLY = 1 << 20  # bytes of what the Hub's API says about a Space or an owner


def url_of(endpoint: str, space: str, revision: str) -> str:
    return f"{endpoint}/spaces/{space}/resolve/{quote(revision, safe='')}/{findings.FILE}"


def load() -> None:
    """Import what `look` needs: that takes about a second."""
    import huggingface_hub.file_download
    import huggingface_hub.hf_api  # noqa: F401


def look(endpoint: str, namespace: str, folder: Path) -> Seen:
    """Return the claim file of *namespace*; *folder* takes what huggingface_hub writes.

    NotFound: no such Space or file. Refused: what is there is not the owner's word. Unavailable: no answer.
    """
    endpoint = endpoint.rstrip("/")
    _use(endpoint)
    import huggingface_hub
    from huggingface_hub import errors

    api = huggingface_hub.HfApi(endpoint=endpoint, token=False)
    space = findings.space_of(namespace)
    try:
        owner_id = _owner(endpoint, names.short(namespace))
        info = api.space_info(space, revision="main", expand=["sha"])
        if info.id != space:
            raise Refused(f"the Hub calls the Space {names.printable(str(info.id))}, not {space}")
        commit = names.revision(info.sha, "the commit that the Hub names")
        path = huggingface_hub.hf_hub_download(
            space, findings.FILE, repo_type="space", revision=commit, cache_dir=folder, endpoint=endpoint, token=False
        )
        body = Path(path).read_bytes()
    except errors.LocalEntryNotFoundError as e:  # what it says when nobody answers
        raise Unavailable(f"{endpoint}: no answer") from e
    except errors.EntryNotFoundError as e:
        raise NotFound(f"the Space {space} has no {findings.FILE} on main") from e
    except errors.RevisionNotFoundError as e:
        raise NotFound(f"the Space {space} has no branch main") from e
    except errors.RepositoryNotFoundError as e:
        raise NotFound(f"there is no public Space {space}") from e
    except errors.HFValidationError as e:
        raise Refused(f"the Hub cannot have a Space {space}") from e
    except errors.HfHubHTTPError as e:
        raise Unavailable(f"{endpoint}: answers with status {getattr(e.response, 'status_code', 'unknown')}") from e
    except (OSError, http().HTTPError) as e:
        raise Unavailable(f"{endpoint}: no answer ({type(e).__name__})") from e
    if len(body) > findings.MAX_FOUND:
        raise Refused(f"{findings.FILE} is larger than {findings.MAX_FOUND} bytes")
    return Seen(FOUND, "", url_of(endpoint, space, commit), body, 200, commit, owner_id)


def _owner(endpoint: str, owner: str) -> str | None:
    """Return the Hub's own id of *owner*, an organization or a person; None if it tells none.

    Asked without HfApi: that of huggingface_hub 1.x always asks the Hub of the environment for it.
    """
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import get_session, hf_raise_for_status

    for kind, field in (("organizations", "name"), ("users", "user")):
        url = f"{endpoint}/api/{kind}/{quote(owner, safe='')}/overview"
        answer = get_session().get(url, headers=build_hf_headers(token=False))
        if answer.status_code == 404:
            continue
        hf_raise_for_status(answer)
        found = answer.json()
        if found[field] != owner:
            raise Refused(f"the Hub calls the owner {names.printable(str(found[field]))}, not {owner}")
        id_ = found.get("_id")
        return None if id_ is None else names.owner_id(id_, "the owner id that the Hub names")
    raise NotFound(f"the Hub knows no owner {owner}")


def _use(endpoint: str) -> None:
    """Have huggingface_hub talk to *endpoint* alone, in small answers, without a token."""
    import huggingface_hub
    from huggingface_hub import constants

    library = http()
    constants.HF_HUB_DISABLE_XET = True  # it would fetch from elsewhere
    allowed = library.URL(endpoint)

    def stays(request: Any) -> None:
        """Every redirect comes by here before it is followed."""
        if (request.url.scheme, request.url.netloc) != (allowed.scheme, allowed.netloc):
            raise Refused(f"the Hub sends us to {names.printable(str(request.url.host))}; that is not followed")
        request.headers["Accept-Encoding"] = "identity"

    def is_small(answer: Any) -> None:
        limit = findings.MAX_FOUND if "/resolve/" in answer.request.url.path else MAX_REPLY
        what = f"{answer.request.url.path}: larger than {limit} bytes"
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(f"{answer.request.url.path} comes with a content encoding")
        if int(answer.headers.get("Content-Length") or 0) > limit:
            raise Refused(what)
        answer.stream = _limited(library.SyncByteStream, answer.stream, limit, what)

    def client() -> Any:
        return library.Client(
            follow_redirects=True, max_redirects=3, timeout=10,
            event_hooks={"request": [stays], "response": [is_small]},
        )  # fmt: skip

    huggingface_hub.set_client_factory(client)


def _limited(base: Any, inner: Any, limit: int, what: str) -> Any:
    class Limited(base):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            taken = 0
            for part in inner:
                taken += len(part)
                if taken > limit:
                    raise Refused(what)
                yield part

        def close(self) -> None:
            inner.close()

    return Limited()
