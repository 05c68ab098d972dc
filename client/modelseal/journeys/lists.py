"""The files of a release, or of a seal at hand, as lists that other tools check: sha256sum, SGLang.

    sha256sum   one line `HEX  NAME` each, for `sha256sum --check`
    sglang      {"files": {NAME: {"sha256": HEX, "size": BYTES or -1}}}, for `--model-checksum`

Neither says that a file is missing from the list, who wrote it, or whether it is revoked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from modelseal import platform
from modelseal.errors import Malformed, Refused, Unavailable, Usage
from modelseal.foreign import statement
from modelseal.foreign.bundle import MAX_BUNDLE, Bundle
from modelseal.foreign.statement import Resource
from modelseal.formats import names
from modelseal.formats.names import Asked
from modelseal.journeys.ask import Where
from modelseal.journeys.show import PLACES, repo
from modelseal.journeys.sign import SEAL

STYLES = ("sha256sum", "sglang")


def of_path(path: Path, style: str) -> str:
    """Return the list in the seal, or any OpenSSF Model Signing signature, at *path*; nothing is verified."""
    if path.is_dir():
        path = path / next((name for name in PLACES if (path / name).exists()), SEAL)
    data = platform.read_file(path, MAX_BUNDLE, "seal", follow=True)
    try:
        found = statement.parse(Bundle.parse(data).payload)
    except Malformed as e:
        raise type(e)(f"{path}: {e}", hint="lists are made of seals and OpenSSF Model Signing signatures") from e
    if found.algorithm != "sha256":
        raise Usage(f"{path}: its digests are {found.algorithm}; {style} wants sha256")
    return text(found.files, style)


def of_repo(asked: Asked, style: str, where: Where = Where()) -> str:
    """Return the list of the release that the log proves for *asked*; Refused if there is none that is valid."""
    answer = repo(asked, where)
    decision, name = answer.decision, names.short(answer.decision.repo or asked.repo)
    if decision.word is not None or decision.chosen is None:
        raise Refused(f"{name}: there is no valid release to list{decision.says}")
    if asked.revision not in (None, decision.chosen.release.revision):
        raise Refused(f"{name} is not sealed at {asked.revision}")
    if decision.statement is None:
        raise Unavailable(f"{name}: the seal could not be fetched")
    return text((Resource(file.name, file.sha256, file.size) for file in decision.statement.files), style)


def text(files: Iterable[Resource], style: str) -> str:
    if style == "sha256sum":  # names hold no backslash and no line end, so nothing needs its escapes
        return "".join(f"{file.digest.hex()}  {file.name}\n" for file in files)
    listed = {
        file.name: {"sha256": file.digest.hex(), "size": -1 if file.size is None else file.size} for file in files
    }
    return json.dumps({"files": listed}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
