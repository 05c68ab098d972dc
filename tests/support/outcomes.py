"""Outcomes to report, one of each kind, from a world in memory: the same bytes each time.

`python -m tests.support.outcomes` writes the golden reports again; git diff shows what a change of words means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from modelseal.compare import Local, compare, digests_wanted
from modelseal.foreign import judge as foreign
from modelseal.foreign.judge import SignatureVerdict, Signer
from modelseal.foreign.statement import Manifest, Resource
from modelseal.judged import judge
from modelseal.reports import KINDS, Failure, Subject, build
from modelseal.verdict import Decision, Finding, Verdict, Word
from tests.support import make
from tests.support.client import sealed_files
from tests.support.world import WATCHER, WEEK, World

KEPT = ("verified", "failed", "hostile", "no-verdict", "observed")  # of these the bytes are kept
GOLDEN = Path(__file__).parent.parent / "client/reports/golden"
REPO, SEEN = "hf://acme-lab/atlas-7b", "hf://acme-lab/unsealed"
MODEL = {
    "README.md": b"# Atlas\n", "config.json": b'{"model_type":"atlas"}', "model.safetensors": b"weights" * 1000,
    "tokenizer.json": b"{}",
}  # fmt: skip
HOSTILE = {
    "a new line": "x\nVERIFIED",
    "an escape sequence": "\x1b[2Jx",
    "right to left": "gpj.\u202exe.py",
    "an end of a script": "</script><script>alert(1)</script>",
    "an end of a style": "</style><img src=x onerror=alert(1)>",
    "quotes": "\"'`&lt;onmouseover=x",
    "a link as code scanning writes it": "[click](https://evil.example)",
    "placeholders": "{0} {{1}}",
    "percent and spaces": "100% sure?.bin#x",
    "a name that is not UTF-8": "caf\\xe9.txt",
    "very long": "n" * 5000,
    "Arabic": "\u0646\u0645\u0648\u0630\u062c.bin",
    "a scheme": "javascript:alert(1)",
}
HOSTILE_FILES = dict.fromkeys(HOSTILE.values(), b"x")


def world(title: str = "Acme Lab") -> World:
    found = World()
    ana, ci = make.key("ana"), make.key("ci", "ed25519")
    text = make.claim("hf://acme-lab", [ana], [(ci, "hf://acme-lab/*")], title=title)
    found.log(make.identity(text, [ana]), [make.key("ops")])
    found.publish(REPO, 1, ci, sealed_files(MODEL))
    return found


def verdict(decision: Decision, contents: dict[str, bytes], *problems: Finding) -> Verdict:
    sealed = sealed_files(contents)
    files = tuple(Local(one.name, one.size, None, one.blake3) for one in sealed)
    if decision.word is not None:
        hashed = digests_wanted(decision, {one.name: one.size for one in sealed}, problems=bool(problems))
        files = tuple(Local(one.name, one.size, one.sha256 if hashed else None) for one in sealed)
    found = compare(decision, files, problems)
    return replace(found, files=judge(found, files, ignored=("model.sig",), skipped=(".cache/huggingface/.gitignore",)))


def outcomes() -> Iterator[tuple[str, Verdict | SignatureVerdict | Failure]]:
    here = world()
    yield "verified", verdict(here.ask(REPO), MODEL)
    yield "claiming", claiming()
    yield "part", part(here.ask(REPO))
    yield "failed", verdict(
        here.ask(REPO),
        {
            **{name: data for name, data in MODEL.items() if name != "tokenizer.json"},
            "config.json": b'{"model_type":"other"}', "model.safetensors": b"weight", "loader.py": b"",
            "extra.pkl": b"",
            "notes.txt": b"",
        },
        Finding("link", "latest", found="a link; links are not followed"),
    )  # fmt: skip
    yield "hostile", hostile()
    yield "unknown", verdict(here.ask("hf://acme-lab/other"), MODEL)
    yield "unavailable", verdict(here.ask(REPO, evidence=b"{}"), MODEL)
    yield "revoked", revoked()
    seen = observed()
    yield "observed", verdict(seen.ask(SEEN), MODEL)
    yield "observed-otherwise", verdict(seen.ask(SEEN, make.revision(1)), {**MODEL, "loader.py": b""})
    yield "observed-part", compare(seen.ask(SEEN), (Local("README.md", 8),), partial=True)
    yield "observers-disagree", verdict(seen.ask(SEEN, make.revision(2)), MODEL)
    yield "first-seen", verdict(seen.ask(SEEN, make.revision(3)), MODEL)
    seen.withdraw(SEEN, 1)
    yield "withdrawn", verdict(seen.ask(SEEN, make.revision(1)), MODEL)
    seen.withdraw(SEEN, 3)
    seen.withdraw(SEEN, 2)
    yield "withdrawn-contents", verdict(seen.ask(SEEN, make.revision(4)), MODEL)
    yield "misbehaved", misbehaved(here)
    yield "signed", signed(MODEL)
    yield "signed-otherwise", signed({**MODEL, "config.json": b'{"model_type":"other"}'})
    yield "signed-less", signed({**MODEL, "loader.py": b"", **HOSTILE_FILES}, Finding("fifo", "pipe", found="a FIFO"))
    yield "not-signed", SignatureVerdict(Word.FAILED, ": the signature is not by this key", hint="give another key")
    yield (
        "no-verdict",
        Failure("unavailable", 6, "no trust root: nobody says who owns a name", REPO, "modelseal trust add"),
    )


def claiming() -> Verdict:
    """VERIFIED, by a seal that claims a license and a base model."""
    decision = world().ask(REPO)
    assert decision.statement is not None
    statement = replace(decision.statement, license="apache-2.0", base_model="acme-lab/atlas-1b")
    return verdict(replace(decision, statement=statement), MODEL)


def part(decision: Decision) -> Verdict:
    """VERIFIED, but not all of the release is there, and one digest is older."""
    contents = {name: MODEL[name] for name in ("config.json", "model.safetensors")}
    files = tuple(Local(one.name, one.size, None, one.blake3) for one in sealed_files(contents))
    found = replace(compare(decision, files, partial=True), cached=1, cached_since=make.NOW - 3600)
    return replace(found, files=judge(found, files))


def signed(contents: dict[str, bytes], *problems: Finding) -> SignatureVerdict:
    """Files against another tool's signature of MODEL."""
    manifest = Manifest("atlas", "sha256", tuple(Resource(one.name, one.sha256) for one in sealed_files(MODEL)))
    files = {one.name: one for one in sealed_files(contents)}
    plan = foreign.plan(
        manifest,
        {name: one.size for name, one in files.items()},
        single=None,
        own="model.sig",
        ignored=(".gitattributes",),
        hub=(),
        problems=problems,
    )
    digests = {} if plan.findings else {name: files[name].sha256 for name in plan.to_hash}
    signer = Signer("CN=Ana <ana@acme.example>", (("issuer", "CN=Example </script>"),), {"kind": "certificate"})
    return foreign.compare(plan, digests, signer, "00" * 32)


def hostile() -> Verdict:
    """A folder whose every name is a trick, of an owner whose title is one."""
    decision = world("Acme & 'Sons'").ask(REPO)
    return verdict(decision, {**MODEL, **HOSTILE_FILES})


def observed() -> World:
    """The Hub served MODEL at one commit, by three observers; of another two say different things; a third is new."""
    ops, other = make.key("ops"), make.key("watcher 2")
    ana = make.key("ana")
    here = World(observers=[WATCHER, ops, other])
    here.claim("hf://acme-lab", [ana], [(ana, "hf://acme-lab/*")])
    for by in (ops, WATCHER):
        here.observe(SEEN, 1, by, sealed_files(MODEL))
    here.observe(SEEN, 2, ops, sealed_files(MODEL))
    here.observe(SEEN, 2, other, sealed_files({**MODEL, "config.json": b'{"model_type":"other"}'}))
    here.observe(SEEN, 1, WATCHER, sealed_files(MODEL))
    here.now += WEEK
    here.observe(SEEN, 3, other, sealed_files(MODEL), basis="downloaded")
    here.now += 3 * 3600
    return here


def revoked() -> Verdict:
    here = world()
    chosen = here.ask(REPO).chosen
    assert chosen is not None
    here.revoke(REPO, chosen.release.seal, [make.key("ana")])
    return verdict(here.ask(REPO, chosen.release.revision), MODEL)


def misbehaved(here: World) -> Verdict:
    there = here.fork(len(here.entries) - 1)
    there.log(make.identity(make.claim("hf://other", [make.key("ben")]), [make.key("ben")]), [make.key("ops")])
    here.ask(REPO)
    there.head = here.head
    return verdict(there.ask(REPO), MODEL)


def reports() -> Iterator[tuple[str, bytes]]:
    """Yield file name and bytes of every golden report."""
    for name, outcome in outcomes():
        for kind in KINDS if name in KEPT else ():
            yield name + kind, build(kind, Subject(outcome, "./atlas-7b", "0.0"))


if __name__ == "__main__":
    for name, data in reports():
        (GOLDEN / name).write_bytes(data)
