"""Vectors of records, claims, leaves and submissions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from modelseal.formats import envelope, strict
from modelseal.formats.entries import Entry
from modelseal.formats.leaves import encode_leaf
from tests.support import make
from tests.support.make import Private
from tests.support.vectors import Vector, vector
from tests.vectors import small

NS, REPO = small.NAMESPACE, small.REPO
DIGEST = "ab" * 32
OPS, ANA = small.OPERATOR, small.PUBLISHER
K = ANA.key.value()


def seal() -> str:
    return make.seal(ANA, REPO, small.REVISION, small.files(), created=small.START + 100)


def claim() -> str:
    return make.claim(NS, [ANA], [(ANA, NS + "/*")], families=["Atlas"])


def key_set() -> dict[str, Any]:
    return make.key_set([ANA], [(ANA, NS + "/*")])


def samples() -> dict[str, str]:
    """One text of each type in force."""
    return {
        "operators": make.operators([OPS], observers=strict.ordered([ANA.key.value(), OPS.key.value()])),
        "identity": make.identity(claim(), [ANA], basis="web", evidence=[DIGEST], resembles=["hf://acme-labs"]),
        "claim": claim(),
        "keys": make.keys(NS, key_set(), seq=2, prev=DIGEST),
        "release": make.release(seal(), ANA),
        "revocation": make.revocation(NS, repo=REPO, seal=DIGEST),
        "objection": make.text("objection", namespace=NS, target=DIGEST),
        "suspend": make.text("suspend", namespace=NS, turn=2, reason="compromised"),
        "lift": make.text("lift", namespace=NS, turn=3),
        "recover": make.text("recover", namespace=NS, turn=2, key_set=key_set()),
        "retire": make.text("retire", namespace=NS, turn=2, reason="withdrawn"),
        "watchlist": make.text("watchlist", seq=1, prev=None, add=["hf://meta-llama", "hf://openai"], remove=[]),
        "observation": make.observation(REPO, small.REVISION, OPS, small.files()),
        "withdrawal": make.withdrawal(REPO, small.REVISION),
        "roots": make.text("roots", covers=4, records=DIGEST, files=DIGEST, names=None),
    }


def _with(text: str, **changed: Any) -> str:
    return strict.encode({**strict.loads(text, ""), **changed})


NOT_IN_FORCE: dict[str, str] = {
    "operators with other rules": make.operators([OPS], rules=2),
    "operators with a Sigstore root": make.operators([OPS], sigstore=DIGEST),
    "a release with a card": make.release(seal(), ANA, card=DIGEST),
    "a signer that is no key": _with(make.release(seal(), ANA), signer={"kind": "email", "email": "a@acme.example"}),
    "a type nobody knows": make.text("promise", namespace=NS),
}  # fmt: skip


def _without(text: str, name: str) -> str:
    value = strict.loads(text, "")
    del value[name]
    return strict.encode(value)


def _malformed() -> Iterator[tuple[str, str]]:
    of = samples()
    many = strict.ordered([make.key(str(n)).key.value() for n in range(17)])
    for type_, text in of.items():
        yield f"{type_}: an unknown field", _with(text, extra=None)
        yield f"{type_}: no origin", _without(text, "origin")
        yield f"{type_}: an origin with a scheme", _with(text, origin="https://registry.example")
        yield f"{type_}: not canonical", text.replace('":', '": ', 1)
        last = sorted(strict.loads(text, "").keys() - {"v", "type", "origin"})[-1]
        yield f"{type_}: no {last}", _without(text, last)
    yield "operators: no keys", _with(of["operators"], keys=[])
    yield "operators: 17 keys", _with(of["operators"], keys=many)
    yield "operators: threshold 0", _with(of["operators"], threshold=0)
    yield "operators: threshold above the number of keys", _with(of["operators"], threshold=2)
    yield "operators: a predecessor at seq 1", _with(of["operators"], prev=DIGEST)
    observers = [OPS.key.value(), ANA.key.value()]
    yield (
        "operators: observers not sorted",
        _with(of["operators"], observers=list(reversed(strict.ordered(observers)))),
    )
    yield "operators: a key twice", _with(of["operators"], keys=[OPS.key.value()] * 2)
    both = strict.ordered([{**K, "algorithm": "ed25519"}, K])
    yield "operators: a fingerprint under two algorithms", _with(of["operators"], keys=both)
    yield "identity: turn 0", _with(of["identity"], turn=0)
    yield "identity: another basis", _with(of["identity"], basis="trust-me")
    yield "identity: a claim for another log", make.identity(_with(claim(), origin="other.example"), [ANA])
    yield "identity: a claim that is an object", _with(of["identity"], claim=strict.loads(claim(), ""))
    yield "identity: a record instead of a claim", _with(of["identity"], claim=of["revocation"])
    yield "identity: 17 digests of evidence", _with(of["identity"], evidence=[f"{n:064x}" for n in range(17)])
    names = ["hf://Acme", "hf://acme"]
    yield "identity: resembles two spellings of one name", _with(of["identity"], resembles=names)
    yield "claim: accounts in two spellings", _with(claim(), accounts=names)
    yield "claim: 17 families", _with(claim(), families=[f"F{n:02d}" for n in range(17)])
    yield "claim: a title with a line feed", _with(claim(), title="Acme\nLab")
    yield "claim: a domain that is an address", _with(claim(), domain="https://acme.example")
    yield "claim: no key set at seq 1", _with(claim(), key_set=None)
    yield "claim: a key set at seq 2", _with(claim(), seq=2, prev=DIGEST)
    yield "claim: no predecessor at seq 2", _with(claim(), seq=2, key_set=None)
    yield "claim: a scope in upper case", _with(claim(), key_set=make.key_set([ANA], [(ANA, "hf://Acme-Lab/*")]))
    yield "claim: a namespace that is a repo", _with(claim(), namespace=REPO)
    yield "keys: seq 1", _with(of["keys"], seq=1, prev=None)
    yield "keys: no predecessor", _with(of["keys"], prev=None)
    yield "keys: no controllers", _with(of["keys"], key_set={**key_set(), "controllers": []})
    yield "keys: 17 controllers", _with(of["keys"], key_set={**key_set(), "controllers": many})
    yield "keys: threshold 2 of 1", _with(of["keys"], key_set={**key_set(), "threshold": 2})
    signers = [(make.key(f"s{n}"), NS + "/*") for n in range(65)]
    yield "keys: 65 signers", _with(of["keys"], key_set=make.key_set([ANA], signers))
    twice = key_set()
    twice["signers"] *= 2
    yield "keys: a signer twice with one scope", _with(of["keys"], key_set=twice)
    yield "release: no files", _with(of["release"], files=0)
    yield "release: no bytes", _with(of["release"], total_bytes=0)
    yield "release: an empty bundle", _with(of["release"], bundle_size=0)
    yield "release: a branch", _with(of["release"], revision="main")
    yield "release: a repo without its owner", _with(of["release"], repo="hf://atlas-7b")
    yield "release: a digest in upper case", _with(of["release"], seal=DIGEST.upper())
    yield "release: 17 weights", _with(of["release"], weights=[f"{n:064x}" for n in range(17)])
    yield "release: weights not sorted", _with(of["release"], weights=["ff" * 32, "00" * 32])
    yield "release: a weight twice", _with(of["release"], weights=["00" * 32] * 2)
    yield "release: an algorithm nobody knows", _with(of["release"], signer={**K, "algorithm": "rsa"})
    yield "release: a signer with a scope", _with(of["release"], signer={**K, "scope": NS + "/*"})
    yield "revocation: nothing", make.revocation(NS)
    yield "revocation: a repo without a seal", make.revocation(NS, repo=REPO)
    yield "revocation: a seal without a repo", make.revocation(NS, seal=DIGEST)
    yield "revocation: a seal and contents", make.revocation(NS, repo=REPO, seal=DIGEST, fileset=DIGEST)
    yield "revocation: another reason", make.revocation(NS, "because", repo=REPO, seal=DIGEST)
    yield "revocation: the repo of another owner", make.revocation("hf://openai", repo=REPO, seal=DIGEST)
    yield "revocation: the owner in another spelling", make.revocation("hf://Acme-Lab", repo=REPO, seal=DIGEST)
    branch = make.revocation(NS, repo=REPO, seal=DIGEST, replacement="main")
    yield "revocation: replaced by a branch", branch
    signed = _with(of["revocation"], repo=None, seal=None, signer=K)
    yield "revocation: a signer and contents", _with(signed, fileset=DIGEST)
    yield "revocation: a signer with a scope", _with(signed, signer={**K, "scope": NS + "/*"})
    yield "release: it replaces itself", _with(of["release"], replaces=strict.loads(of["release"], "")["seal"])
    yield "release: it replaces a repo", _with(of["release"], replaces=REPO)
    yield "objection: to a name", _with(of["objection"], target=NS)
    for type_ in ("suspend", "lift", "recover", "retire"):
        yield f"{type_}: turn 0", _with(of[type_], turn=0)
        yield f"{type_}: a repo", _with(of[type_], namespace=REPO)
    for type_ in ("suspend", "retire"):
        yield f"{type_}: another reason", _with(of[type_], reason="because")
    yield "recover: no controllers", _with(of["recover"], key_set={**key_set(), "controllers": []})
    yield "watchlist: it changes nothing", _with(of["watchlist"], add=[])
    yield "watchlist: a name added and removed", _with(of["watchlist"], remove=["hf://OpenAI"])
    yield "watchlist: a name in two spellings", _with(of["watchlist"], add=["hf://OpenAI", "hf://openai"])
    yield "watchlist: not sorted", _with(of["watchlist"], add=["hf://openai", "hf://meta-llama"])
    yield "watchlist: 257 names", _with(of["watchlist"], add=[f"hf://n{n:03d}" for n in range(257)])
    yield "watchlist: a predecessor at seq 1", _with(of["watchlist"], prev=DIGEST)
    yield "operators: no predecessor at seq 2", _with(of["operators"], seq=2)
    yield "observation: no files", _with(of["observation"], files=0)
    yield "observation: no bytes", _with(of["observation"], total_bytes=0)
    yield "observation: a branch", _with(of["observation"], revision="main")
    yield "observation: a namespace", _with(of["observation"], repo=NS)
    yield "observation: a fileset in upper case", _with(of["observation"], fileset=DIGEST.upper())
    yield "observation: another basis", _with(of["observation"], basis="hash-list")
    yield "observation: an empty predecessor", _with(of["observation"], prev="")
    yield "observation: a time", _with(of["observation"], seen=small.START)
    yield "observation: a signer with a scope", _with(of["observation"], signer={**K, "scope": NS + "/*"})
    yield "observation: an owner", _with(of["observation"], namespace=NS)
    yield "withdrawal: a branch", _with(of["withdrawal"], revision="main")
    yield "withdrawal: null as revision", _with(of["withdrawal"], revision=None)
    yield "withdrawal: a namespace", _with(of["withdrawal"], repo=NS)
    yield "withdrawal: another reason", _with(of["withdrawal"], reason="because")
    yield "withdrawal: a turn", _with(of["withdrawal"], turn=2)
    yield "roots: covers nothing", _with(of["roots"], covers=0)
    yield "a number as version", _with(of["roots"], v="1")
    yield "true as version", _with(of["roots"], v=True)
    yield "a list", "[]"
    yield "nothing", ""


def _leaf_headers(record: str, by: list[Private]) -> list[tuple[str, str]]:
    prints = sorted(one.key.sha256.hex() for one in by)
    return [("digest", hashlib.sha256(record.encode()).hexdigest()), *(("signed-by", one) for one in prints)]


def make_leaves() -> Iterator[Vector]:
    of = samples()
    signers = {"operators": [], "roots": [], "identity": [OPS], "observation": [OPS], "withdrawal": [OPS]}

    def leaf(phrase: str, expect: str, data: str, headers: list[tuple[str, str]] | None = None) -> Vector:
        found = headers or []
        if expect == "ok":
            found = [("leaf-hash", hashlib.sha256(b"\0" + data.encode()).hexdigest()), *found]
        return vector("leaves", phrase, expect, data, found)

    def good(record: str, by: list[Private]) -> dict[str, Any]:
        text = encode_leaf(record, make.entries(envelope.RECORD, record, by), small.START).decode()
        return strict.loads(text, "")  # type: ignore[no-any-return]

    for type_, record in of.items():
        if type_ == "claim":
            continue
        by = signers.get(type_, [ANA])
        yield leaf(f"{type_}", "ok", strict.encode(good(record, by)), _leaf_headers(record, by))
    record = of["keys"]
    value = good(record, [ANA, OPS])
    yield leaf("two signatures", "ok", strict.encode(value), _leaf_headers(record, [ANA, OPS]))
    reversed_ = {**value, "signatures": value["signatures"][::-1]}
    yield leaf("signatures not sorted by fingerprint", "malformed", strict.encode(reversed_))
    one = good(record, [ANA])
    yield leaf("two signatures by one key", "malformed", strict.encode({**one, "signatures": one["signatures"] * 2}))
    many = [Entry(b"%02d" % n, b"x") for n in range(33)]
    many.sort(key=lambda entry: entry.fingerprint)
    yield leaf("33 signatures", "malformed", strict.encode({**one, "signatures": [e.value() for e in many]}))
    wrong = {**one, "signatures": [Entry(ANA.public.spki, ANA.sign(b"another")).value()]}
    yield leaf("a signature over something else", "refused", strict.encode(wrong))
    as_claim = {**one, "signatures": [ANA.entry(envelope.CLAIM, record).value()]}
    yield leaf("a signature over the record as a claim", "refused", strict.encode(as_claim))
    mixed = {**value, "signatures": [ANA.entry(envelope.RECORD, record), Entry(OPS.public.spki, bytes(64))]}
    mixed["signatures"] = [e.value() for e in sorted(mixed["signatures"], key=lambda entry: entry.fingerprint)]
    yield leaf("one signature good, one not", "refused", strict.encode(mixed))
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + bytes([2]) + bytes(32)
    no_key = {**one, "signatures": [Entry(compressed, b"x").value()]}
    yield leaf("a signature by a key with a compressed point", "refused", strict.encode(no_key))
    neutral = Entry(bytes.fromhex("302a300506032b6570032100") + b"\x01" + bytes(31), b"\x01" + bytes(63))
    yield leaf(
        "a signature by a key of small order", "refused", strict.encode({**one, "signatures": [neutral.value()]})
    )
    keyless = {**one, "signatures": [{"bundle": {}}]}
    yield leaf("a keyless signature", "unsupported", strict.encode(keyless))
    inner = make.identity(claim(), [OPS])
    forged = strict.loads(inner, "")
    forged["claim_signatures"] = [Entry(ANA.public.spki, ANA.sign(b"another")).value()]
    by_ops = good(strict.encode(forged), [OPS])
    yield leaf("an identity whose claim is signed over something else", "refused", strict.encode(by_ops))
    yield leaf("a claim alone", "malformed", strict.encode(good_raw(of["claim"], [ANA])))
    yield leaf("an unknown field", "malformed", strict.encode({**one, "extra": 1}))
    yield leaf("no time", "malformed", _without(strict.encode(one), "time"))
    yield leaf("a time below zero", "malformed", strict.encode({**one, "time": -1}))
    yield leaf("a record that is an object", "malformed", strict.encode({**one, "record": strict.loads(record, "")}))
    yield leaf("a record with spaces", "malformed", strict.encode({**one, "record": record.replace(":", ": ", 1)}))
    yield leaf("version 2", "unsupported", strict.encode({**one, "v": 2}))
    yield leaf("a record of version 2", "unsupported", strict.encode(good_raw(_with(record, v=2), [ANA])))
    yield leaf("a line feed at the end", "malformed", strict.encode(one) + "\n")
    long = strict.encode({**one, "record": record + " " * 50_000})
    yield leaf("larger than 48 KiB", "malformed", long)
    for phrase, text in NOT_IN_FORCE.items():
        yield leaf(f"not in force: {phrase}", "unsupported", strict.encode(good_raw(text, [ANA])))


def good_raw(record: str, by: list[Private]) -> dict[str, Any]:
    """The leaf of a text that no maker of ours would put into one."""
    entries = make.entries(envelope.RECORD, record, by)
    return {"v": 1, "time": small.START, "record": record, "signatures": [entry.value() for entry in entries]}


def make_submissions() -> Iterator[Vector]:
    of = samples()

    def case(phrase: str, expect: str, data: str | bytes, headers: list[tuple[str, str]] | None = None) -> Vector:
        return vector("submissions", phrase, expect, data, headers or [])

    for type_, record in of.items():
        by = {"operators": [], "roots": []}.get(type_, [ANA])
        by = [OPS] if type_ in ("identity", "observation", "withdrawal") else by
        data = make.submission(record, by, seal() if type_ == "release" else None)
        yield case(type_, "ok", data, _leaf_headers(record, by))
    release = strict.loads(make.submission(of["release"], [ANA], seal()).decode(), "")
    no_seal = {**release, "seal": None}
    yield case("a release without its seal", "ok", strict.encode(no_seal), _leaf_headers(of["release"], [ANA]))
    unsigned = {**release, "signatures": []}
    yield case("not signed yet", "ok", strict.encode(unsigned), _leaf_headers(of["release"], []))
    as_record = {**release, "record": claim(), "seal": None}
    as_record["signatures"] = [ANA.entry(envelope.RECORD, claim()).value()]
    yield case("a claim signed as a record", "refused", strict.encode(as_record))
    revocation = strict.loads(make.submission(of["revocation"], [ANA]).decode(), "")
    yield case("a revocation with a seal", "malformed", strict.encode({**revocation, "seal": seal()}))
    yield case("a seal that is an object", "malformed", strict.encode({**release, "seal": {}}))
    yield case("an unknown field", "malformed", strict.encode({**release, "extra": 1}))
    yield case("no signatures", "malformed", _without(strict.encode(release), "signatures"))
    yield case("a time", "malformed", strict.encode({**release, "time": 1}))
    yield case("a list", "malformed", "[]")
    yield case("nothing", "malformed", "")
    yield case("a line feed at the end", "malformed", strict.encode(release) + "\n")
    yield case("version 2", "unsupported", strict.encode({**release, "v": 2}))
    for phrase, text in NOT_IN_FORCE.items():
        unsigned_text = strict.encode({"v": 1, "record": text, "signatures": [], "seal": None})
        yield case(f"not in force: {phrase}", "unsupported", unsigned_text)


def _keys_of(type_: str, text: str) -> list[tuple[str, str]]:
    match type_:
        case "operators":
            return [("records-key", "operators")]
        case "watchlist":
            return [("records-key", "watchlist")]
        case "identity" | "keys" | "objection" | "suspend" | "lift" | "recover" | "retire":
            return [("records-key", "ns:hf://acme-lab")]
        case "release":
            weight = hashlib.sha256(small.CONTENTS["model.safetensors"]).hexdigest()
            return [("records-key", "repo:hf://acme-lab/atlas-7b"), ("files-key", f"file:{weight}")]
        case "revocation":
            return [("records-key", "repo:hf://acme-lab/atlas-7b")]
        case "observation" | "withdrawal":
            return [("records-key", "observed:hf://acme-lab/atlas-7b")]
    return []


def make_records() -> Iterator[Vector]:
    for type_, text in samples().items():
        digest = ("digest", hashlib.sha256(text.encode()).hexdigest())
        yield vector("records", type_, "ok", text, [digest, *_keys_of(type_, text)])
    more = {
        "a later claim": make.claim(NS, seq=2, prev=DIGEST, title="Acme & Sons"),
        "an identity issued again": make.identity(claim(), [], turn=2),
        "contents revoked everywhere": make.revocation(NS, fileset=DIGEST),
        "a signer revoked": make.revocation(NS, signer=K),
        "a release that replaces a seal": make.release(seal(), ANA, replaces=DIGEST),
        "a later version of the operators": make.operators([OPS], seq=2, prev=DIGEST),
        "a watch-list of 256 names": make.text(
            "watchlist", seq=2, prev=DIGEST, add=[], remove=[f"hf://n{n:03d}" for n in range(256)]
        ),
        "a release in capital letters": make.release(seal(), ANA, repo="hf://ACME-Lab/Atlas-7B"),
        "a release of a dataset": make.release(seal(), ANA, repo="hf://datasets/acme-lab/corpus", weights=[]),
        "an observation in capital letters": make.observation("hf://Acme-Lab/ATLAS-7B", small.REVISION, OPS),
        "an observation of a dataset, downloaded": make.observation(
            "hf://datasets/acme-lab/corpus", small.REVISION, OPS, basis="downloaded", prev=DIGEST
        ),
        "a withdrawal in a space": make.withdrawal("hf://spaces/acme-lab/demo", small.REVISION, "superseded"),
        "roots with a names object": make.text("roots", covers=4, records=DIGEST, files=DIGEST, names=DIGEST),
    }
    keys = {
        "an identity issued again": [("records-key", "ns:hf://acme-lab")],
        "contents revoked everywhere": [("records-key", "ns:hf://acme-lab")],
        "a signer revoked": [("records-key", "ns:hf://acme-lab")],
        "a release that replaces a seal": _keys_of("release", ""),
        "a later version of the operators": [("records-key", "operators")],
        "a watch-list of 256 names": [("records-key", "watchlist")],
        "a release in capital letters": _keys_of("release", ""),
        "a release of a dataset": [("records-key", "repo:hf://datasets/acme-lab/corpus")],
        "an observation in capital letters": _keys_of("observation", ""),
        "an observation of a dataset, downloaded": [("records-key", "observed:hf://datasets/acme-lab/corpus")],
        "a withdrawal in a space": [("records-key", "observed:hf://spaces/acme-lab/demo")],
    }
    for phrase, text in more.items():
        digest = ("digest", hashlib.sha256(text.encode()).hexdigest())
        yield vector("records", phrase, "ok", text, [digest, *keys.get(phrase, [])])
    for phrase, text in _malformed():
        yield vector("records", phrase, "malformed", text)
    yield vector("records", "version 2", "unsupported", _with(samples()["release"], v=2))
    for phrase, text in NOT_IN_FORCE.items():
        yield vector("records", f"not in force: {phrase}", "unsupported", text)


def make_vectors() -> Iterator[Vector]:
    yield from make_records()
    yield from make_leaves()
    yield from make_submissions()
