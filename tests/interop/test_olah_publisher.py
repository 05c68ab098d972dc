"""Publishers ask a Hub that others wrote, `olah`, over real git repositories: its ids are git's, its listing has no
sizes beside the commit."""

from __future__ import annotations

from pathlib import Path

from modelseal.formats.envelope import Bundle
from modelseal.formats.manifest import Statement
from tests.support.client import Ran, inside
from tests.support.olah import git_repo, olah
from tests.support.person import Person

MODEL = {"config.json": b'{"model_type": "atlas"}', "model.safetensors": bytes(range(256)) * 40, "sub/x.txt": b"x"}


def test_a_folder_is_compared_with_a_real_repository(tmp_path: Path, loaders: Path) -> None:
    person = Person(tmp_path / "person")
    older = git_repo(tmp_path / "git/models/acme-lab/atlas-7b", MODEL)
    newer = git_repo(tmp_path / "git/models/acme-lab/atlas-7b", {"config.json": b'{"model_type": "bravo"}'})
    person.key("ci")
    person.model(contents=MODEL)
    with olah(loaders, tmp_path / "olah", repos=tmp_path / "git") as hub:

        def sign(revision: str, *words: str) -> Ran:
            env = {**person.env, "HF_ENDPOINT": hub.url}
            named = ("--repo", "acme-lab/atlas-7b", "--revision", revision, "--key", "ci.key")
            return inside(person.here, env, "sign", *(words or ("./atlas-7b",)), *named)

        sign("main").says(1, f"REFUSED acme-lab/atlas-7b@{newer}", "1 file differs", "differs:  config.json, same size")
        person.model(contents={"config.json": b'{"model_type": "bravo"}'})
        sign("main").says(0, f"SIGNED acme-lab/atlas-7b@{newer}", "the folder equals the Hub's listing")
        done = sign("main", "--from-hub", "--signature", "listed.sig").says(0, "1 of 3 files", "model.safetensors")
        assert older not in done.out
    seals = [person.here / "atlas-7b/model.sig", person.here / "listed.sig"]
    folder, listed = (Statement.parse(Bundle.parse(seal.read_bytes()).payload).files for seal in seals)
    assert [(one.name, one.sha256, one.gitoid) for one in folder] == [
        (one.name, one.sha256, one.gitoid) for one in listed
    ]  # fmt: skip
