"""What a publisher may not do, and what may be done to one: the real command against a real registry."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from modelseal import keys
from modelseal.formats import paths, strict
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.leaves import Submission
from modelseal.formats.note import Note
from modelseal.keys import SigningKey
from tests.support import make
from tests.support.client import WAIT_S, Address, Answer, Ran, Someone, dripping, endless, redirect, status
from tests.support.person import COMMIT, MODEL, Person
from tests.support.servers import RegistryProcess, operate, running
from tests.support.world import World

ANA, BEN, CY, CI, NARROW = (make.key(name) for name in ("ana", "ben", "cy", "ci", "narrow"))
OTHER_COMMIT = "0" * 39 + "1"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """acme-lab belongs to ana; duo to any two of ana, ben and cy. ci seals for both, narrow only acme-lab/narrow."""
    with running(tmp_path_factory.mktemp("publishers") / "reg") as found:
        found.approve("hf://acme-lab", ANA, [(CI, "hf://acme-lab/*"), (NARROW, "hf://acme-lab/narrow")])
        signers = [(CI, "hf://duo/*")]
        text = make.claim("hf://duo", [ANA, BEN, CY], signers, threshold=2, origin=found.origin)
        assert found.post(make.submission(text, [ANA, BEN]))[0] == 202
        operate(
            found.folder, "claims", "approve", f"duo@{make.digest(text)[:12]}", "--without-evidence", "a test", "--yes"
        )
        yield found


@pytest.fixture
def person(tmp_path: Path, registry: RegistryProcess) -> Person:
    person = Person(tmp_path, registry)
    for name in ("ana", "ben", "cy", "ci", "narrow", "stranger"):
        person.key(name)
    person.model()
    return person


def size(registry: RegistryProcess) -> int:
    return Checkpoint.parse(Note.parse(registry.get("checkpoint")).text).size


def publish(person: Person, repo: str, *more: str | Path, key: str = "ci", path: str = "./atlas-7b") -> Ran:
    return person.run("publish", path, "--repo", repo, "--revision", COMMIT, "--no-hub", "--key", f"{key}.key", *more)


class Nothing:
    """Insist that a block logs nothing, leaves nothing waiting, and writes nothing."""

    def __init__(self, person: Person) -> None:
        assert person.registry
        self._person, self._registry = person, person.registry

    def _now(self) -> tuple[dict[str, bytes], list[int]]:
        paths = (self._person.here / name for name in self._person.left())
        files = {str(path): path.read_bytes() for path in paths if path.is_file()}
        with contextlib.closing(sqlite3.connect(f"file:{self._registry.folder}/log.sqlite?mode=ro", uri=True)) as db:
            tables = ("leaves", "pending", "claims", "seals")
            return files, [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]

    def __enter__(self) -> None:
        self._before = self._now()

    def __exit__(self, kind: object, *error: object) -> None:
        assert kind is not None or self._now() == self._before


# an answer of a registry that takes half a minute: asked first, looked at last


@pytest.fixture(scope="module", autouse=True)
def dripped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Ran]]:
    folder = tmp_path_factory.mktemp("dripping")
    with Address() as address, ThreadPoolExecutor(1) as pool:
        _, someone = lied_to(folder, address, dripping)
        yield pool.submit(someone.run, *LIED_TO)


# who may seal what


def test_a_key_without_scope_may_not_seal(person: Person) -> None:
    with Nothing(person):
        for key, repo in (("stranger", "acme-lab/a"), ("ana", "acme-lab/a"), ("narrow", "acme-lab/a")):
            refused = publish(person, repo, key=key).says(1, "no scope covers it", "name it as a signer in ns.toml")
            assert f"may not seal hf://{repo}" in refused.err
        refused = publish(person, "acme-lab/a", "--json", key="stranger").says(1)
        assert (refused.json["verdict"], refused.json["use"]) == ("refused", "no")
    publish(person, "acme-lab/narrow", key="narrow").says(0, "VERIFIED")


def test_nobody_seals_in_a_namespace_that_is_not_approved(person: Person) -> None:
    with Nothing(person):
        unknown = publish(person, "nobody/atlas").says(1, "hf://nobody is not an approved namespace of this log")
        assert "claim it: modelseal claim ns.toml" in unknown.err
        publish(person, "datasets/nobody/atlas").says(1, "hf://nobody is not an approved namespace of this log")


def test_a_scope_for_models_covers_no_datasets(person: Person) -> None:
    with Nothing(person):
        publish(person, "datasets/acme-lab/corpus").says(1, "may not seal hf://datasets/acme-lab/corpus")


def test_the_same_again_gets_the_same_answer_and_logs_nothing(person: Person, registry: RegistryProcess) -> None:
    first = publish(person, "acme-lab/again").says(0, "VERIFIED", "wrote:    atlas-7b/model.sig, atlas-7b.evidence")
    seal, logged = (person.here / "atlas-7b/model.sig").read_bytes(), size(registry)
    for extra in ((), ("--wait", "0s")):
        again = publish(person, "acme-lab/again", *extra).says(0, "VERIFIED", "it was in the log already")
        assert again.out.splitlines()[1] == first.out.splitlines()[1]
    (person.here / "atlas-7b/model.sig").unlink()
    publish(person, "acme-lab/again").says(0, "it was in the log already")
    assert (person.here / "atlas-7b/model.sig").read_bytes() == seal
    assert size(registry) == logged


def test_a_second_seal_for_a_commit_is_refused_and_names_the_first(person: Person) -> None:
    publish(person, "acme-lab/second").says(0)
    first = re.search(r"leaf (\d+)", person.run("show", "acme-lab/second").out)
    assert first
    seal = person.run("show", "acme-lab/second", "--json").json["seal"]
    (person.here / "atlas-7b/config.json").write_bytes(b"[]")
    with Nothing(person):
        refused = publish(person, "acme-lab/second")
        refused.says(1, f"acme-lab/second@{COMMIT} is sealed already: leaf {first[1]}", seal, "at a new commit")


def test_another_signer_at_a_sealed_commit_is_refused(person: Person) -> None:
    publish(person, "acme-lab/narrow", key="narrow").says(0)
    os.unlink(person.here / "atlas-7b/model.sig")
    with Nothing(person):
        refused = publish(person, "acme-lab/narrow", key="ci").says(1, f"@{COMMIT} is sealed already")
    assert f"by {NARROW.public.fingerprint}" in refused.err


@pytest.mark.parametrize("revision", ["v10", COMMIT[:39], COMMIT.upper(), COMMIT + "0", "refs/pr/1", ""])
def test_a_revision_that_is_no_commit_is_a_usage_error(person: Person, revision: str) -> None:
    with Nothing(person):
        for verb in ("publish", "sign"):
            words = (verb, "./atlas-7b", "--repo", "acme-lab/a", "--no-hub", "--key", "ci.key")
            person.run(*words, "--revision", revision).says(2, "a commit of 40 hex digits")


def test_main_and_no_revision_name_no_commit(person: Person) -> None:
    with Nothing(person):
        for more in (("--revision", "main"), ()):
            person.run("publish", "./atlas-7b", "--repo", "acme-lab/a", "--no-hub", "--key", "ci.key", *more).says(
                2, "a commit is wanted: 40 hex digits"
            )
        publish(person, f"acme-lab/a@{OTHER_COMMIT}").says(2, "two revisions", OTHER_COMMIT, COMMIT)


# folders that cannot be sealed


def _empty(folder: Path) -> None:
    for name in MODEL:
        (folder / name).unlink()


def _empty_but_ignored(folder: Path) -> None:
    _empty(folder)
    (folder / ".gitignore").write_text("*")


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (lambda f: (f / "link.bin").symlink_to(f / "config.json"), "link.bin"),
    "a link to nothing": (lambda f: (f / "link.bin").symlink_to("/nowhere"), "link.bin"),
    "a linked folder": (lambda f: (f / "folder").symlink_to("/etc"), "folder"),
    "a FIFO": (lambda f: os.mkfifo(f / "pipe"), "pipe"),
    "a backslash": (lambda f: (f / "a\\b").write_bytes(b"x"), "U+005C"),
    "a newline": (lambda f: (f / "a\nVERIFIED b").write_bytes(b"x"), "U+000A"),
    "an escape sequence": (lambda f: (f / "\x1b[2K").write_bytes(b"x"), "U+001B"),
    "a name that is not UTF-8": (lambda f: Path(os.fsdecode(bytes(f) + b"/\xff")).write_bytes(b"x"), "ff"),
    "a device name": (lambda f: (f / "NUL.txt").write_bytes(b"x"), "device name"),
    "a trailing dot": (lambda f: (f / "x.").write_bytes(b"x"), "dot or a space"),
    "one name twice": (lambda f: (f / "CONFIG.JSON").write_bytes(b"x"), "same file on some systems"),
    "no bytes": (lambda f: [(f / name).write_bytes(b"") for name in MODEL], "no bytes to seal"),
    "no files": (_empty, "atlas-7b"),
    "only what is ignored": (_empty_but_ignored, "atlas-7b"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_consumers_would_refuse_is_not_sealed(case: str, person: Person) -> None:
    spoil, words = FOLDERS[case]
    spoil(person.here / "atlas-7b")
    with Nothing(person):
        refused = publish(person, "acme-lab/folders").says(2, words)
        assert not any(line.startswith("VERIFIED") for line in (refused.out + refused.err).splitlines())


def test_a_path_that_is_no_folder_is_a_usage_error(person: Person) -> None:
    for path in ("./nothing", "./ci.key"):
        publish(person, "acme-lab/folders", path=path).says(2)


def _seal_of_another_repo(person: Person) -> bytes:
    person.run("sign", "./atlas-7b", "--repo", f"acme-lab/other@{COMMIT}", "--no-hub", "--key", "ci.key").says(0)
    return (person.here / "atlas-7b/model.sig").read_bytes()


FOREIGN: dict[str, tuple[Callable[[Person], bytes], str]] = {
    "no seal at all": (lambda person: b"my notes", "is not a seal of ours and is not overwritten"),
    "a seal of another tool": (
        lambda person: b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}',
        "is not a seal of ours and is not overwritten",
    ),
    "a seal of another repo": (_seal_of_another_repo, "seals acme-lab/other and is not overwritten"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_model_sig_is_never_overwritten(case: str, person: Person) -> None:
    contents, words = FOREIGN[case]
    (person.here / "atlas-7b/model.sig").write_bytes(contents(person))
    with Nothing(person):
        publish(person, "acme-lab/foreign").says(1, words)


def test_a_model_sig_that_is_a_link_is_not_followed(person: Person) -> None:
    (person.here / "precious").write_bytes(b"precious")
    (person.here / "atlas-7b/model.sig").symlink_to(person.here / "precious")
    with Nothing(person):
        publish(person, "acme-lab/foreign").says(2, "model.sig", "link")


# keys


def test_a_wrong_password_is_a_usage_error(person: Person) -> None:
    (person.here / "right").write_text("right\n")
    (person.here / "wrong").write_text("wrong\n")
    person.run("keygen", "-o", "locked", "--password-file", "right").says(0)
    with Nothing(person):
        for more in (("--password-file", "wrong"), ()):
            publish(person, "acme-lab/a", *more, key="locked").says(2, "locked.key", "password")


def test_a_key_that_others_can_read_is_warned_about(person: Person) -> None:
    (person.here / "ci.key").chmod(0o644)
    done = publish(person, "acme-lab/readable", "--json").says(0, "warning: ci.key can be read by others; chmod 600")
    assert done.json["verdict"] == "verified"


def test_what_is_no_private_key_is_a_usage_error(person: Person) -> None:
    with Nothing(person):
        words = ("publish", "./atlas-7b", "--repo", f"acme-lab/a@{COMMIT}", "--no-hub")
        for key in ("ci.pub", "nothing.key", "atlas-7b", "env:NOT_SET"):
            person.run(*words, "--key", key).says(2, key)
        person.run(*words).says(2, "exactly one --key is wanted")


# what cannot be written


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_logged(person: Person) -> None:
    (person.here / "notes").write_bytes(b"precious")
    (person.here / "folder").mkdir()
    with Nothing(person):
        for option in ("--signature", "--save"):
            publish(person, "acme-lab/places", option, "./notes/x").says(2, "notes: no such folder")
            publish(person, "acme-lab/places", option, "./nowhere/x").says(2, "nowhere: no such folder")
            publish(person, "acme-lab/places", option, "./atlas-7b/x.sig").says(2, "is inside the folder")
        publish(person, "acme-lab/places", "--save", "./notes").says(1, "is not evidence and is not overwritten")
        publish(person, "acme-lab/places", "--save", "./folder").says(1, "is not evidence and is not overwritten")


def test_a_full_disk_leaves_nothing_half_written_and_the_same_again_finishes(person: Person) -> None:
    person.run("show", "acme-lab/full").says(1)
    before = person.left()
    argv = [sys.executable, "-m", "modelseal", "publish", "./atlas-7b", "--repo", f"acme-lab/full@{COMMIT}"]
    done = subprocess.run(
        [*argv, "--no-hub", "--key", "ci.key"],
        cwd=person.here, env=person.env, capture_output=True, text=True, timeout=WAIT_S,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    Ran(done.returncode, done.stdout, done.stderr).says(6, "cannot be written: file too large")
    assert person.left() == before
    publish(person, "acme-lab/full").says(0, "VERIFIED", "wrote:    atlas-7b/model.sig, atlas-7b.evidence")


def test_a_dry_run_sends_and_writes_nothing(person: Person) -> None:
    person.ns_toml("acme-lab", ["ana", "ben"], ["ci"])
    with Nothing(person):
        publish(person, "acme-lab/dry", "--dry-run").says(0, "DRY RUN acme-lab/dry@", "nothing was sent")
    publish(person, "acme-lab/dry").says(0)
    with Nothing(person):
        publish(person, "acme-lab/dry", "--dry-run").says(0, "it was in the log already")
        person.run("claim", "ns.toml", "--key", "ana.key", "--dry-run").says(0, "DRY RUN acme-lab", "nothing was sent")
        revoke(person, "acme-lab/dry", "--dry-run", key=None).says(0, "DRY RUN", f"voids:    acme-lab/dry@{COMMIT}")


# revoking


def revoke(person: Person, repo: str, *more: str, key: str | None = "ana") -> Ran:
    by = ("--key", f"{key}.key") if key else ()
    return person.run("revoke", f"{repo}@{COMMIT}", "--reason", "malicious", "--yes", *by, *more)


def test_a_signer_revokes_its_own_release_and_nothing_else(person: Person) -> None:
    publish(person, "acme-lab/mine").says(0)
    with Nothing(person):
        for key, more in (("narrow", ()), ("stranger", ()), ("ci", ("--everywhere",))):
            revoke(person, "acme-lab/mine", *more, key=key).says(1, "does not count here")
    revoke(person, "acme-lab/mine", key="ci").says(0, "REVOKED (malicious) acme-lab/mine@")
    person.run("verify", "./atlas-7b", "--repo", "acme-lab/mine").says(1, "FAILED REVOKED (malicious) acme-lab/mine")


def test_what_is_not_sealed_cannot_be_revoked(person: Person) -> None:
    publish(person, "acme-lab/unsealed").says(0)
    with Nothing(person):
        revoke(person, "acme-lab/never").says(1, f"acme-lab/never@{COMMIT} is not sealed")
        person.run(
            "revoke", f"acme-lab/unsealed@{OTHER_COMMIT}", "--reason", "malicious", "--yes", "--key", "ana.key"
        ).says(1, f"acme-lab/unsealed@{OTHER_COMMIT} is not sealed, so there is nothing to revoke")


def test_revoking_again_is_refused_and_publishing_again_does_not_revive(person: Person) -> None:
    publish(person, "acme-lab/dead").says(0)
    revoke(person, "acme-lab/dead").says(0)
    with Nothing(person):
        revoke(person, "acme-lab/dead").says(1, "is revoked already (malicious)")
        publish(person, "acme-lab/dead").says(1, "FAILED REVOKED (malicious) acme-lab/dead")


# two of three


def completes(person: Person, record: str, key: str, *words: str) -> None:
    """The next person signs and sends."""
    person.run("record", "sign", record, "--key", f"{key}.key", "--submit").says(0, *words)


def test_one_of_two_cannot_revoke_and_the_second_completes_it(person: Person, registry: RegistryProcess) -> None:
    person.model("atlas-7b", {"config.json": b"to be revoked everywhere"})
    publish(person, "duo/atlas").says(0)
    logged = size(registry)
    draft = f"atlas-{COMMIT[:12]}.record"
    waits = revoke(person, "duo/atlas", "--everywhere").says(10, "PENDING duo/atlas@", "signed by 1 of 2 controllers")
    assert f"draft:    {draft}; the next person: modelseal record sign {draft} --key FILE --submit" in waits.out
    for key in ("ana", "ana", "ci", "stranger"):
        ran = person.run("record", "sign", draft, "--key", f"{key}.key", "--submit")
        ran.says(*((10, "signed by 1 of 2 controllers") if key == "ana" else (1, "does not count here")))
    assert size(registry) == logged
    person.run("verify", "./atlas-7b", "--repo", "duo/atlas").says(0, "VERIFIED")
    completes(person, draft, "cy", "LOGGED", "leaf")
    person.run("verify", "./atlas-7b", "--repo", "duo/atlas").says(1, "FAILED REVOKED (malicious) duo/atlas")


def test_one_of_two_cannot_claim_and_the_second_completes_it(person: Person, registry: RegistryProcess) -> None:
    person.ns_toml("trio", ["ana", "ben", "cy"], ["ci"], threshold=2)
    logged = size(registry)
    person.run("claim", "ns.toml", "--key", "ana.key").says(10, "PENDING trio: signed by 1 of 2 controllers")
    assert "trio@" not in operate(registry.folder, "claims", "list").out
    person.run("record", "sign", "trio.record", "--key", "ben.key", "--submit").says(10, "waits for approval")
    (claim,) = [one for one in operate(registry.folder, "claims", "list", "-q").out.split() if one.startswith("trio@")]
    assert size(registry) == logged
    operate(registry.folder, "claims", "approve", claim, "--without-evidence", "a test", "--yes")
    person.run("claim", "ns.toml").says(0, "CLAIMED trio")


def test_keys_are_added_by_two_of_three_and_a_controller_dropped_after_a_delay(
    person: Person, registry: RegistryProcess
) -> None:
    publish(person, "duo/keys", key="stranger").says(1, "no scope covers it")
    person.ns_toml("duo", ["ana", "ben", "cy"], ["ci", "stranger"], threshold=2)
    added = f"signer added: {make.key('stranger').public.fingerprint}"
    logged = size(registry)
    person.run("claim", "ns.toml", "--key", "ana.key").says(10, "signed by 1 of 2 controllers; nothing was sent", added)
    person.run("record", "show", "duo.record").says(0, added, "signed by 1 of 2 controllers")
    publish(person, "duo/keys", key="stranger").says(1, "no scope covers it")
    assert size(registry) == logged
    completes(person, "duo.record", "ben", "LOGGED key change of duo")
    publish(person, "duo/keys", key="stranger").says(0, "VERIFIED")
    person.ns_toml("duo", ["ana", "ben"], ["ci", "stranger"], threshold=2)
    dropped = person.run("claim", "ns.toml", "--key", "ana.key", "--key", "ben.key").says(10, "in force on 20")
    dropped.says(10, "it drops a controller, and 1 of 3 controllers has not signed it")
    person.ns_toml("duo", ["ana", "ben", "cy"], ["ci", "stranger"], threshold=2)
    person.run("claim", "ns.toml", "--key", "cy.key", "--key", "ben.key").says(0, "withdraws the key change that waits")


def test_neither_a_signer_nor_a_new_controller_changes_the_keys(person: Person) -> None:
    person.ns_toml("acme-lab", ["ana", "stranger"], ["ci", "narrow"])
    with Nothing(person):
        person.run("claim", "ns.toml", "--key", "ci.key").says(1, CI.public.fingerprint, "does not count here")
    person.run("claim", "ns.toml", "--key", "stranger.key").says(10, "signed by 0 of 1 controllers; nothing was sent")


# registries that lie to a publisher

LIED_TO = (
    "publish",
    "./atlas-7b",
    "--repo",
    f"acme-lab/atlas-7b@{COMMIT}",
    "--no-hub",
    "--key",
    "ci.key",
    "--wait",
    "0s",
)


def lied_to(folder: Path, address: Address, answer: Answer) -> tuple[World, Someone]:
    """Somebody whose submission gets *answer*."""
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    address.serve({**world.files()})
    someone = Someone(folder, world, address)
    someone.folder("atlas-7b", dict(MODEL))
    keys.write_pair(someone.here / "ci", SigningKey(CI.secret, CI.public), None)
    address.files["records"] = answer
    return world, someone


def nothing_written(someone: Someone) -> bool:
    return not (someone.here / "atlas-7b/model.sig").exists() and not list(someone.here.glob("*.evidence"))


LIES: dict[str, tuple[Answer, str]] = {
    "endless bytes": (endless, "more than 1048576 bytes"),
    "a redirect": (redirect("http://127.0.0.1:1/records"), "redirect"),
    "an internal error": (status(500), "unreadable reply with status 500"),
    "HTML": (b"<html>log in to this network</html>", "unreadable reply with status 200"),
    "logged, and it is not": (b'{"index":5,"leaf":"","proof":""}', "has not sealed it"),
    "logged, without a place": (b'{"index":"5"}', "answered with status 200"),
    "an array": (b"[]", "unreadable reply with status 200"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_publisher_believes_evidence_and_no_answer(case: str, tmp_path: Path) -> None:
    answer, words = LIES[case]
    with Address() as address:
        _, someone = lied_to(tmp_path, address, answer)
        someone.run(*LIED_TO).says(10, "PENDING: not seen in the log within 0 s", words, "the same command again")
        assert nothing_written(someone)
        assert address.asked.count("records") == 1, "nothing is sent twice"
        assert [path for path in address.asked if path.startswith("evidence/")], "the evidence was asked for"


def test_what_was_logged_is_verified_though_the_answer_was_lost(tmp_path: Path) -> None:
    with Address() as address:

        def log_and_fail(handler: BaseHTTPRequestHandler) -> None:
            sent = Submission.parse(posted[-1])
            world.log(sent.text, [CI])
            assert sent.seal is not None
            world.seals[paths.seal(hashlib.sha256(sent.seal.encode()).digest())] = sent.seal
            address.files.update(world.files())
            status(500)(handler)

        posted = address.posted
        world, someone = lied_to(tmp_path, address, log_and_fail)
        someone.run(*LIED_TO).says(0, "VERIFIED", "wrote:    atlas-7b/model.sig, atlas-7b.evidence")
        someone.run("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b").says(0, "VERIFIED")


def test_a_mirror_that_is_behind_refuses_nobody(tmp_path: Path) -> None:
    """Read addresses may stand before the registry's own; what is about to be sent is judged by the registry."""
    with Address() as behind, Address() as registry:
        world = World(now=int(time.time()))
        digest = world.claim("hf://acme-lab", [ANA], [])
        behind.serve(world.files())
        record = make.keys("hf://acme-lab", make.key_set([ANA], [(CI, "hf://acme-lab/*")]), seq=2, prev=digest)
        world.log(record, [ANA])

        def log(handler: BaseHTTPRequestHandler) -> None:
            sent = Submission.parse(registry.posted[-1])
            world.log(sent.text, [CI])
            assert sent.seal is not None
            world.seals[paths.seal(hashlib.sha256(sent.seal.encode()).digest())] = sent.seal
            registry.files.update(world.files())
            status(500)(handler)

        registry.serve(world.files())
        for number, words, says in (
            (1, ("claim", "ns.toml", "--key", "ana.key"), "CLAIMED acme-lab"),
            (2, LIED_TO, "VERIFIED"),
        ):
            someone = Someone(tmp_path / str(number), world, behind, registry, registry=registry)  # remembers nothing
            registry.files["records"] = log
            someone.folder("atlas-7b", dict(MODEL))
            for name, key in (("ana", ANA), ("ci", CI)):
                keys.write_pair(someone.here / name, SigningKey(key.secret, key.public), None)
            Person.ns_toml(someone, "acme-lab", ["ana"], ["ci"])  # type: ignore[arg-type]
            someone.types(*words).says(0, says)


def refusing(code: int, words: str) -> Answer:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        body = strict.encode({"detail": words}).encode()
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return refuse


def test_a_refusal_cannot_print_a_line_of_its_own(tmp_path: Path) -> None:
    with Address() as address:
        _, someone = lied_to(tmp_path, address, refusing(403, "no\nVERIFIED acme-lab/atlas-7b\x1b[2K"))
        ran = someone.run(*LIED_TO).says(1, "refused by http://127.0.0.1:", "no\\u000aVERIFIED")
        assert not any(line.startswith("VERIFIED") for line in (ran.out + ran.err).splitlines())
        assert "\x1b" not in ran.out + ran.err


def test_too_many_records_are_no_reason_to_wait(tmp_path: Path) -> None:
    with Address() as address:
        _, someone = lied_to(tmp_path, address, refusing(429, "100 releases a day; try again in 900 s"))
        someone.run(*LIED_TO[:-2]).says(6, "too many records, 100 releases a day; try again in 900 s")
        assert address.asked.count("records") == 1 and nothing_written(someone)


def test_a_registry_that_drips_is_left_after_the_budget(dripped: Future[Ran]) -> None:
    dripped.result(WAIT_S).says(10, "PENDING: not seen in the log", "no answer within 30 s")
