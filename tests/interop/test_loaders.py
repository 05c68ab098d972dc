"""Programs of others load a real model: through `modelseal guard`, after `modelseal get`, under `modelseal.guard()`.

transformers (without torch), safetensors, curl, the Hub's client for JavaScript; the Hub is a double, or `olah`. Each
meets a repo as it was sealed, one with a file of other bytes, and one with a file that nobody sealed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, Ran, Someone, sealed_files
from tests.support.hub import Hub
from tests.support.olah import Olah, git_repo, olah
from tests.support.scene import ANA, CI, GOOD
from tests.support.world import World

PROGRAMS = Path(__file__).parent / "programs"
OWNER = "sentence-transformers"
MODEL, CORRUPT, ADDED = f"{OWNER}/all-MiniLM-L6-v2", f"{OWNER}/corrupt", f"{OWNER}/added"
TOKENS = [101, 7592, 2088, 102]  # hello world
SMALL = "acme-lab/atlas-7b"


@dataclass
class Place:
    """A log, a Hub with its repos, and how to get somebody who uses both."""

    world: World
    address: Address
    hub: Hub
    files: dict[str, bytes]  # of MODEL

    def someone(self, folder: Path, hub: str = "") -> User:
        return User(Someone(folder, self.world, self.address), hub or self.hub.url)


@dataclass
class User:
    who: Someone
    hub: str

    def run(self, *words: str | Path, **env: str) -> Ran:
        return self.who.run(*words, env={**self.env, **env})

    def poisoned(self) -> User:
        """The same, with other bytes of the model in the Hub cache."""
        folder = MODEL.replace("/", "--")
        files = {"config.json": b'{"model_type": "gpt2"}', "model.safetensors": b"poison"}
        HubCache(self.who.home / "hf/hub").snapshot(f"models--{folder}", make.revision(1), files)
        return self

    @property
    def env(self) -> dict[str, str]:
        return {**self.who.env, "HF_ENDPOINT": self.hub, "HF_HOME": str(self.who.home / "hf")}

    @property
    def kept(self) -> set[str]:
        """The files that a loader finds in the Hub cache."""
        return {path.name for path in self.who.home.rglob("snapshots/*/**/*") if path.is_file()}


@pytest.fixture(scope="module")
def place(minilm: Path, git_repos: tuple[Path, str]) -> Iterator[Place]:
    files = {path.relative_to(minilm).as_posix(): path.read_bytes() for path in minilm.rglob("*") if path.is_file()}
    del files[".gitattributes"]
    light = {name: data for name, data in files.items() if len(data) < 1 << 20}
    world = World(now=int(time.time()))
    with Hub() as hub:
        for owner in (OWNER, "acme-lab"):
            world.claim(f"hf://{owner}", [ANA], [(CI, f"hf://{owner}/*")])
        for number, (name, contents) in enumerate(((MODEL, files), (CORRUPT, light), (ADDED, light)), start=1):
            world.publish(f"hf://{name}", number, CI, sealed_files(contents))
            hub.commit(f"models/{name}", contents, id=make.revision(number))
        world.publish(f"hf://{SMALL}", git_repos[1], CI, sealed_files(GOOD))
        hub.commit(f"models/{SMALL}", GOOD, id=git_repos[1])
        hub.lie(f"models/{CORRUPT}", "tokenizer.json", light["tokenizer.json"].replace(b"hello", b"hallo"))
        hub.rewrite(f"models/{ADDED}", make.revision(3), {**light, "modeling_evil.py": b"import os"})
        hub.cdn = hub.xet = True
        with Address(world.files()) as address:
            yield Place(world, address, hub, files)


@pytest.fixture(scope="module")
def git_repos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of git repositories, and the commit of the one that is there."""
    folder = tmp_path_factory.mktemp("git")
    return folder, git_repo(folder / "models" / SMALL, GOOD)


def found(ran: Ran) -> Any:
    """What a program has printed last."""
    return json.loads(ran.out.splitlines()[-1])


# transformers, safetensors

HONEST = (f"config={MODEL}", f"tokens={MODEL}", f"tensors={MODEL}")
DISHONEST = (f"config={CORRUPT}", f"tokens={CORRUPT}", f"snapshot={ADDED}", f"code={ADDED}")


def is_loaded(outcomes: Any) -> None:
    assert outcomes[f"config={MODEL}"] == "bert"
    assert outcomes[f"tokens={MODEL}"] == TOKENS
    assert outcomes[f"tensors={MODEL}"] == 104


def test_python_loaders_behind_a_guard(place: Place, loaders: Path, tmp_path: Path) -> None:
    user = place.someone(tmp_path).poisoned()
    load = (loaders / "python", PROGRAMS / "load.py")
    ran = user.run("guard", "--", *load, *HONEST, *DISHONEST).says(
        1, f"{CORRUPT}", "tokenizer.json", "modeling_evil.py"
    )
    outcomes = found(ran)
    is_loaded(outcomes)
    assert outcomes[f"config={CORRUPT}"] == "bert"  # that file is as it was sealed
    assert (
        "BLOCKED: tokenizer.json of sentence-transformers/corrupt is not the sealed file"
        in outcomes[f"tokens={CORRUPT}"]
    )
    assert "modeling_evil.py is not in its seal" in outcomes[f"code={ADDED}"]
    assert "modeling_evil.py" not in outcomes[f"snapshot={ADDED}"] and "config.json" in outcomes[f"snapshot={ADDED}"]


def test_python_loaders_under_a_guard_in_their_process(place: Place, loaders: Path, tmp_path: Path) -> None:
    user = place.someone(tmp_path).poisoned()
    done = subprocess.run(
        [str(loaders / "python"), str(PROGRAMS / "load.py"), "guard", *HONEST, *DISHONEST],
        cwd=user.who.here, env=user.env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    is_loaded(outcomes)
    assert outcomes[f"config={CORRUPT}"] == "bert"
    assert outcomes[f"tokens={CORRUPT}"].startswith(
        "Blocked: FAILED sentence-transformers/corrupt: BLOCKED: tokenizer.json"
    )
    assert outcomes[f"code={ADDED}"] == f"Blocked: FAILED {ADDED}: modeling_evil.py is not in its seal"
    assert "modeling_evil.py" not in outcomes[f"snapshot={ADDED}"]


def test_python_loaders_find_what_get_has_handed_over_and_nothing_else(
    place: Place, loaders: Path, tmp_path: Path
) -> None:
    user = place.someone(tmp_path)
    plain = {"HF_HUB_DISABLE_XET": "1"}  # the double has no store for Xet
    user.run("get", MODEL, **plain).says(0, f"VERIFIED (registry's word only) {MODEL}")
    user.run("get", CORRUPT, **plain).says(1, f"FAILED {CORRUPT}", "tokenizer.json")
    user.run("get", ADDED, **plain).says(1, f"FAILED {ADDED}", "modeling_evil.py")
    assert user.kept == {Path(name).name for name in place.files}
    done = subprocess.run(
        [str(loaders / "python"), str(PROGRAMS / "load.py"), *HONEST, *DISHONEST],
        cwd=user.who.here, env={**user.env, "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    is_loaded(outcomes)
    for word in DISHONEST:
        assert "Error" in outcomes[word], outcomes


# the Hub's client for JavaScript, curl


def test_the_javascript_client_behind_a_guard(place: Place, hub_js: Path, tmp_path: Path) -> None:
    user = place.someone(tmp_path)
    asked = [f"names={MODEL}", f"bytes={MODEL}=model.safetensors", f"names={ADDED}", f"bytes={MODEL}=none.json"]
    asked += [f"bytes={CORRUPT}=tokenizer.json", f"bytes={ADDED}=modeling_evil.py", f"bytes={CORRUPT}=config.json"]
    ran = user.run("guard", "--", "node", PROGRAMS / "load.mjs", hub_js, *asked).says(1, CORRUPT, ADDED)
    outcomes = [found(ran)[word] for word in asked]
    assert outcomes[:2] == [sorted(place.files), len(place.files["model.safetensors"])]
    assert "modeling_evil.py" not in outcomes[2] and "config.json" in outcomes[2]
    assert outcomes[3] == "no such file"
    assert "tokenizer.json of sentence-transformers/corrupt is not the sealed file" in outcomes[4]
    assert "modeling_evil.py is not in its seal" in outcomes[5]
    assert outcomes[6] == len(place.files["config.json"])


@pytest.fixture
def curl() -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing: .ci/run installs it on Debian")


CURL = """
curl -fsS "$HF_ENDPOINT/$1/resolve/main/config.json" -o good || exit 40
curl -fsS "$HF_ENDPOINT/$1/resolve/main/model.safetensors" -o large || exit 41
curl -sS "$HF_ENDPOINT/$2/resolve/main/tokenizer.json" -o bad
curl -sS "$HF_ENDPOINT/$3/resolve/main/modeling_evil.py" -o evil
curl -sS "$HF_ENDPOINT/api/models/$1/tree/main?recursive=true" -o tree
"""


@pytest.mark.usefixtures("curl")
def test_curl_behind_a_guard(place: Place, tmp_path: Path) -> None:
    user = place.someone(tmp_path)
    user.run("guard", "--", "sh", "-c", CURL, "sh", MODEL, CORRUPT, ADDED).says(1, CORRUPT, ADDED)
    here = user.who.here
    assert (here / "good").read_bytes() == place.files["config.json"]
    assert (here / "large").read_bytes() == place.files["model.safetensors"]
    assert b"tokenizer.json of sentence-transformers/corrupt is not the sealed file" in (here / "bad").read_bytes()
    assert b"modeling_evil.py is not in its seal" in (here / "evil").read_bytes()
    assert {one["path"] for one in json.loads((here / "tree").read_bytes()) if one["type"] == "file"} == set(
        place.files
    )


# olah


@pytest.fixture(scope="module")
def independent(loaders: Path, git_repos: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Olah]:
    with olah(loaders, tmp_path_factory.mktemp("olah") / "hub", repos=git_repos[0]) as found:
        yield found


@pytest.mark.usefixtures("curl")
def test_a_hub_by_others_is_a_hub(place: Place, independent: Olah, tmp_path: Path) -> None:
    user = place.someone(tmp_path, independent.url)
    user.run("check", SMALL).says(0, f"SEALED (registry's word only) {SMALL}")
    user.run("get", SMALL, "--local-dir", "got").says(0, f"VERIFIED (registry's word only) {SMALL}")
    assert {path.name: path.read_bytes() for path in (user.who.here / "got").iterdir()} == GOOD
    curl = 'curl -fsS "$HF_ENDPOINT/$1/resolve/main/model.safetensors" -o curled'
    user.run("guard", "--", "sh", "-c", curl, "sh", SMALL).says(0)
    assert (user.who.here / "curled").read_bytes() == GOOD["model.safetensors"]


@pytest.mark.usefixtures("curl")
def test_a_mirror_that_changes_what_it_keeps_is_refused(place: Place, loaders: Path, tmp_path: Path) -> None:
    place.hub.cdn = place.hub.xet = False
    try:
        with olah(loaders, tmp_path / "olah", of=place.hub.url) as mirror:
            user = place.someone(tmp_path / "user", mirror.url)
            user.run("get", SMALL).says(0, f"VERIFIED (registry's word only) {SMALL}")
            mirror.corrupt("model.safetensors")
            user.run("check", SMALL).says(
                0, f"SEALED (registry's word only) {SMALL}"
            )  # its list of files is the honest one
            user.run("get", SMALL, "--local-dir", "bad").says(1, "FAILED", "model.safetensors")
            assert not (user.who.here / "bad").exists()
            curl = 'curl -fsS "$HF_ENDPOINT/$1/resolve/main/model.safetensors" -o bad; :'
            other = place.someone(tmp_path / "other", mirror.url)  # the first one has it, and would get that
            other.run("guard", "--", "sh", "-c", curl, "sh", SMALL).says(
                1, "model.safetensors", "is not the sealed file"
            )
    finally:
        place.hub.cdn = place.hub.xet = True
