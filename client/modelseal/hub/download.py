"""Files of a listing, into a cache folder, by huggingface_hub's own download: Xet, resume, token, gated repos.

Nothing is checked here: huggingface_hub looks at sizes alone. Whoever calls this judges every byte of what comes.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from modelseal.errors import Unavailable
from modelseal.hub import client
from modelseal.hub.client import Token
from modelseal.hub.listing import kind_of, what_is
from modelseal.listed import HubListing

TYPES = {"models": "model", "datasets": "dataset", "spaces": "space"}
_TRIES = re.compile("thrown while requesting|Retrying in |Trying to resume|Max retries exceeded")


def download(
    listing: HubListing,
    names: Iterable[str],
    cache_dir: Path,
    *,
    quiet: bool = True,
    token: Token = None,
    trouble: Callable[[str], None] | None = None,
) -> Path:
    """Download the files *names* of *listing* into the Hub cache *cache_dir*; return the snapshot folder there.

    The cache is laid out by the name that was asked for, also after a rename. Files of over 50 GB come only by Xet.
    A Hub that fails in the middle is asked again for about 25 seconds, by huggingface_hub: *trouble* is told its host
    when that begins.
    """
    hub = client.at(listing.endpoint, listing.token if token is None else token)
    from huggingface_hub import snapshot_download

    kind, rest = kind_of(listing.asked)
    wanted = set(names)
    if unknown := wanted - {file.name for file in listing.files}:
        raise ValueError(f"not in the listing: {sorted(unknown)[:3]}")
    others = [file.name for file in listing.files if file.name not in wanted]
    few_others = len(others) <= len(wanted)  # each pattern is matched with each file
    about = what_is(listing.asked, listing.commit)
    with client.ours(hub, about), _told(trouble, hub.host):
        try:
            found = snapshot_download(
                rest,
                repo_type=TYPES[kind],
                revision=listing.commit,
                cache_dir=cache_dir,
                allow_patterns=None if few_others else [_literally(name) for name in sorted(wanted)],
                ignore_patterns=[_literally(name) for name in others] if few_others and others else None,
                tqdm_class=_no_bar() if quiet else None,
                endpoint=hub.endpoint,
                token=hub.token,
                library_name="modelseal",
            )
        except ValueError as e:
            if "too large" not in str(e):
                raise
            raise Unavailable(
                f"{about}: a file of over 50 GB, which the Hub hands out by Xet alone",
                hint="unset HF_HUB_DISABLE_XET, and: pip install hf_xet",
            ) from e
    return Path(found)


@contextlib.contextmanager
def _told(trouble: Callable[[str], None] | None, host: str) -> Iterator[None]:
    """Have *trouble* called once, instead of the lines that huggingface_hub prints about each try for each file."""
    if trouble is None:
        yield
        return
    tell, told = trouble, False

    def passes(record: logging.LogRecord) -> bool:
        nonlocal told
        if not _TRIES.search(record.getMessage()):
            return True
        if not told:
            told = True
            tell(host)
        return False

    handlers = list(logging.getLogger("huggingface_hub").handlers)
    for handler in handlers:
        handler.addFilter(passes)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(passes)


def _literally(name: str) -> str:
    """Return a pattern that only *name* matches."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _no_bar() -> Any:
    from huggingface_hub.utils.tqdm import tqdm

    class Quiet(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

    return Quiet
