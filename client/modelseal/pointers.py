"""What a config file points to besides itself: code that a loader would run, other repos it would fetch. Pure.

    config.json          {"auto_map": {"AutoModel": "other/repo--modeling_x.XModel"}}      code of another repo
    adapter_config.json  {"base_model_name_or_path": "owner/base"}                        the model it is an adapter of

A seal covers the config, not what it points to. Only what is a repo's name by our own grammar is handed out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import names
from modelseal.values import dataclass

MAX_CONFIG = 1 << 20  # bytes
MAX_CONFIGS = 64  # of one folder are looked into


@dataclass(frozen=True, slots=True)
class Pointers:
    """What one config says."""

    sha256: bytes  # of the config that says it
    auto_map: bool = False  # a loader that trusts remote code takes classes from it
    code: tuple[str, ...] = ()  # repos (hf://...) whose code it names
    base: str | None = None  # the repo whose model it extends


def is_config(name: str) -> bool:
    """Whether *name* is that of a file that loaders look into for such pointers."""
    return name.endswith("config.json")


def read(data: bytes, sha256: bytes) -> Pointers:
    """Return what the config *data* points to; nothing if it is not such JSON (a loader would stop at it)."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        # Not JSON to us, but perhaps to a laxer parser.
        return Pointers(sha256, auto_map=b"auto_map" in data)
    if not isinstance(value, dict):
        return Pointers(sha256)
    repos = (_repo(text.partition("--")[0]) for text in _strings(value.get("auto_map")) if "--" in text)
    base = value.get("base_model_name_or_path")
    return Pointers(
        sha256,
        auto_map=bool(value.get("auto_map")),
        code=tuple(sorted({repo for repo in repos if repo is not None})),
        base=_repo(base) if isinstance(base, str) else None,
    )


def _strings(value: Any) -> Iterator[str]:
    """Every string below *value*: tokenizers have lists there."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _repo(text: str) -> str | None:
    try:
        return names.repo(f"hf://{text}", "repo")
    except Malformed:
        return None
