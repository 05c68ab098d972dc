"""What every command prints with --json, in success and in vain, held against `manifests/schema/cli`.

The commands are typed one after the other, each where the ones before have left the world. What they print is held here
and, by `tests.support.schemas`, in every other test; this says that nothing is missing and that the schemas are strict.
"""

from __future__ import annotations

import copy
import json
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from modelseal import cli
from modelseal_registry.cli import main as registry_main
from tests.support import make, schemas
from tests.support.cache import HubCache
from tests.support.client import inside
from tests.support.hub import Hub
from tests.support.person import COMMIT, MODEL, Person
from tests.support.servers import Process, RegistryProcess, free_port, make_registry

PROGRAMS = {"modelseal": cli.main, "modelseal-registry": registry_main}
COMMANDS = [one for name in PROGRAMS for one in schemas.commands(schemas.program(name), name)]
OTHER = "1" * 40
GOLDEN = [
    path for path in (Path(__file__).parent / "client/reports/golden").glob("*.json") if ".cdx" not in path.suffixes
]

# exit status, then what is typed in a folder with keys ana, ci, una and a folder atlas-7b
STEPS = f"""
0  modelseal keygen -o new
0  modelseal sign ./plain --plain --key ci.key
0  modelseal verify ./plain --signature ./plain/model.sig --key ci.pub --report signature.json
0  modelseal sign ./atlas-7b --repo acme-lab/atlas-7b --revision {COMMIT} --no-hub --key ci.key --signature atlas.sig
0  modelseal sign ./atlas-7b --repo acme-lab/atlas-7b --revision main --key ci.key --signature main.sig
1  modelseal sign ./plain --repo acme-lab/atlas-7b --revision main --key ci.key --signature none.sig
0  modelseal sign --repo acme-lab/atlas-7b --revision main --from-hub --key ci.key --signature listed.sig
10 modelseal claim ns.toml --key ana.key
0  modelseal claim ns.toml --key ana.key --dry-run
0  REG claims list
0  REG claims show CLAIM
1  REG claims approve CLAIM
0  REG claims approve CLAIM --without-evidence test --yes
0  REG claims confusables
0  modelseal claim ns.toml
0  modelseal object hf://acme-lab
0  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --revision {COMMIT} --no-hub --key ci.key --dry-run
0  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --revision main --key ci.key --dry-run
1  modelseal publish ./plain --repo acme-lab/atlas-7b --revision main --key ci.key --dry-run
1  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --revision main --key ci.key --upload
0  modelseal publish ./atlas-7b --repo acme-lab/atlas-7b --revision {COMMIT} --no-hub --key ci.key
0  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --report verified.json
1  modelseal verify ./plain --repo acme-lab/atlas-7b --report failed.json
6  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --registry http://127.0.0.1:1 --report unheard.json
5  modelseal verify ./atlas-7b --repo nobody/atlas-7b
0  modelseal check acme-lab/atlas-7b --report checked.json
5  modelseal check nobody/atlas-7b
6  modelseal check acme-lab/atlas-7b@none --report unchecked.json
0  modelseal get acme-lab/atlas-7b --dry-run
0  modelseal get acme-lab/atlas-7b --report got.json
0  modelseal get acme-lab/atlas-7b --local-dir ./got
5  modelseal get nobody/atlas-7b
2  modelseal get acme-lab/atlas-7b --include none
0  modelseal verify acme-lab/atlas-7b
2  modelseal verify acme-lab/other
5  modelseal lock nobody/atlas-7b --report unlocked.json
0  modelseal lock acme-lab/atlas-7b --save ./vault
0  modelseal lock --check
0  modelseal show ./modelseal.lock
0  modelseal verify
0  modelseal verify ./plain --repo nobody/atlas-7b --accept unknown --report accepted.json
0  modelseal lock acme-lab/atlas-7b --remove
6  modelseal scan
6  modelseal scan --fail-on unknown,unavailable --report scan.json
0  modelseal guard -- PYTHON ask.py acme-lab/atlas-7b/resolve/main/nothing
5  modelseal guard -- PYTHON ask.py nobody/atlas-7b/resolve/main/config.json
0  modelseal show acme-lab/atlas-7b
1  modelseal show acme-lab/atlas-7b@{OTHER}
1  modelseal show nobody/atlas-7b
0  modelseal show hf://acme-lab
1  modelseal show hf://nobody
0  modelseal show ./atlas.sig
0  modelseal show ./atlas.sig --as sha256sum
0  modelseal show acme-lab/atlas-7b --as sglang
0  modelseal revoke acme-lab/atlas-7b@{COMMIT} --reason withdrawn --dry-run
0  modelseal revoke acme-lab/atlas-7b@{COMMIT} --reason withdrawn --key ana.key --yes
1  modelseal show acme-lab/atlas-7b
10 REG suspend acme-lab --reason malicious --save suspend.record
0  modelseal record show suspend.record
0  modelseal record sign suspend.record --key TRIAL
0  modelseal record submit suspend.record
0  modelseal show hf://acme-lab
0  REG lift acme-lab
0  REG suspend acme-lab --reason malicious
0  REG recover acme-lab ns.toml --yes
10 modelseal object hf://acme-lab
10 modelseal claim ns.toml
0  modelseal object hf://acme-lab --key ana.key
0  REG lift acme-lab
0  REG retire acme-lab --reason withdrawn --yes
0  REG watchlist names.txt
0  REG watchlist names.txt
0  REG observe seen/atlas-7b
0  REG observe seen/atlas-7b --download
6  REG observe seen/atlas-7b seen/none
10 REG withdraw seen/atlas-7b@{OTHER} --reason malicious --save withdraw.record
0  modelseal record show withdraw.record
0  REG withdraw seen/atlas-7b@{OTHER} --reason malicious --yes
1  REG observe seen/atlas-7b seen/none
10 REG operators operators.toml --key una.key
0  REG operators operators.toml --key TRIAL --key una.key
0  REG claims list
0  REG claims show CLAIM
0  REG claims refuse CLAIM --reason not-the-owner
0  REG status
0  REG check
0  MIRROR mirror init --from INVITATION
6  MIRROR mirror status
0  MIRROR mirror sync
0  MIRROR mirror status
0  MIRROR mirror check
0  modelseal trust status
0  modelseal trust save reg.trust
0  modelseal trust mirror ./mirror/public
0  modelseal trust remove URL
6  modelseal trust status
6  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b --report none.json
0  modelseal trust add INVITATION --yes
0  OTHER init --origin localhost:PORT --operator una.pub --operator ana.pub --operator ci.pub
0  OTHER policy show
0  OTHER policy sign --key una.key
10 OTHER policy publish
0  NEW init --origin localhost:PORT
0  NEW policy witness add ana WITNESS
0  NEW policy quorum 1
0  NEW policy witness remove ana
0  NEW policy set --holder Ana
0  NEW policy renew
0  NEW policy show
0  modelseal-registry policy show ./new/trust.draft
0  NEW policy sign
0  NEW policy publish
0  NEW policy set --holder Ben
0  NEW policy show
"""
WITNESS = "mirror.example+b3097d89+BGoqPIXA8yckfWb4vbCTs3XRzpaDC8PPeJp1CLtD0ezx"

ASK = """
import contextlib, os, sys, urllib.error, urllib.request
with contextlib.suppress(urllib.error.HTTPError):
    urllib.request.urlopen(os.environ["HF_ENDPOINT"] + "/" + sys.argv[1])
"""


class Typist:
    """Types the steps, and keeps what was printed for each command."""

    def __init__(self, folder: Path, registry: RegistryProcess, hub: Hub) -> None:
        hub.commit("models/seen/atlas-7b", MODEL, id=OTHER)
        self.hub = hub
        self.person = Person(folder, registry)
        here = self.here = self.person.here
        self.printed: dict[str, list[Any]] = defaultdict(list)
        self.replaced = {
            **{name: f"modelseal-registry --dir ./{name.lower()}" for name in ("MIRROR", "OTHER", "NEW")},
            "REG": f"modelseal-registry --dir {registry.folder}",
            "TRIAL": str(registry.folder / "keys/operator-for-trying-out.key"),
            "INVITATION": registry.invitation,
            "URL": registry.url,
            "WITNESS": WITNESS,
            "PYTHON": sys.executable,
            "PORT": str(free_port()),
        }
        ana = self.person.key("ana")
        self.person.key("ci"), self.person.key("una")
        self.person.ns_toml("acme-lab", ["ana"], ["ci"])
        self.person.model(), self.person.model("plain", {"config.json": b"[]"})
        cache = HubCache(self.person.home / ".cache/huggingface/hub")
        cache.snapshot("models--acme-lab--atlas-7b", COMMIT, MODEL)
        cache.snapshot("datasets--nobody--corpus", OTHER, MODEL).joinpath("x").symlink_to("nowhere")
        (cache.hub / "models--acme-lab--atlas-7b/snapshots" / OTHER).symlink_to("nowhere")
        (cache.hub / "models--gpt2").mkdir()
        hub.commit("models/acme-lab/atlas-7b", MODEL, id=COMMIT)
        (here / "ask.py").write_text(ASK)
        (here / "names.txt").write_text("openai\n")
        (here / "operators.toml").write_text('threshold = 1\n[[operators]]\nkey = "una.pub"\n')
        self.second = make.submission(make.claim("hf://second", [ana], [], origin=registry.origin), [ana])

    def type(self, step: str) -> None:
        code, _, line = step.partition(" ")
        for word, text in self.replaced.items():
            line = line.replace(word, text)
        name, *words = shlex.split(line)
        words.insert(words.index("--") if "--" in words else len(words), "--json")
        ran = inside(self.here, {**self.person.env, "HF_ENDPOINT": self.hub.url}, *words, main=PROGRAMS[name])
        assert ran.code == int(code), f"{line} ended {ran.code}\n{ran.out}{ran.err}"
        for printed in ran.out.splitlines():
            self.add(schemas.typed(name, words) or "", printed)

    def add(self, command: str, line: str) -> None:
        value = json.loads(line)
        self.printed[command].append(value)
        if command == "modelseal-registry claims list":
            self.replaced["CLAIM"] = value["claims"][-1]["name"]


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    folder = tmp_path_factory.mktemp("schemas")
    registry = make_registry(folder / "reg")
    with Hub() as hub, Process(registry.folder, "serve", "--json") as server:
        ready = server.line()
        found = Typist(folder, registry, hub)
        found.add("modelseal-registry serve", ready)
        for step in STEPS.strip().splitlines():
            if step.endswith(" operators.toml --key una.key"):
                assert registry.post(found.second)[0] == 202
            found.type(step)
        with Process(found.here / "mirror", "mirror", "serve", "--json", "--listen", f"127.0.0.1:{free_port()}") as one:
            found.add("modelseal-registry mirror serve", one.line())
        yield found


def test_every_command_has_one_schema_and_no_schema_is_of_none() -> None:
    named = [one for schema in schemas.all_schemas().values() for one in schema.get("x-commands", ())]
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize("name", schemas.all_schemas())
def test_every_schema_is_one_and_says_what_it_is_of(name: str) -> None:
    schema = schemas.all_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:modelseal:schema:{name}" and schema["title"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_what_its_schema_says(typist: Typist, command: str) -> None:
    found = typist.printed[command]
    done = [one for one in found if "error" not in one]
    assert done, f"{command} was never typed with success"
    for value in found:
        assert schemas.errors(schemas.of_commands()[command], value) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_one_object_in_vain(tmp_path: Path, command: str) -> None:
    name, *words = command.split(" ")
    (tmp_path / "home").mkdir()
    env = {"HOME": str(tmp_path / "home"), "MODELSEAL_HOME": str(tmp_path / "home"), "PATH": ""}
    ran = inside(tmp_path, env, *words, "--json", "--no-such-option", main=PROGRAMS[name])
    assert ran.code == 2 and schemas.errors(schemas.FAILURE, ran.json) == []


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield *value* with one more key in each object, and without each key in turn; and which."""

    def places(part: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
        if isinstance(part, dict):
            yield path
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part[:2]):
            if isinstance(inner, dict | list):
                yield from places(inner, (*path, key))

    for path in places(value, ()):
        for key in (None, *_at(value, path)):
            other = copy.deepcopy(value)
            if key is None:
                _at(other, path)["x"] = 1
            else:
                del _at(other, path)[key]
            yield f"{'/'.join(map(str, path))} {'more' if key is None else f'without {key}'}", other


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


# Where a key may be missing: digests as far as they are known, the title of what has no owner, what was unreadable.
OPTIONAL = ("expected without ", "found without ", "untrusted without title", " without memory")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_key_more_or_less_is_refused(typist: Typist, command: str) -> None:
    name = schemas.of_commands()[command]
    for value in typist.printed[command][:4]:
        held = schemas.validator(name)
        passed = [what for what, other in changed(value) if held.is_valid(other)]
        assert [what for what in passed if not any(one in what for one in OPTIONAL)] == []


FILES = ("signature", "verified", "accepted", "failed", "unheard", "checked", "unchecked", "unlocked", "none")


@pytest.mark.parametrize("file", FILES)
def test_a_report_has_the_shape_of_the_verdict(typist: Typist, file: str) -> None:
    value = json.loads((typist.here / f"{file}.json").read_text())
    assert schemas.errors("cli/report", value) == []
    assert ("error" in value) == (file in ("none", "unchecked"))
    assert not schemas.validator("cli/report").is_valid({**value, "wrote": []})


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_golden_reports_have_that_shape(path: Path) -> None:
    assert schemas.errors("cli/report", json.loads(path.read_text())) == []


def test_the_trust_root_and_its_drafts_have_schemas(typist: Typist) -> None:
    files = {"reg.trust": "trust", "other/trust.draft": "trustdraft", "new/trust.draft": "trustdraft"}
    before = []
    for file, name in files.items():
        value = json.loads((typist.here / file).read_text())
        assert schemas.errors(name, value) == []
        before.append(value.get("published") is not None)
        for bad in ({"x": 1}, {"v": 2}, {"metadata": {**value["metadata"], "x.json": ""}}, {"targets": {"policy": ""}}):
            assert not schemas.validator(name).is_valid({**value, **bad})
    assert before == [False, False, True]


def test_a_command_is_found_among_the_options_before_it() -> None:
    words = ["--dir", "claims", "claims", "list", "-q"]
    assert schemas.typed("modelseal-registry", words) == "modelseal-registry claims list"
    assert schemas.typed("modelseal", ["trust", "--json"]) is None
    assert schemas.typed("modelseal", ["trust", "no"]) is None
