"""What observers say of the Hub: as typed, from a list, and of a Hub that lies."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import keys
from modelseal.keys import SigningKey
from modelseal_registry import downloaded
from modelseal_registry.cli import main
from tests.support import make
from tests.support.client import Ran, inside
from tests.support.hub import Answer, Hub
from tests.support.person import Person
from tests.support.servers import (
    PROGRAM,
    WAIT_S,
    Process,
    RegistryProcess,
    environment,
    make_registry,
    until,
)

FILES = {"config.json": b'{"a": 1}', "sub/tokenizer.json": b"[]", "model.safetensors": bytes(range(256)) * 40}
REPO = "models/acme-lab/atlas"
NAME = "acme-lab/atlas"


def write_key(folder: Path, name: str) -> make.Private:
    private = make.key(name)
    keys.write_pair(folder / name, SigningKey(private.secret, private.public), None)
    return private


class Desk:
    """Where an observer types; every test has a Hub of its own."""

    def __init__(self, here: Path, registry: RegistryProcess, hub: Hub) -> None:
        self.here, self.registry, self.hub = here, registry, hub
        self.env = {**environment(), "HF_ENDPOINT": hub.url, "HOME": str(here)}

    def types(self, *words: str, code: int = 0, env: dict[str, str] | None = None) -> Ran:
        words = ("--dir", str(self.registry.folder), *words)
        return inside(self.here, {**self.env, **(env or {})}, *words, main=main).says(code)

    def observe(self, *words: str, code: int = 0) -> Ran:
        return self.types("observe", *words, code=code)

    def leaves(self) -> int:
        return int(self.types("status", "--json").json["size"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RegistryProcess:
    """A registry as `init` leaves it, of which no server runs."""
    return make_registry(tmp_path_factory.mktemp("made") / "reg")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path, made: RegistryProcess, hub: Hub) -> Desk:
    shutil.copytree(made.folder, tmp_path / "reg")
    (tmp_path / "here").mkdir()
    return Desk(tmp_path / "here", RegistryProcess(tmp_path / "reg", made.port, made.invitation), hub)


def test_what_the_hub_serves_is_logged_once(desk: Desk, hub: Hub) -> None:
    commit = hub.commit(REPO, FILES)
    done = desk.observe(NAME)
    assert done.out.startswith(f"OBSERVED, NOT SIGNED {NAME}: leaf 2\n")
    assert f"revision: {commit} (main), says {hub.url}" in done.out and "on the Hub's word" in done.out
    asked = [path for _, path in hub.asked]
    assert not any("safetensors" in path for path in asked), "what the Hub tells a digest of is not fetched"
    assert not any(".gitattributes" in path for path in asked)
    assert hub.tokens == [], "what is observed is what everybody sees"
    size = desk.leaves()
    assert desk.observe(NAME).out.startswith(f"UNCHANGED {NAME}: leaf 2\n")
    assert desk.observe("hf://ACME-lab/Atlas", "-q").out == "2\n", "the Hub's spelling stands"
    assert desk.leaves() == size
    found = desk.observe(NAME, "--json").json
    assert found["verdict"] == "unchanged" and found["repos"][0]["revision"] == commit
    assert "observers: 1; 1 repos observed" in desk.types("status").out
    assert desk.types("status", "--json").json["observed"] == 1
    assert desk.types("check").out.startswith("CHECKED")


def test_a_new_commit_is_another_observation(desk: Desk, hub: Hub) -> None:
    first = hub.commit(REPO, FILES)
    desk.observe(NAME)
    second = hub.commit(REPO, {"config.json": b"{}"})
    assert f"revision: {second}" in desk.observe(NAME).out
    assert "UNCHANGED" in desk.observe(f"{NAME}@{first}").out, "an older commit on main is one that the owner made"


def test_what_is_downloaded_says_so_and_leaves_nothing(
    desk: Desk, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.commit(REPO, FILES)
    desk.observe(NAME)
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    done = desk.observe(NAME, "--download")
    assert done.out.startswith("OBSERVED, NOT SIGNED") and "all bytes downloaded and hashed" in done.out
    assert any("safetensors" in path for _, path in hub.asked) and hub.tokens == []
    assert list(place.iterdir()) == []
    assert desk.observe(NAME, "--download").out.startswith("UNCHANGED")
    assert desk.observe(NAME).out.startswith("UNCHANGED"), "less is no news"


def test_killed_while_it_downloads_it_leaves_nothing(desk: Desk, hub: Hub, tmp_path: Path) -> None:
    hub.commit(REPO, FILES)
    place, asked, go_on = tmp_path / "place", threading.Event(), threading.Event()
    place.mkdir()

    def hook(method: str, path: str) -> Answer | None:
        if path.endswith("/model.safetensors"):
            asked.set()
            go_on.wait(WAIT_S)
        return None

    hub.hook = hook
    words = [str(PROGRAM), "--dir", str(desk.registry.folder), "observe", NAME, "--download"]
    process = subprocess.Popen(words, env={**desk.env, "TMPDIR": str(place)})
    try:
        assert asked.wait(WAIT_S)
        [folder] = place.iterdir()
        assert folder.stat().st_mode & 0o077 == 0, "nobody else reads what is being observed"
    finally:
        process.kill()
        process.wait(WAIT_S)
        go_on.set()
    until("what was downloaded is removed", lambda: not any(place.iterdir()))


@pytest.mark.parametrize("file", FILES)
def test_bytes_that_are_not_the_listed_ones_are_refused(
    desk: Desk, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    hub.commit(REPO, FILES)
    hub.lie(REPO, file, FILES[file][::-1])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    done = desk.observe(NAME, "--download", code=1)
    assert done.out.startswith("REFUSED") and file in done.out
    assert set(tmp_path.iterdir()) == before and desk.leaves() == 2
    if file != "model.safetensors":
        assert file in desk.observe(NAME, code=1).out


def test_a_hub_that_sends_nonsense_stops_no_other_repo(
    desk: Desk, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("short", "long", "empty", "fails", "nonsense", "busy", "atlas"):
        hub.commit(f"models/acme-lab/{name}", FILES)
    hub.lie("models/acme-lab/short", "model.safetensors", b"x")
    hub.lie("models/acme-lab/long", "model.safetensors", FILES["model.safetensors"] + b"x")
    hub.lie("models/acme-lab/empty", "config.json", b"")

    def hook(method: str, path: str) -> Answer | None:
        if "acme-lab/fails/resolve" in path:
            return Answer(500, b"oops")
        if "acme-lab/nonsense" in path:
            return Answer(200, b"{nonsense", {"Content-Type": "application/json"})
        return Answer(429, b"later") if "acme-lab/busy" in path else None

    hub.hook = hook
    names = [f"acme-lab/{name}" for name in ("short", "long", "empty", "nonsense", "busy", "atlas")]
    found = {one["repo"]: one for one in desk.observe(*names, "--download", "--json", code=1).json["repos"]}
    verdicts = ["refused", "refused", "refused", "refused", "unavailable", "observed"]
    assert [found[f"hf://{name}"]["verdict"] for name in names] == verdicts
    assert found["hf://acme-lab/busy"]["hint"] is None, "a token would not help: it is asked without"
    found = {one["repo"]: one for one in desk.observe(*names, "--json", code=1).json["repos"]}
    assert (
        found["hf://acme-lab/empty"]["verdict"] == "refused" and "config.json" in found["hf://acme-lab/empty"]["says"]
    )
    assert found["hf://acme-lab/short"]["verdict"] == "observed", "on the Hub's word"


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": "http://127.0.0.1:1"}, "no answer about acme-lab/atlas"),
        ({"HF_ENDPOINT": "nonsense"}, "no address of a Hub"),
    ],
)
def test_without_a_hub_it_is_unavailable(desk: Desk, env: dict[str, str], words: str) -> None:
    done = desk.types("observe", NAME, env=env, code=6)
    assert done.out.startswith(f"UNAVAILABLE {NAME}: ") and words in done.out


def test_what_does_not_fit_on_the_disk_is_not_fetched(desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.commit(REPO, FILES)
    monkeypatch.setattr(downloaded, "MARGIN", 1 << 62)
    done = desk.observe(NAME, "--download", code=6)
    assert done.out.startswith("UNAVAILABLE") and "has room for" in done.out and "TMPDIR" in done.out
    assert not any("/resolve/" in path for _, path in hub.asked)


def test_a_commit_whose_files_are_others_now_is_failed_and_never_logged(desk: Desk, hub: Hub) -> None:
    commit = hub.commit(REPO, FILES)
    desk.observe(NAME)
    size = desk.leaves()
    hub.rewrite(REPO, commit, {"loader.py": b"import os"})
    for words in ((), ("--download",)):
        done = desk.observe(NAME, *words, code=1)
        assert done.out.startswith(f"FAILED {NAME}: at this commit the Hub lists other files than it did before")
        assert "expected: 3 files, fileset " in done.out and "found:    4 files, fileset " in done.out
        assert f"modelseal-registry withdraw {NAME}@{commit} --reason malicious" in done.out
    quiet = desk.observe(NAME, "-q", code=1)
    assert quiet.out == "" and quiet.err.startswith("FAILED")
    row = desk.observe(NAME, "--json", code=1).json["repos"][0]
    assert row["verdict"] == "failed" and row["expected"] != row["fileset"] and row["leaf"] is None
    assert desk.leaves() == size


def test_a_withdrawn_commit_is_not_observed_again(desk: Desk, hub: Hub) -> None:
    commit = hub.commit(REPO, FILES)
    desk.observe(NAME)
    words = ("withdraw", f"hf://ACME-LAB/atlas@{commit}", "--reason", "malicious")
    assert "wants a yes" in desk.types(*words, code=2).err
    done = desk.types(*words, "--yes")
    assert done.out.startswith(f"WITHDRAWN {NAME}@{commit}: leaf ") and "observed since 20" in done.out
    assert "was withdrawn" in desk.types(*words, "--yes", code=1).err
    assert "was withdrawn by the operators (malicious)" in desk.observe(NAME, code=1).out
    assert desk.types("check").out.startswith("CHECKED")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("withdraw", NAME, "--reason", "malicious"), "a commit is wanted"),
        (("withdraw", f"{NAME}@main", "--reason", "malicious"), "a commit is wanted"),
        (("withdraw", f"{NAME}@v1", "--reason", "malicious"), "40 hex"),
        (("withdraw", f"{NAME}@{'1' * 40}", "--reason", "bad"), "is not a reason"),
        (("withdraw", f"{NAME}@{'1' * 40}"), "--reason"),
        (("observe",), "name a REPO, or a list"),
        (("observe", NAME, "--from", "list"), "name a REPO, or a list"),
        (("observe", NAME, "ACME-lab/atlas"), "named twice"),
        (("observe", "acme-lab"), "is not a repo"),
        (("observe", "hf://acme-lab/a/b"), "is not a repo"),
        (("observe", f"{NAME}@refs/pr/1"), "anybody can open a pull request"),
        (("observe", f"{NAME}@"), "a branch, a tag or a commit"),
        (("observe", f"{NAME}@a..b"), "a branch, a tag or a commit"),
        (("observe", f"{NAME}@-x"), "a branch, a tag or a commit"),
        (("observe", "--from", "none"), "none"),
        (("observe", NAME, "b/c", "--save", "x.record"), "the record of one repo"),
        (("observe", NAME, "--key", "una.key", "--save", "x.record"), "the record of one repo"),
        (("observe", NAME, "--key", "una.key", "--key", "vic.key"), "give one --key"),
    ],
)
def test_bad_words_end_with_2_before_anybody_is_asked(desk: Desk, hub: Hub, words: tuple[str, ...], says: str) -> None:
    write_key(desk.here, "una"), write_key(desk.here, "vic")
    assert says in desk.types(*words, code=2).err
    assert hub.asked == [] and not list(desk.here.glob("*.record"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("acme-lab/atlas\nacme-lab\n", "line 2: acme-lab is not a repo"),
        ("acme-lab/atlas\n\n# x\nAcme-lab/atlas@main\n", "line 4: Acme-lab/atlas stands there twice"),
        ("acme-lab/atlas@refs/pr/3", "line 1"),
        (f"{'1' * 64}  model.safetensors", "is not a repo"),
        (f"acme-lab/atlas {'1' * 64}", "is not a repo"),
        ("# nothing\n", "no repo stands there"),
        ("acme-lab/\x1b[31matlas", "\\u001b"),
    ],
)
def test_a_list_with_a_bad_line_is_refused_whole(desk: Desk, hub: Hub, text: str, says: str) -> None:
    (desk.here / "list").write_text(text)
    assert says in desk.observe("--from", "list", code=2).err
    assert hub.asked == []


def test_one_bad_repo_of_a_list_stops_no_other(desk: Desk, hub: Hub) -> None:
    hub.commit(REPO, FILES)
    hub.commit("datasets/acme-lab/corpus", {"a.txt": b"a"})
    hub.tag("datasets/acme-lab/corpus", "v1")
    hub.commit("models/shut/one", FILES)
    hub.repos["models/shut/one"].private = True
    (desk.here / "list").write_text(
        "acme-lab/none       # nobody has it\nacme-lab/atlas\nshut/one\ndatasets/acme-lab/corpus@v1\n"
    )
    done = desk.observe("--from", "list", code=6)
    assert [line.split(" ", 1)[0] for line in done.out.splitlines() if line[0] != " "] == [
        "UNAVAILABLE", "OBSERVED,", "UNAVAILABLE", "OBSERVED,", "4",
    ]  # fmt: skip
    assert "4 repos: 2 unavailable, 2 observed, not signed; exit status 6" in done.out
    hub.commit("models/acme-lab/none", FILES), hub.commit("models/shut/other", FILES)
    (desk.here / "list").write_text("acme-lab/none\nacme-lab/atlas\n")
    found = desk.observe("--from", "list", "--json").json
    assert [one["verdict"] for one in found["repos"]] == ["observed", "unchanged"]
    assert desk.observe("--from", "list", "-q").out == "", "cron sends no mail about it"


REFUSALS = {
    "gated": "gated: what not everybody can look at is not observed",
    "a name that no seal can have": "aux.txt: a device name on Windows",
    "an ignored name in other letters": ".GITATTRIBUTES: an ignored name cannot be sealed",
    "a folder in an ignored file's place": ".gitattributes/x: an ignored name cannot be sealed",
    "nothing but ignored names": "it holds nothing that a seal could list",
    "only empty files": "it holds nothing that a seal could list",
    "too many files": "3 files, observed are at most 2",
    "too many small bytes": "the Hub tells no digests of",
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_observed_is_said(desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    others: dict[str, dict[str, bytes | None]] = {
        "a name that no seal can have": {"aux.txt": b"x"},
        "an ignored name in other letters": {".gitattributes": None, ".GITATTRIBUTES": b"x", "a": b"a"},
        "a folder in an ignored file's place": {".gitattributes": None, ".gitattributes/x": b"x", "a": b"a"},
        "nothing but ignored names": {},
        "only empty files": {"a": b""},
    }
    hub.commit(REPO, others.get(case, {**FILES}))
    if case == "gated":
        hub.repos[REPO].gated = "manual"
    if case == "too many files":
        monkeypatch.setattr("modelseal_registry.observe.MAX_FILES", 2)
    if case == "too many small bytes":
        monkeypatch.setattr("modelseal_registry.observe.MAX_SMALL", 2)
    done = desk.observe(NAME, code=1)
    assert done.out.startswith("REFUSED") and REFUSALS[case] in done.out
    assert desk.leaves() == 2


def test_what_is_only_in_a_pull_request_is_not_observed(desk: Desk, hub: Hub) -> None:
    hub.commit(REPO, FILES)
    theirs = hub.commit(REPO, {"loader.py": b"evil"}, ref=hub.pull_request(REPO))
    done = desk.observe(f"{NAME}@{theirs}", code=1)
    assert "is on no branch; anybody can put a commit into a pull request" in done.out and desk.leaves() == 2


def test_after_a_rename_the_typed_name_is_observed_and_that_is_said(desk: Desk, hub: Hub) -> None:
    hub.commit(REPO, FILES)
    hub.rename(REPO, "models/new-lab/atlas-2")
    done = desk.observe(NAME)
    assert done.out.startswith(f"OBSERVED, NOT SIGNED {NAME}: leaf 2")
    assert "note:     the Hub calls it new-lab/atlas-2 now; observed under the name that was typed" in done.out
    assert desk.observe("new-lab/atlas-2").out.startswith("OBSERVED, NOT SIGNED new-lab/atlas-2: leaf 4")


def test_what_its_owner_seals_is_skipped(desk: Desk, hub: Hub) -> None:
    ana, ci = make.key("ana"), make.key("ci")
    commit = hub.commit(REPO, FILES)
    with Process(desk.registry.folder, "serve") as server:
        server.ready()
        desk.registry.approve("hf://acme-lab", ana, [(ci, "hf://acme-lab/*")])
        assert desk.observe(NAME).out.startswith("OBSERVED"), "beside a server that runs"
        desk.registry.publish(ci, f"hf://{NAME}")
        server.stop()
    assert desk.observe(NAME).out.startswith(f"SEALED {NAME}: its owner seals it")
    assert desk.observe(NAME, "--json").json["repos"][0]["verdict"] == "sealed"
    words = ("withdraw", f"{NAME}@{commit}", "--reason", "malicious", "--yes")
    assert "is sealed by its owner" in desk.types(*words, code=1).err


def test_observers_are_named_by_the_operators_and_nobody_else_counts(desk: Desk, hub: Hub, tmp_path: Path) -> None:
    hub.commit(REPO, FILES)
    for name in ("una", "vic", "wim"):
        write_key(desk.here, name)
    operators = 'threshold = 1\n[[operators]]\nkey = "una.pub"\n'
    (desk.here / "operators.toml").write_text(operators)
    trial = str(desk.registry.folder / "keys/operator-for-trying-out.key")
    desk.types("operators", "operators.toml", "--key", trial, "--key", "una.key")
    assert "this log has no observers" in desk.observe(NAME, "--key", "wim.key", code=2).err
    observers = "".join(f'[[observers]]\nkey = "{name}.pub"\n' for name in ("vic", "wim"))
    (desk.here / "operators.toml").write_text(operators + observers)
    desk.types("operators", "operators.toml", "--key", "una.key")
    assert "an observer's --key is wanted" in desk.observe(NAME, code=2).err
    assert "is no observer of this log" in desk.observe(NAME, "--key", "una.key", code=1).err
    assert "which of the 2 observers will sign?" in desk.observe(NAME, "--save", "x.record", code=2).err
    assert hub.asked == []
    assert desk.observe(NAME, "--key", "vic.key").out.startswith("OBSERVED")
    assert desk.observe(NAME, "--key", "wim.key").out.startswith("OBSERVED"), "each says it for himself"
    assert desk.observe(NAME, "--key", "vic.key").out.startswith("UNCHANGED")
    (desk.here / "operators.toml").write_text(operators + '[[observers]]\nkey = "wim.pub"\n')
    desk.types("operators", "operators.toml", "--key", "una.key")
    assert desk.observe(NAME, "--key", "vic.key", code=1).err


def test_an_observers_key_can_be_elsewhere(desk: Desk, hub: Hub, tmp_path: Path) -> None:
    hub.commit(REPO, FILES)
    done = desk.observe(NAME, "--save", "seen.record", code=10)
    assert (
        done.out.startswith(f"PENDING {NAME}") and "modelseal record sign seen.record --key FILE --submit" in done.out
    )
    assert desk.leaves() == 2
    trial = str(desk.registry.folder / "keys/operator-for-trying-out.key")
    with Process(desk.registry.folder, "serve") as server:
        server.ready()
        person = Person(tmp_path / "person", desk.registry)
        record = str(desk.here / "seen.record")
        person.types("record", "show", record).says(0, f"observation of {NAME}@", "not observed before")
        person.types("record", "sign", record, "--key", trial, "--submit").says(0, "LOGGED")
    assert desk.observe(NAME).out.startswith("UNCHANGED")


def test_a_withdrawal_waits_for_the_threshold(desk: Desk, hub: Hub) -> None:
    commit = hub.commit(REPO, FILES)
    for name in ("una", "vic"):
        write_key(desk.here, name)
    text = "threshold = 2\n" + "".join(f'[[operators]]\nkey = "{name}.pub"\n' for name in ("una", "vic"))
    (desk.here / "operators.toml").write_text(text)
    trial = str(desk.registry.folder / "keys/operator-for-trying-out.key")
    desk.types("operators", "operators.toml", "--key", trial, "--key", "una.key", "--key", "vic.key")
    words = ("withdraw", f"{NAME}@{commit}", "--reason", "malicious", "--yes")
    size = desk.leaves()
    done = desk.types(*words, "--key", "una.key", code=10)
    draft = f"acme-lab-atlas-{commit[:12]}-withdrawal.record"
    assert f"PENDING {NAME}@{commit}: signed by 1 of 2 operators; nothing was sent" in done.out and draft in done.out
    assert desk.leaves() == size and (desk.here / draft).exists()
    assert desk.types(*words, "--key", "vic.key").out.startswith("WITHDRAWN"), "the draft beside it is completed"


def test_an_observer_who_runs_a_mirror_sends_what_he_saw_to_the_registry(desk: Desk, hub: Hub, tmp_path: Path) -> None:
    commit = hub.commit(REPO, FILES)
    write_key(desk.here, "una")
    trial = desk.registry.folder / "keys/operator-for-trying-out.key"
    keys.write_pair(desk.here / "trial", keys.load(str(trial), None), None)
    (desk.here / "operators.toml").write_text(
        'threshold = 1\n[[operators]]\nkey = "trial.pub"\n[[observers]]\nkey = "una.pub"\n'
    )
    desk.types("operators", "operators.toml")
    mirror = tmp_path / "mirror"

    def types(*words: str, code: int = 0) -> Ran:
        return inside(desk.here, desk.env, "--dir", str(mirror), *words, main=main).says(code)

    watch = ("observe", NAME, "--key", "una.key")
    with Process(desk.registry.folder, "serve") as server:
        server.ready()
        types("mirror", "init", "--from", desk.registry.invitation)
        assert "holds no leaves yet" in types(*watch, code=6).err
        types("mirror", "sync")
        assert "an observer's --key is wanted" in types("observe", NAME, code=2).err
        assert types(*watch).out.startswith(f"OBSERVED, NOT SIGNED {NAME}: leaf 4\n")
        assert types(*watch).out.startswith(f"OBSERVED, NOT SIGNED {NAME}: leaf 4\n"), "the same record, the same leaf"
        behind = types(*watch, "--download", code=1)
        types("mirror", "sync")
        assert types(*watch).out.startswith(f"UNCHANGED {NAME}: leaf 4\n")
        assert types(*watch, "--download").out.startswith(f"OBSERVED, NOT SIGNED {NAME}: leaf 6\n")
        hub.rewrite(REPO, commit, {"loader.py": b"evil"})
        assert types(*watch, code=1).out.startswith(f"FAILED {NAME}")
    assert "the last observation of it by this observer is leaf 4" in behind.out and "mirror sync" in behind.out
