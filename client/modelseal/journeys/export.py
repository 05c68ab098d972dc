"""Write a release as files that other tools read, and say what those tools do not check.

1 the release, its seal and its proof      2 a folder beside DIR      3 it takes the name DIR, whole
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from modelseal import platform
from modelseal.errors import Conflict, Refused, Unavailable
from modelseal.formats import checkpoint, names
from modelseal.formats.evidence import Evidence, Listed
from modelseal.formats.leaves import Leaf
from modelseal.journeys.ask import Answer
from modelseal.keytext import PublicKey
from modelseal.state import Sealed


def export(answer: Answer, folder: Path) -> tuple[str, ...]:
    """Write the release that *answer* chose into the new folder *folder*; return the names of the files."""
    files = _files(answer)  # 1
    check_place(folder)
    beside: Path | None = None
    try:
        beside = Path(tempfile.mkdtemp(prefix=".modelseal-", dir=folder.absolute().parent))  # 2
        for name, text in files.items():
            platform.write_new(beside / name, text.encode())
        beside.chmod(0o755)
        beside.rename(folder)  # 3
    except OSError as e:
        raise platform.unwritable(folder, e) from e
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
    return tuple(files)


def check_place(folder: Path) -> None:
    if os.path.lexists(folder):
        raise Conflict(f"{folder} exists already and is not overwritten")


def _files(answer: Answer) -> dict[str, str]:
    decision = answer.decision
    name = names.short(decision.repo or decision.asked.repo)
    if decision.word is not None or decision.chosen is None:
        raise Refused(f"{name}: there is no valid release to export{decision.says}")
    if decision.statement is None or answer.evidence is None:
        raise Unavailable(f"{name}: the seal could not be fetched")
    evidence, chosen = Evidence.parse(answer.evidence), decision.chosen
    assert evidence.seal is not None  # the statement was made of it
    listed = next(one for one in evidence.leaves if one.index == chosen.index)
    signer = _signer(listed, chosen)
    return {
        "model.sig": evidence.seal,
        "signer.pub": signer.pem,
        "SHA256SUMS": "".join(f"{file.sha256.hex()}  {file.name}\n" for file in decision.statement.files),
        "release.json": listed.leaf,
        "release.tlog-proof": checkpoint.encode_proof(listed.index, listed.proof, evidence.checkpoint),
        "checkpoint": evidence.checkpoint,
        "policy": answer.policy,
        "README.txt": _readme(chosen, signer, decision.origin, decision.size),
    }


def _signer(listed: Listed, chosen: Sealed) -> PublicKey:
    entries = Leaf.parse(listed.leaf).signatures
    return next(
        key for key in map(PublicKey.parse, (entry.key for entry in entries)) if key.key == chosen.release.signer
    )


_ED25519 = """\
   model_signing takes no Ed25519 keys, and this seal is by one.
"""

_P256 = """\
    model_signing verify key "$MODEL" --signature model.sig --public_key signer.pub
"""


def _readme(chosen: Sealed, signer: PublicKey, origin: str, size: int) -> str:
    name, revision = names.short(chosen.release.repo), chosen.release.revision
    return f"""\
{name} at {revision}
as sealed in leaf {chosen.index} of the log {origin} ({size} leaves), by key {signer.fingerprint}.

All of this was checked when it was exported. The commands below check parts of it again, with other people's tools.
Run them in this folder, with the path of the model's folder in MODEL:

    test -d "$MODEL"

1. Are these the bytes of the files in the list?

    (cd "$MODEL" && sha256sum --check --strict --quiet "$OLDPWD/SHA256SUMS")

   Not checked: files that were added, who wrote the list, whether it is revoked.

2. Are these the files that the key in signer.pub signed, no more and no less? (OpenSSF Model Signing)

{_P256 if signer.algorithm == "ecdsa-p256" else _ED25519}
   Not checked: whose key it is, whether it may seal this repo, which repo and commit it is, whether it is revoked.

3. What was logged? release.json is the leaf, byte for byte; its RFC 6962 hash, in hex, is

    (printf '\\000'; cat release.json) | sha256sum

   release.tlog-proof (c2sp.org/tlog-proof) proves that this hash is leaf {chosen.index} under the checkpoint that
   stands in it and in the file checkpoint; policy (c2sp.org/tlog-policy) has the keys that sign this log.
   Not checked by such a proof: later leaves. A revocation is one.

All of it at once, with what was revoked since:

   modelseal verify ./MODEL --repo {name}
"""
