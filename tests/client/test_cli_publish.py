"""publish and show: a release, what stands in the log about it, and what other tools read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from modelseal.formats import merkle
from modelseal.formats.checkpoint import Checkpoint, parse_proof
from modelseal.formats.envelope import Bundle
from modelseal.formats.evidence import Evidence
from modelseal.formats.leaves import Leaf
from modelseal.formats.note import Note, Verifier
from modelseal.formats.policy import parse_policy
from modelseal.formats.records import Release
from tests.support.person import COMMIT, MODEL, Person

OTHER = "0" * 40
EXPORTED = [
    "README.txt", "SHA256SUMS", "checkpoint", "model.sig", "policy", "release.json", "release.tlog-proof", "signer.pub",
]  # fmt: skip


def publish(namespace: str, commit: str = COMMIT, *more: str) -> tuple[str, ...]:
    return (
        "publish",
        "./atlas-7b",
        "--repo",
        f"{namespace}/atlas-7b",
        "--revision",
        commit,
        "--no-hub",
        "--key",
        "ci.key",
        *more,
    )


def test_a_dry_run_says_what_would_be_sealed_and_leaves_nothing(person: Person) -> None:
    person.owns("dry")
    person.model()
    before = person.left()
    person.run(*publish("dry"), "--dry-run").says(0, f"DRY RUN dry/atlas-7b@{COMMIT}", "files:    2, 9 bytes")
    assert person.left() == before
    person.run("show", "dry/atlas-7b").says(1, "UNKNOWN dry/atlas-7b: Acme Lab (acme.example) has not sealed it")


def test_publish_is_verified_by_its_own_words_and_again_gives_the_same(person: Person) -> None:
    person.owns("twice")
    folder = person.model()
    done = person.run(*publish("twice")).says(0, "VERIFIED (registry's word only) twice/atlas-7b, sealed by Acme Lab")
    done.says(0, "(owner not checked)", "commit:   taken as given", "wrote:    atlas-7b/model.sig, atlas-7b.evidence")
    seal = (folder / "model.sig").read_bytes()
    evidence = Evidence.parse((person.here / "atlas-7b.evidence").read_bytes())
    assert evidence.seal == seal.decode()
    again = person.run(*publish("twice"), "--json").says(0).json
    assert (again["verdict"], again["again"], again["wrote"]) == (
        "verified", True, ["atlas-7b/model.sig", "atlas-7b.evidence"]
    )  # fmt: skip
    (folder / "model.sig").unlink()
    person.run(*publish("twice")).says(0, "again:    it was in the log already; nothing was sent")
    assert (folder / "model.sig").read_bytes() == seal
    person.run("verify", "./atlas-7b", "--repo", "twice/atlas-7b").says(0, "VERIFIED")


def test_another_seal_for_the_same_commit_names_the_first(person: Person) -> None:
    person.owns("conflict")
    folder = person.model()
    person.run(*publish("conflict")).says(0)
    (folder / "config.json").write_bytes(b"[]")
    before = (folder / "model.sig").read_bytes(), (person.here / "atlas-7b.evidence").read_bytes()
    person.run(*publish("conflict")).says(1, f"conflict/atlas-7b@{COMMIT} is sealed already: leaf", "publish the new")
    assert before == ((folder / "model.sig").read_bytes(), (person.here / "atlas-7b.evidence").read_bytes())
    person.run(*publish("conflict", OTHER)).says(0, "VERIFIED")


REFUSED = {
    "no scope": ("eve.key", 1, "may not seal hf://refused/atlas-7b: no scope covers it"),
    "a controller that is no signer": ("ana.key", 1, "no scope covers it"),
    "no such key": ("none.key", 2, "key none.key: no such file"),
}


def test_who_may_not_seal_is_refused_and_nothing_is_written(person: Person) -> None:
    person.owns("refused")
    person.key("eve")
    person.model()
    before = person.left()
    for key, code, words in REFUSED.values():
        person.run(*publish("refused")[:-1], key).says(code, words)
        assert person.left() == before
    person.run(*publish("unapproved")).says(1, "hf://unapproved is not an approved namespace of this log")
    assert person.left() == before


def test_evidence_and_seal_go_where_they_disturb_nothing(person: Person) -> None:
    person.owns("places")
    person.model()
    before = person.left()
    person.run(*publish("places"), "--save", "atlas-7b/x.evidence").says(2, "x.evidence is inside the folder")
    person.run(*publish("places"), "--signature", "atlas-7b/x.sig").says(2, "x.sig is inside the folder")
    assert person.left() == before
    person.run(*publish("places"), "--save", "x.evidence", "--signature", "x.sig").says(
        0, "wrote:    x.sig, x.evidence"
    )
    assert person.left() - before == {"x.sig", "x.evidence"}


# show


def test_show_says_what_is_sealed_and_what_was_revoked(person: Person) -> None:
    person.owns("shown")
    folder = person.model()
    person.run(*publish("shown")).says(0)
    (folder / "config.json").write_bytes(b"[]")
    person.run(*publish("shown", OTHER)).says(0)
    person.run("revoke", f"shown/atlas-7b@{OTHER}", "--reason", "withdrawn", "--key", "ana.key", "--yes").says(0)

    done = person.run("show", "shown/atlas-7b").says(0, "SEALED (registry's word only) shown/atlas-7b, by Acme Lab")
    assert re.search(f"release:  {OTHER}, leaf [0-9]+, .*, REVOKED \\(withdrawn\\)", done.out)
    assert re.search(f"release:  {COMMIT}, leaf [0-9]+, .*, valid", done.out)
    assert "2 bytes  config.json" in done.out
    found = person.run("show", "SHOWN/Atlas-7B", "--json").says(0).json
    assert (found["verdict"], found["use"], found["repo"], found["revision"]) == (
        "sealed", "ask", "hf://shown/atlas-7b", COMMIT
    )  # fmt: skip
    assert [one["revoked"] for one in found["releases"]] == [None, "withdrawn"]
    assert found["untrusted"]["title"] == "Acme Lab"

    person.run("show", f"shown/atlas-7b@{OTHER}").says(1, "REVOKED (withdrawn) shown/atlas-7b: the release at")
    person.run("show", f"shown/atlas-7b@{'f' * 40}").says(
        1, f"NOT SEALED shown/atlas-7b@{'f' * 40}: shown is the newest"
    )
    person.run("show", "shown/nothing").says(1, "UNKNOWN shown/nothing: Acme Lab (acme.example) has not sealed it")
    assert person.run("show", "shown/atlas-7b", "-q").says(0).out == ""


def test_show_of_a_namespace_lists_its_keys(person: Person) -> None:
    person.owns("keyring")
    done = person.run("show", "hf://keyring").says(0, "REGISTERED hf://keyring, Acme Lab (acme.example) (owner not")
    done.says(
        0, "controllers: 1 of 1", "for hf://keyring/*", "chain:    record 1 of the owner, turn 1 of the operators"
    )
    found = person.run("show", "hf://KEYRING", "--json").says(0).json
    assert (found["verdict"], found["namespace"], found["owner_checked"]) == ("registered", "hf://keyring", False)
    person.run("show", "hf://nobody-here").says(1, "UNKNOWN hf://nobody-here", "proof of absence")


def test_saved_evidence_serves_verify_offline(person: Person) -> None:
    person.owns("saved")
    person.model()
    person.run(*publish("saved")).says(0)
    person.run("show", "saved/atlas-7b", "--save", "x.evidence").says(0, "wrote:    x.evidence")
    asked = ("verify", "./atlas-7b", "--repo", "saved/atlas-7b", "--evidence", "x.evidence", "--offline")
    person.run(*asked).says(0, "VERIFIED")
    person.run("show", "saved/atlas-7b", "--save", "x.evidence").says(0)
    person.run("show", "saved/atlas-7b", "--save", "ci.pub").says(1, "ci.pub is not evidence and is not overwritten")
    person.run("show", "./x.evidence").says(
        0, "UNVERIFIED evidence saved/atlas-7b", "release saved/atlas-7b@", "nothing"
    )
    offline = ("show", "saved/atlas-7b", "--evidence", "x.evidence", "--offline", "--export", "out")
    person.run(*offline).says(0, "SEALED", "wrote:    out/README.txt")


def test_show_names_what_a_file_is_and_that_nothing_was_checked(person: Person) -> None:
    person.owns("named")
    person.model()
    person.run(*publish("named")).says(0)
    person.run("show", "./ci.pub").says(0, "UNVERIFIED public key SHA256:")
    private = person.run("show", "./ci.key").says(0, "UNVERIFIED private key SHA256:")
    assert "PRIVATE KEY-----" not in private.out
    person.run("show", "./atlas-7b").says(
        0, f"UNVERIFIED seal named/atlas-7b@{COMMIT}", "file:     sha256:", "nothing was checked",
        "next:     modelseal verify PATH --repo named/atlas-7b",
    )  # fmt: skip
    found = person.run("show", "./atlas-7b/model.sig", "--json").says(0).json
    assert (found["verdict"], found["use"], found["kind"]) == ("unverified", "no", "seal")
    person.run("show", "./atlas-7b/config.json").says(2, "config.json is nothing of ours")
    (person.here / "empty").mkdir()
    person.run("show", "./empty").says(2, "empty has no model.sig")
    person.run("show", "ci.pub").says(2, "ci.pub may be a file or a repo", "for the file: ./ci.pub")
    seal = (person.here / "atlas-7b/model.sig").read_text()
    # another spelling of the same JSON is no seal of ours, only what any OMS tool reads
    (person.here / "spelled.sig").write_text(seal.replace(",", ", ", 1))
    person.run("show", "./spelled.sig").says(0, "UNVERIFIED signature of another tool")
    (person.here / "cut.sig").write_text(seal[:-10])
    assert "UNVERIFIED" not in person.run("show", "./cut.sig").says(2, "cut.sig is nothing of ours").out


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_an_export_is_what_other_tools_check(algorithm: str, person: Person, model_signing: Path) -> None:
    namespace = f"export-{algorithm}"
    ana, signer = person.key("ana"), person.key("ci", algorithm)
    assert person.registry is not None
    person.registry.approve(f"hf://{namespace}", ana, [(signer, f"hf://{namespace}/*")])
    folder = person.model(contents={**MODEL, "sub/ odd näme.bin": b"x"})
    person.run(*publish(namespace)).says(0)
    person.run("show", f"{namespace}/atlas-7b", "--export", "out").says(0, "wrote:    out/release.tlog-proof")
    out = person.here / "out"
    assert sorted(path.name for path in out.iterdir()) == EXPORTED

    # the log's own formats, put together by hand
    leaf = (out / "release.json").read_bytes()
    release = Leaf.parse(leaf).record
    assert isinstance(release, Release)
    assert release.seal == hashlib.sha256(json_payload(out / "model.sig")).digest()
    index, proof, note = parse_proof((out / "release.tlog-proof").read_text())
    assert note == (out / "checkpoint").read_text()
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    merkle.check_inclusion(merkle.leaf_hash(leaf), index, checkpoint.size, proof, checkpoint.root)
    [own] = [line.split()[2] for line in (out / "policy").read_text().splitlines() if line.startswith("witness own ")]
    policy = parse_policy((out / "policy").read_bytes(), Verifier.parse(own))
    [line] = Note.parse(note).by(policy.log)
    policy.log.check(Note.parse(note).text, line)
    assert (out / "signer.pub").read_text() == signer.public.pem

    # the one-liners of the README, as they stand there
    text = (out / "README.txt").read_text()
    commands = re.findall(r"^    (.+)$", text, re.MULTILINE)
    assert len(commands) == (4 if algorithm == "ecdsa-p256" else 3)
    assert "Not checked" in text

    def run(command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "MODEL": "../atlas-7b", "PATH": f"{model_signing.parent}:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-ec", command], cwd=out, env=env, capture_output=True, text=True)

    for command in commands:
        done = run(command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert run(commands[-1]).stdout.split()[0] == merkle.leaf_hash(leaf).hex()
    (folder / "config.json").write_bytes(b"[]")
    for command in commands[1:-1]:
        assert run(command).returncode != 0, command


def json_payload(seal: Path) -> bytes:
    return Bundle.parse(seal.read_bytes()).payload


def test_an_export_is_whole_or_absent(person: Person) -> None:
    person.owns("whole")
    person.model()
    person.run("show", "whole/atlas-7b", "--export", "out").says(
        1, "whole/atlas-7b: there is no valid release to export"
    )
    person.run(*publish("whole")).says(0)
    (person.here / "out").mkdir()
    person.run("show", "whole/atlas-7b", "--export", "out").says(1, "out exists already and is not overwritten")
    person.run("show", f"whole/atlas-7b@{OTHER}", "--export", "x").says(1, "is not sealed at that commit")
    person.run("show", "whole/atlas-7b", "--export", "none/x").says(2, "none: no such folder")
    person.run("revoke", f"whole/atlas-7b@{COMMIT}", "--reason", "malicious", "--key", "ana.key", "--yes").says(0)
    person.run("show", "whole/atlas-7b", "--export", "x").says(1, "there is no valid release to export")
    assert not [name for name in os.listdir(person.here) if name.startswith((".", "x"))]
    assert os.listdir(person.here / "out") == []


def test_json_is_one_object_of_known_form_for_every_command_that_ends_well(person: Person) -> None:
    person.key("ana"), person.key("ci")
    person.ns_toml("objects", ["ana"], ["ci"])
    words = (
        ["trust", "status"],
        ["claim", "ns.toml"],
        ["claim", "ns.toml", "--key", "ana.key", "--dry-run"],
        ["claim", "ns.toml", "--key", "ana.key"],
        ["show", "hf://objects"],
        ["show", "objects/atlas-7b"],
        ["show", "./ci.pub"],
        ["trust", "save", "x.trust"],
    )
    for one in words:
        done = person.run(*one, "--json")
        found = json.loads(done.out)
        assert done.out.count("\n") == 1
        assert (found["schema"], found["exit"]) == ("modelseal.v1", done.code), one
