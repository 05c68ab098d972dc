"""`snapshot_download` and `hf_hub_download` as huggingface_hub has them, for verified files only.

    from modelseal import snapshot_download      # in the place of: from huggingface_hub import snapshot_download

The same parameters, and paths in the same Hub cache. What differs: a path is handed out only after `get` said so;
otherwise `modelseal.NotVerified` is raised, with the verdict, or another error of `modelseal.errors`. Without
a revision it is the newest release that is sealed, whatever `main` is at the Hub.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelseal import hubenv
from modelseal.errors import NotFound, Usage
from modelseal.formats.names import printable
from modelseal.journeys.allow import Allow
from modelseal.journeys.ask import Where
from modelseal.journeys.at_hub import Token
from modelseal.journeys.digests import Hashing
from modelseal.journeys.download import got
from modelseal.journeys.wish import Got, Wish
from modelseal.reports.words import first_line
from modelseal.verdict import NotVerified

_TYPES = {None: "", "model": "", "dataset": "datasets/", "space": "spaces/"}


def snapshot_download(
    repo_id: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_dir: str | Path | None = None,
    library_name: str | None = None,
    library_version: str | None = None,
    user_agent: dict[str, str] | str | None = None,
    etag_timeout: float = 10,
    force_download: bool = False,
    token: Token = None,
    local_files_only: bool = False,
    allow_patterns: list[str] | str | None = None,
    ignore_patterns: list[str] | str | None = None,
    max_workers: int = 8,
    tqdm_class: type[Any] | None = None,
    headers: dict[str, str] | None = None,
    endpoint: str | None = None,
    dry_run: bool = False,
    accept: Iterable[str] = (),
) -> str:
    """Return the folder with the files of *repo_id*, all of them verified, as `huggingface_hub.snapshot_download` does.

        path = modelseal.snapshot_download("acme-lab/atlas-7b", allow_patterns="*.safetensors")

    *force_download* hashes all again; what is right is not downloaded again. *accept*: verdicts ("observed", "unknown")
    on this repo that you take. *library_name*, *library_version*, *user_agent*, *etag_timeout*, *max_workers* and
    *tqdm_class* are taken and change nothing; *headers* and *dry_run* are refused (`modelseal.get` has `dry_run`).

    Raises NotVerified, with `verdict`; Usage, Unavailable, Refused, Conflict or Error as `modelseal.get`.
    """
    del library_name, library_version, user_agent, etag_timeout, max_workers, tqdm_class
    include, exclude = _patterns(allow_patterns, "allow_patterns"), _patterns(ignore_patterns, "ignore_patterns")
    wish = replace(_wish(cache_dir, local_dir, local_files_only, token, endpoint), include=include, exclude=exclude)
    _check(headers, dry_run)
    return str(_got(repo_id, repo_type, revision, wish, accept, recheck=force_download).path)


def hf_hub_download(
    repo_id: str,
    filename: str,
    *,
    subfolder: str | None = None,
    repo_type: str | None = None,
    revision: str | None = None,
    library_name: str | None = None,
    library_version: str | None = None,
    cache_dir: str | Path | None = None,
    local_dir: str | Path | None = None,
    user_agent: dict[str, str] | str | None = None,
    force_download: bool = False,
    etag_timeout: float = 10,
    token: Token = None,
    local_files_only: bool = False,
    headers: dict[str, str] | None = None,
    endpoint: str | None = None,
    tqdm_class: type[Any] | None = None,
    dry_run: bool = False,
    accept: Iterable[str] = (),
) -> str:
    """Return the path of one verified file of *repo_id*, as `huggingface_hub.hf_hub_download` does.

        path = modelseal.hf_hub_download("acme-lab/atlas-7b", "config.json")

    The parameters are as for `modelseal.snapshot_download`. NotFound: the release has no such file.
    """
    del library_name, library_version, user_agent, etag_timeout, tqdm_class
    name = f"{subfolder}/{filename}" if subfolder else filename
    wish = replace(_wish(cache_dir, local_dir, local_files_only, token, endpoint), only=name)
    _check(headers, dry_run)
    found = _got(repo_id, repo_type, revision, wish, accept, recheck=force_download)
    assert found.path is not None
    path = found.path / name
    if not path.is_file():
        raise NotFound(f"{repo_id} has no file {printable(name)}")
    return str(path)


def _wish(
    cache_dir: str | Path | None,
    local_dir: str | Path | None,
    local_files_only: bool,
    token: Token,
    endpoint: str | None,
) -> Wish:
    return Wish(
        local_dir=Path(local_dir).expanduser() if local_dir is not None else None,
        cache_dir=Path(cache_dir).expanduser() if cache_dir is not None and local_dir is None else None,
        local_only=local_files_only or hubenv.is_off(),
        token=token,
        endpoint=endpoint,
    )


def _got(
    repo_id: str, repo_type: str | None, revision: str | None, wish: Wish, accept: Iterable[str], *, recheck: bool
) -> Got:
    if repo_type not in _TYPES:
        raise Usage(f"{printable(repo_type or '')!r} repos cannot be sealed", hint="types are model, dataset and space")
    if "/" not in repo_id:
        raise Usage(
            f"{printable(repo_id)} has no owner, so nobody can seal it", hint="repos are written owner/name at the Hub"
        )
    if "@" in repo_id:
        raise Usage(f"{printable(repo_id)}: say the revision with revision=...")
    text = _TYPES[repo_type] + repo_id + (f"@{revision}" if revision is not None else "")
    found = got(text, wish, Where(), Allow(tuple(accept)), Hashing("both", None, recheck), quiet=False)
    if not found or found.path is None:
        raise NotVerified(first_line(found.verdict), verdict=found.verdict, hint=f"modelseal show {repo_id}")
    return found


def _patterns(patterns: list[str] | str | None, what: str) -> tuple[str, ...]:
    if patterns is None:
        return ()
    found = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    if not found:
        raise Usage(f"{what} is an empty list: that matches nothing", hint="leave it out")
    return found


def _check(headers: dict[str, str] | None, dry_run: bool) -> None:
    if headers:
        raise Usage("headers=... is not taken: a token goes into token=..., and nothing else is sent")
    if dry_run:
        raise Usage("dry_run=True has no path to give", hint="modelseal.get(..., dry_run=True)")
