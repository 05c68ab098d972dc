"""What an OpenSSF Model Signing signature signs when it says nothing of a repo: file names and digests, no more.

    {"_type":"https://in-toto.io/Statement/v1",
     "predicate":{"resources":[{"algorithm":"sha256","digest":"<hex>","name":"config.json"}],
                  "serialization":{"allow_symlinks":false,"hash_type":"sha256","ignore_paths":[".git",...],
                                   "method":"files"}},
     "predicateType":"https://model_signing/signature/v1.0",
     "subject":[{"digest":{"sha256":"<hex>"},"name":"atlas-7b"}]}

The subject's digest is the SHA-256 of the files' digests in the order of `resources`; its name is the folder's, and
nobody compares it. Source: the specification of OpenSSF Model Signing 1.0.
"""

from __future__ import annotations

import hashlib

from modelseal.formats import strict
from modelseal.formats.manifest import IGNORED, File

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"


def encode(name: str, files: tuple[File, ...]) -> bytes:
    """Return the payload to sign for *files*, which are sorted by name and none of whose names is ignored."""
    root = hashlib.sha256(b"".join(file.sha256 for file in files)).hexdigest()
    resources = [{"name": file.name, "algorithm": "sha256", "digest": file.sha256.hex()} for file in files]
    return strict.encode(
        {
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": root}}],
            "predicateType": PREDICATE,
            "predicate": {
                "resources": resources,
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                    "ignore_paths": list(IGNORED),
                },
            },
        }
    ).encode()
