"""Requests to one Hub: bounded, without the token anywhere else, and with errors of ours.

Sessions are huggingface_hub's own (1.31 brings httpx, 2.x httpx2), so that proxies, certificates and a factory that
somebody has set are honoured. Redirects are followed here: the API's only to the same place, those of files also to
another (a CDN), but without the token.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from modelseal import hubenv
from modelseal.errors import Error, Malformed, NotFound, Refused, Unavailable
from modelseal.formats import names, strict
from modelseal.values import dataclass

Token = str | bool | None  # as huggingface_hub takes it: None is the one of this user, False none

MAX_REPLY = 32 << 20  # bytes of an answer of the API: 100,000 files of ~300
MAX_REDIRECTS = 5
CONNECT_S = 5.0  # for a connection, with each address of the Hub
WAIT_S = 10.0  # for each next part of an answer
WHOLE_S = 60.0  # for an answer of the API
SLOW = 20_000  # bytes a second: what is slower is cut, so that nobody holds us for ever
LOGIN = "log in with: hf auth login; or set HF_TOKEN; and ask for access on the repo's page if it is gated"


@dataclass(frozen=True, slots=True, repr=False)
class Hub:
    """Where a request goes, and as whom."""

    endpoint: str
    token: Token

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc.rpartition("@")[2]  # without a password that stands there


def at(endpoint: str | None, token: Token) -> Hub:
    """Return the Hub at *endpoint*, or the one that the environment names; Unavailable if that wants no network."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or hubenv.is_off():
        raise Unavailable("HF_HUB_OFFLINE is set, so the Hub is not asked")
    found = endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    if not found.startswith(("http://", "https://")):
        raise Unavailable(f"{names.printable(found)} is no address of a Hub", hint="HF_ENDPOINT is a URL")
    return Hub(found.rstrip("/"), token)


def http() -> Any:
    """Return the HTTP library that this huggingface_hub stands on."""
    from importlib import import_module

    import huggingface_hub

    return import_module("httpx2" if int(huggingface_hub.__version__.split(".")[0]) >= 2 else "httpx")


def headers_of(hub: Hub) -> dict[str, str]:
    """Return what each request to *hub* brings: who asks, and the token if there is one.

    Not huggingface_hub's own headers: to name the program that runs us they ask the Hub for a list of such first.
    """
    from importlib import metadata

    from huggingface_hub.errors import LocalTokenNotFoundError
    from huggingface_hub.utils._headers import get_token_to_send

    try:
        token = get_token_to_send(hub.token)
    except LocalTokenNotFoundError as e:
        raise Refused(f"{hub.host} is to be asked with a token, and there is none", hint=LOGIN) from e
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise Refused("the token for the Hub is none: it has characters that no token has", hint=LOGIN)
    found = {"user-agent": f"modelseal/{metadata.version('modelseal')}"}
    return {**found, "authorization": f"Bearer {token}"} if token is not None else found


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes
    url: str
    next: str | None  # the next page, if there is one

    def json(self, what: str) -> Any:
        if self.body.count(b",") > strict.FEW + len(self.body) // strict.DENSE:
            raise Refused(f"the Hub's answer is none: {what}: too many values for its size")
        try:
            return strict.loads(strict.decode(self.body, what, limit=MAX_REPLY), what)
        except Malformed as e:
            raise Refused(f"the Hub's answer is none: {e}") from e


def get(hub: Hub, path: str, query: dict[str, str] | None = None, *, what: str) -> Reply:
    """Return what the API answers at *path* (from the root, quoted; or a whole URL of the same place)."""
    with stream(hub, path, query, what=what, limit=MAX_REPLY, elsewhere=False) as found:
        body = b"".join(found.parts)
        return Reply(body, found.url, found.next)


@dataclass(frozen=True, slots=True)
class Stream:
    url: str
    next: str | None
    parts: Iterator[bytes]


@contextlib.contextmanager
def stream(
    hub: Hub, path: str, query: dict[str, str] | None = None, *, what: str, limit: int, elsewhere: bool
) -> Iterator[Stream]:
    """Yield an answer of at most *limit* bytes; more raise Refused. *what* is asked about, for messages."""
    from huggingface_hub.utils._http import get_session

    url = path if "://" in path else hub.endpoint + path
    if not _same(url, hub.endpoint):
        raise Refused(f"the Hub at {hub.host} sends us to {names.printable(urlsplit(url).netloc)} for {what}")
    headers = {**headers_of(hub), **({"Accept-Encoding": "identity"} if elsewhere else {})}
    library = http()
    timeout = library.Timeout(WAIT_S, connect=CONNECT_S)
    end = time.monotonic() + WHOLE_S + (limit / SLOW if elsewhere else 0)
    with contextlib.ExitStack() as open_, ours(hub, what):
        for _ in range(MAX_REDIRECTS + 1):
            answer = open_.enter_context(
                get_session().stream("GET", url, params=query, headers=headers, follow_redirects=False, timeout=timeout)
            )
            if answer.status_code not in (301, 302, 303, 307, 308):
                break
            to = urljoin(url, answer.headers.get("Location", ""))
            if not _same(to, hub.endpoint):
                place = names.printable(urlsplit(to).netloc)
                if not elsewhere or not to.startswith(("http://", "https://")):
                    raise Refused(f"the Hub at {hub.host} sends us to {place} for {what}; that is not followed")
                headers = {key: value for key, value in headers.items() if key.lower() != "authorization"}
            url, query = to, None
        else:
            raise Unavailable(f"{hub.host}: more than {MAX_REDIRECTS} redirects for {what}")
        if answer.status_code != 200:
            _refused(hub, what, answer)
        yield Stream(url, answer.links.get("next", {}).get("url"), _bounded(answer, hub, what, limit, end))


def _same(url: str, endpoint: str) -> bool:
    one, other = urlsplit(url), urlsplit(endpoint)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def _bounded(answer: Any, hub: Hub, what: str, limit: int, end: float) -> Iterator[bytes]:
    taken = 0
    for part in answer.iter_bytes():
        taken += len(part)
        if taken > limit:
            raise Refused(f"{hub.host} sends more than {limit} bytes for {what}")
        if time.monotonic() > end:
            raise Unavailable(f"{hub.host}: the answer for {what} takes too long")
        yield part


def _refused(hub: Hub, what: str, answer: Any) -> NoReturn:
    """Raise what the status says, and the Hub's own code where it sends one."""
    status, code = answer.status_code, answer.headers.get("X-Error-Code", "")
    sent = "authorization" in answer.request.headers
    if code == "GatedRepo":
        raise Refused(f"{what} is gated: {hub.host} wants a token that may read it", hint=LOGIN)
    if code == "RevisionNotFound":
        raise NotFound(f"{hub.host} has no such revision: {what}")
    if code == "EntryNotFound":
        raise NotFound(f"{hub.host} has no such file: {what}")
    if code == "RepoNotFound" or status == 401:
        if sent:
            raise NotFound(f"{hub.host} has no repo {what}, or not for this token", hint=LOGIN)
        raise NotFound(f"{hub.host} has no repo {what}, or it is private and wants a token", hint=LOGIN)
    if code == "DisabledRepo":
        raise Refused(f"{hub.host} has switched off {what}")
    if status == 403:
        raise Refused(f"{hub.host} refuses {what} (status 403)", hint=LOGIN)
    if status == 404:
        raise NotFound(f"{hub.host} has no {what}")
    if status == 429:
        raise Unavailable(f"{hub.host}: too many requests for now (status 429)", hint="with a token it allows more")
    raise Unavailable(f"{hub.host}: answers with status {status}")


@contextlib.contextmanager
def ours(hub: Hub, what: str) -> Iterator[None]:
    """Turn what huggingface_hub and its HTTP library raise into errors of ours; no URL with a query gets into words."""
    from huggingface_hub import errors

    library = http()
    try:
        yield
    except Error:
        raise
    except errors.GatedRepoError as e:
        raise Refused(f"{what} is gated: {hub.host} wants a token that may read it", hint=LOGIN) from e
    except errors.RepositoryNotFoundError as e:
        raise NotFound(f"{hub.host} has no repo {what}, or not for you", hint=LOGIN) from e
    except errors.RevisionNotFoundError as e:
        raise NotFound(f"{hub.host} has no such revision: {what}") from e
    except errors.LocalEntryNotFoundError as e:  # what it says when nobody answers
        raise Unavailable(f"{hub.host}: no answer about {what}") from e
    except errors.EntryNotFoundError as e:
        raise NotFound(f"{hub.host} has not all files of {what}") from e
    except errors.OfflineModeIsEnabled as e:
        raise Unavailable("HF_HUB_OFFLINE is set, so the Hub is not asked") from e
    except errors.HFValidationError as e:
        raise Refused(f"the Hub cannot have {what}") from e
    except errors.HfHubHTTPError as e:
        status = getattr(e.response, "status_code", None)
        if status in (401, 403):
            raise Refused(f"{hub.host} refuses {what} (status {status})", hint=LOGIN) from e
        raise Unavailable(f"{hub.host}: answers with status {status or 'unknown'}") from e
    except (library.HTTPError, library.InvalidURL, library.StreamError) as e:
        raise Unavailable(f"{hub.host}: no answer about {what} ({type(e).__name__})") from e
