"""What is installed: the wheel, the source archive, and the base alone, without what only a registry needs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelseal_registry import NEEDED
from tests.support import make
from tests.support.client import Address, Ran, Someone, sealed_files
from tests.support.servers import environment
from tests.support.world import World

ROOT = Path(__file__).parent.parent
PACKAGES = {"modelseal": ROOT / "client", "modelseal_registry": ROOT / "registry"}
WAIT_S = 60.0
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}


def build(source: Path, out: Path, kind: str) -> Path:
    """Build one archive with what is installed here; nothing is fetched."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)],
        cwd=source, env=environment(), capture_output=True, text=True, timeout=WAIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    sources = {
        path.relative_to(root).as_posix()
        for package, root in PACKAGES.items()
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {f"{package}/py.typed" for package in PACKAGES} <= sources
    info = f"{wheel.name.split('-py3-')[0]}.dist-info"
    about = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert held == sources | about


def test_the_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = build(ROOT, tmp_path / "sdist", "sdist")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    again = build(tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path / "again", "wheel")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        assert [name for name in one.namelist() if one.read(name) != other.read(name)] == []


# the base, without the extra `registry`


def closure(name: str) -> dict[str, Distribution]:
    """Return *name* and all that it requires here, without any extra that nobody asked for."""
    found: dict[str, Distribution] = {}
    wanted = [(name, frozenset[str]())]
    while wanted:
        name, extras = wanted.pop()
        one = found.setdefault(canonicalize_name(name), distribution(name))
        for requirement in map(Requirement, one.requires or ()):
            marker, asked = requirement.marker, ("", *extras)
            here = marker is None or any(marker.evaluate({"extra": extra}) for extra in asked)
            if here and canonicalize_name(requirement.name) not in found:
                wanted.append((requirement.name, frozenset(requirement.extras)))
    return found


class Base:
    """An environment with the wheel and exactly what it requires, taken from this one."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False)
        self.programs = folder / "bin"
        subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.programs / "python"),
             "install", "--quiet", "--no-index", "--no-deps", str(wheel)],
            env=environment(), check=True, timeout=WAIT_S,
        )  # fmt: skip
        here = Path(sysconfig.get_path("purelib"))
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        there = folder / "lib" / version / "site-packages"
        required = closure("modelseal")
        del required["modelseal"]
        for one in required.values():
            for top in {path.parts[0] for path in one.files or ()} - {"..", "__pycache__"}:
                if not (there / top).exists():
                    os.symlink(here / top, there / top)

    def run(self, program: str, *words: str | Path, cwd: Path | None = None, **env: str) -> Ran:
        given = {**environment(), **env}
        given.pop("PYTHONPATH", None)
        done = subprocess.run(
            [str(self.programs / program), *map(str, words)],
            cwd=cwd, env=given, capture_output=True, timeout=WAIT_S,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Base(tmp_path_factory.mktemp("base") / "venv", wheel)


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Someone]:
    """Somebody with a trust root, a model and its evidence, whose registry is gone."""
    world = World(now=int(time.time()))
    ana, ci = make.key("ana"), make.key("ci")
    world.claim("hf://acme-lab", [ana], [(ci, "hf://acme-lab/*")])
    world.publish("hf://acme-lab/atlas-7b", 1, ci, sealed_files(CONTENTS))
    with Address(world.files()) as address:
        someone = Someone(tmp_path, world, address)
    someone.folder("atlas-7b", CONTENTS)
    (someone.here / "atlas-7b.evidence").write_bytes(world.evidence("hf://acme-lab/atlas-7b"))
    yield someone


def test_the_base_has_nothing_of_a_registry(base: Base) -> None:
    find = f"from importlib.util import find_spec; print([name for name in {NEEDED!r} if find_spec(name)])"
    found = base.run("python", "-c", find)
    assert found.says(0).out.strip() == "[]"
    base.run("python", "-c", "import modelseal; print(modelseal.__file__)").says(0, str(base.programs.parent))


def test_the_base_says_how_it_is_used(base: Base) -> None:
    base.run("modelseal", "--help").says(0, "verify", "publish", "Exit status")
    base.run("modelseal", "--version").says(0, "modelseal 0.")
    base.run("hf-seal", "--version").says(0, "modelseal 0.")


def test_the_base_verifies_offline(base: Base, offline: Someone) -> None:
    verify = ("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b", "--evidence", "atlas-7b.evidence", "--offline")
    base.run("modelseal", *verify, cwd=offline.here, **offline.env).says(0, "VERIFIED", "2 of 2 equal the seal")
    (offline.here / "atlas-7b/config.json").write_bytes(b"[]")
    base.run("modelseal", *verify, cwd=offline.here, **offline.env).says(1, "FAILED", "config.json")


def test_the_base_makes_keys_and_seals(base: Base, offline: Someone) -> None:
    at = {"cwd": offline.here}
    base.run("modelseal", "keygen", "-o", "ci", **at, **offline.env).says(0, "SHA256:")  # type: ignore[arg-type]
    sign = ("sign", "./atlas-7b", "--repo", f"acme-lab/atlas-7b@{make.revision(1)}", "--no-hub", "--key", "ci.key")
    base.run("modelseal", *sign, cwd=offline.here, **offline.env).says(0, "SIGNED acme-lab/atlas-7b@")


@pytest.mark.parametrize("words", [(), ("--help",), ("--dir", "reg", "serve")])
def test_the_registry_without_its_extra_says_what_to_install(base: Base, words: tuple[str, ...]) -> None:
    base.run("modelseal-registry", *words).says(1, "flask", "pip install 'modelseal[registry]'")
