"""manifests/ is what the code makes: vectors, samples, schemas, and the examples of FORMAT.md."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal.authorship import check_seal
from modelseal.compare import Local, compare
from modelseal.decide import Freshness, decide
from modelseal.formats import findings, index, merkle, records, strict
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from modelseal.formats.records import Release
from modelseal.formats.trust import Revoked, parse_trust
from modelseal.keys import load as load_key
from modelseal.keytext import PublicKey
from modelseal.verdict import Word
from tests import make_vectors
from tests.support import schemas
from tests.support.vectors import MANIFESTS, load, one
from tests.vectors import samples, small

FORMAT = (MANIFESTS / "FORMAT.md").read_text()
SAMPLES = MANIFESTS / "samples"


def test_what_stands_there_is_what_is_made() -> None:
    made = make_vectors.build()
    assert make_vectors.found(MANIFESTS) == sorted(made)
    changed = [path for path, data in made.items() if (MANIFESTS / path).read_bytes() != data]
    assert changed == [], "run `make vectors` and look at git diff"


# schemas


def valid(name: str, text: str | bytes) -> bool:
    return bool(schemas.validator(name).is_valid(json.loads(text)))


SAMPLE_FILES = {
    "model.sig": "bundle", "statement.json": "statement", "release.record": "submission", "leaf-3.json": "leaf",
    "evidence.json": "evidence", "registry.json": "registry", "claim.json": "claim", "claims.json": "claims",
}  # fmt: skip


def test_schemas_accept_the_samples() -> None:
    seen = set()
    for path in SAMPLES.rglob("*"):
        if path.name in SAMPLE_FILES:
            seen.add(path.name)
            assert valid(SAMPLE_FILES[path.name], path.read_bytes()), path
    assert seen == set(SAMPLE_FILES)


BY_FOLDER = {
    "seals": "bundle", "leaves": "leaf", "submissions": "submission", "registry": "registry", "findings": "finding",
    "claim-files": "claims",
}  # fmt: skip


@pytest.mark.parametrize("folder", BY_FOLDER)
def test_schemas_accept_every_vector_that_is_ok(folder: str) -> None:
    for case in load(folder):
        if case.expect == "ok":
            assert valid(BY_FOLDER[folder], case.body), case.path


def test_schemas_accept_every_record_that_is_ok_and_refuse_those_of_another_form() -> None:
    refused = 0
    for case in load("records"):
        if case.expect == "ok":
            type_ = json.loads(case.text)["type"]
            assert valid(type_, case.body), case.path
            assert valid("record", case.body) == (type_ != "claim"), case.path
        elif case.text.startswith("{"):
            refused += not valid("record", case.body)
    assert refused > 80  # order, spelling and agreement of fields are beyond a schema


def test_schemas_accept_all_evidence_that_decides_something() -> None:
    for case in load("decisions"):
        if case.expect in ("release", "observed", "unknown", "failed", "log-misbehaved") and case.body != b"":
            assert valid("evidence", case.body), case.path


# samples


@pytest.mark.parametrize("folder", ["small", "all-MiniLM-L6-v2"])
def test_samples_are_verified_by_what_stands_beside_them(folder: str) -> None:
    here = SAMPLES / folder
    submission = Submission.parse((here / "release.record").read_bytes())
    assert isinstance(submission.record, Release) and submission.seal is not None
    publisher = PublicKey.parse_pem((here / "publisher.pub").read_text())
    statement = check_seal(submission.record, submission.seal, publisher)
    assert statement.encode() == (here / "statement.json").read_bytes()
    trust = parse_trust((here / "policy").read_bytes(), (here / "registry.json").read_bytes())
    evidence = (here / "evidence.json").read_bytes()
    assert Leaf.parse((here / "leaf-3.json").read_bytes()).record == submission.record
    asked = Asked(statement.repo, statement.revision)
    decision = decide(evidence, {}, trust, None, Revoked(), asked, Freshness(None, 1))
    files = tuple(Local(file.name, file.size, file.sha256, file.blake3) for file in statement.files)
    assert compare(decision, files).word == Word.VERIFIED


def test_private_keys_of_samples_are_named_as_such() -> None:
    for path in SAMPLES.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert path.name.endswith(".sample-not-secret.key")
            public = path.with_name(path.name.replace(".sample-not-secret.key", ".pub"))
            assert load_key(str(path), None).public.pem == public.read_text()


def test_the_real_seal_is_of_the_real_files(minilm: Path) -> None:
    import blake3

    found = []
    for file in samples.read_files():
        data = (minilm / file.name).read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(data).digest()
        found.append(File(file.name, len(data), sha256, blake3.blake3(data, max_threads=2).digest(), git))
    assert tuple(found) == samples.read_files()
    there = {path.relative_to(minilm).as_posix() for path in minilm.rglob("*") if path.is_file()}
    assert there - {file.name for file in found} <= {".gitattributes", "model.sig"}


@pytest.mark.parametrize("folder", ["small", "all-MiniLM-L6-v2"])
def test_the_reference_tool_accepts_the_samples(model_signing: Path, minilm: Path, folder: str) -> None:
    here = SAMPLES / folder
    model, seal = (here / "model", here / "model/model.sig") if folder == "small" else (minilm, here / "model.sig")
    argv = [model_signing, "verify", "key", "--signature", seal, "--public_key", here / "publisher.pub", model]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_small_example_can_be_verified_by_hand() -> None:
    done = subprocess.run(["bash", "by-hand.sh"], cwd=SAMPLES / "small", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("yes: ") == 16 and "NO" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("VERIFIED")


# FORMAT.md


LOG = small.log()
RECORDS = [Leaf.parse(data) for data in LOG.leaves]


def codes() -> Iterator[str]:
    """Every fenced block of FORMAT.md."""
    yield from re.findall(r"^```\n(.*?)^```$", FORMAT, re.M | re.S)


def block(start: str) -> str:
    found = [one for one in codes() if one.startswith(start)]
    assert found, f"no example that begins with {start}"
    return found[0]


def test_every_digest_in_the_text_is_one_of_the_small_log() -> None:
    """All 64-digit words: recomputed from fixed keys, or constants that are explained."""
    lists: dict[int, str] = {}
    for number in (0, 2, 3):
        for key in index.record_keys(RECORDS[number].record):
            lists[index.bucket_of(key)] = f"{key} {number}\n"
    hashes = {index.bucket_of("operators") >> 8: [index.bucket_hash(lists.get(0xB200 + n, "")) for n in range(256)]}
    tile = merkle.root(hashes[0xB2])
    empty_tile = merkle.root([index.bucket_hash("")] * 256)
    known = {
        "empty bucket": index.bucket_hash(""),
        "empty tile": empty_tile,
        "empty tree": merkle.root([empty_tile] * 256),
        "tile 0xb2": tile,
        **{f"bucket {n}": index.bucket_hash(text) for n, text in lists.items()},
        **{f"key {text}": hashlib.sha256(text.split(" ")[0].encode()).digest() for text in lists.values()},
        **{f"leaf {n}": merkle.leaf_hash(data) for n, data in enumerate(LOG.leaves)},
        **{f"record {n}": leaf.digest for n, leaf in enumerate(RECORDS)},
        "claim": records.digest(LOG.claim),
        "finding": findings.digest(one("findings/the-finding-of-format-md").body),
        "root": merkle.root([merkle.leaf_hash(data) for data in LOG.leaves]),
        "first two": merkle.root([merkle.leaf_hash(data) for data in LOG.leaves[:2]]),
        "2 and 3": merkle.root([merkle.leaf_hash(data) for data in LOG.leaves[2:4]]),
        "operator": small.OPERATOR.key.sha256,
        "publisher": small.PUBLISHER.key.sha256,
        "hint": bytes.fromhex(small.PUBLISHER.public.hint),
        "bundle": hashlib.sha256(LOG.seal.encode()).digest(),
        **{f"file {name}": hashlib.sha256(data).digest() for name, data in small.CONTENTS.items()},
    }
    release = RECORDS[3].record
    assert isinstance(release, Release)
    known["seal"], known["fileset"] = release.seal, release.fileset
    known["ROOT"] = hashlib.sha256(b"".join(file.sha256 for file in small.files())).digest()
    for n in (1, 4):
        roots = RECORDS[n].record
        assert isinstance(roots, records.Roots)
        known |= {f"records of {n}": roots.records, f"files of {n}": roots.files}
    points = {  # y of the Ed25519 points of order 8
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    }
    words = set(re.findall(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", FORMAT))
    assert words - points - {one.hex() for one in known.values()} == set()
    assert len(words) > 30


def test_the_examples_are_what_the_code_makes() -> None:
    evidence = strict.loads(LOG.evidence(small.REPO).decode(), "")
    assert block('{"claims":').strip() == strict.encode({"v": 1, "claims": [records.digest(LOG.claim).hex()]})
    assert block('{"algorithm":').strip() == strict.encode(small.PUBLISHER.key.value())
    assert base64.b64encode(small.PUBLISHER.public.spki).decode() in FORMAT
    assert block('{"keys":').strip() == RECORDS[0].text
    assert block('{"accounts":').strip() == LOG.claim
    assert block('{"bundle":').strip() == LOG.release
    assert block('{"basis":').strip() == one("records/observation").text
    assert block('{"record":').strip() == LOG.leaves[1].decode()
    assert block("registry.example\n5").rstrip("\n") == LOG.note.rstrip("\n")
    assert block('{"addresses":').strip().encode() == (SAMPLES / "small/registry.json").read_bytes()
    assert block("log registry.example").encode() == (SAMPLES / "small/policy").read_bytes()
    assert f"{small.SIGNER.log.encode()}\n{small.SIGNER.own.encode()}\n" in set(codes())
    assert json.loads(block('{"_type":').replace("\n", "")) == json.loads(
        (SAMPLES / "small/statement.json").read_bytes()
    )
    assert evidence["repo"] in block('{"checkpoint":')
    for text in (
        "operators 0\\n",
        "ns:hf://acme-lab 2\\n",
        "repo:hf://acme-lab/atlas-7b 3\\n",
        evidence["last"]["proof"],
    ):
        assert text in block('{"checkpoint":')


def test_the_proofs_in_the_text_are_those_of_the_small_log() -> None:
    hashes = [merkle.leaf_hash(data) for data in LOG.leaves]

    def of_range(start: int, end: int) -> bytes:
        return merkle.root(hashes[start:end])

    for proof in (merkle.inclusion_proof(3, 5, of_range), merkle.consistency_proof(2, 5, of_range)):
        assert "".join(one.hex() + "\n" for one in proof) in set(codes())


def test_the_numbers_in_the_text_are_right() -> None:
    payload = (SAMPLES / "small/statement.json").read_bytes()
    assert f"is {len(payload)} bytes long" in FORMAT
    assert f"({len(LOG.leaves[1])} bytes)" in FORMAT
    claims = (SAMPLES / "small/claims.json").read_bytes()
    assert f"of our log, {len(claims)} bytes" in FORMAT
    pae = re.search(r"^PAE\((.*)\) = (DSSEv1 .*)$", FORMAT, re.M)
    assert pae and pae[2] == "DSSEv1 37 application/vnd.modelseal.record+json 2 {}"


def test_the_limits_in_the_text_are_those_of_the_code() -> None:
    from modelseal.formats import evidence, identity, leaves, manifest, note, policy, tiles, trust

    rows = dict(
        pair
        for row in re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", FORMAT, re.M)
        for pair in ((row[0], row[1]), (row[2], row[3]))
    )
    for name, size in {
        "claim text": records.MAX_CLAIM, "record text": records.MAX_RECORD, "leaf": tiles.MAX_LEAF,
        "bundle (seal file)": leaves.MAX_SEAL, "evidence": evidence.MAX_EVIDENCE,
        "submission (`POST /records`)": leaves.MAX_SUBMISSION, "statement (a bundle's payload)": manifest.MAX_PAYLOAD,
        "index bucket": index.MAX_BUCKET,
    }.items():  # fmt: skip
        number, unit = rows[name].split(" ")
        assert int(number) * {"KiB": 1 << 10, "MiB": 1 << 20}[unit] == size, name
    assert rows["`policy`, `registry.json`"] == "64 KiB each"
    assert policy.MAX_POLICY == trust.MAX_REGISTRY == 64 << 10
    assert rows["signature lines of a note; the note"] == f"1..{note.MAX_LINES}; {note.MAX_NOTE >> 10} KiB"
    assert rows["hashes of a proof"] == f"0..{merkle.MAX_PROOF}"
    assert rows["digests in `weights`"] == f"0..{records.MAX_WEIGHTS}"
    assert rows["signers (entries) of a key set"] == f"0..{identity.MAX_SIGNERS}"
    assert rows["entries in `signatures`, `claim_signatures`"] == f"0..{2 * identity.MAX_KEYS}"
