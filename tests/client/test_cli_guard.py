"""`modelseal guard` as people type it: the program, its environment, and how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import make
from tests.support.client import PROGRAM, Ran
from tests.support.guarded import FILE, MODEL, Guarded, guarded
from tests.support.scene import GOOD, NAME, acme
from tests.support.servers import free_port, lives

COMMIT = make.revision(1)
ASK = """
import json, os, sys, urllib.error, urllib.request
for path in sys.argv[2:]:
    request = urllib.request.Request(os.environ["HF_ENDPOINT"] + path, headers={"Authorization": "Bearer hf_secret"})
    try:
        print(urllib.request.urlopen(request).read(), flush=True)
    except urllib.error.HTTPError as e:
        print(e.code, flush=True)
sys.exit(int(sys.argv[1]))
"""
ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path, acme()) as one:
        (one.scene.someone.here / "ask.py").write_text(ASK)
        yield one


def types(here: Guarded, *words: str, **env: str) -> Ran:
    return here.scene.someone.types("guard", *words, env={"HF_ENDPOINT": here.hub.url, **env})


def asks(here: Guarded, status: int, *paths: str, options: tuple[str, ...] = ()) -> Ran:
    """Have a program ask for *paths*, and end with *status*."""
    return types(here, *options, "--", sys.executable, "ask.py", str(status), *paths)


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_what_is_sealed_passes_and_the_summary_says_so(here: Guarded, capfd: pytest.CaptureFixture[str]) -> None:
    ran = asks(here, 0, f"{FILE}/config.json")
    ran.says(0, "1 file passed, 23 bytes; 0 refused; exit status 0", f"SEALED {NAME}@{COMMIT}")
    assert repr(GOOD["config.json"]) in capfd.readouterr().out and ran.out == ""


EXITS: dict[str, tuple[int, tuple[str, ...], int]] = {
    "nothing was refused": (0, (f"{FILE}/config.json",), 0),
    "the program's own": (7, (f"{FILE}/config.json",), 7),
    "nobody sealed it": (0, ("/nobody/x/resolve/main/config.json",), 5),
    "the worst of several": (0, ("/nobody/x/resolve/main/config.json", f"{FILE}/loader.py"), 1),
    "the program failed, and something was refused": (7, ("/nobody/x/resolve/main/config.json",), 7),
    "a file that is not there": (0, (f"{FILE}/nothing.json",), 0),
    "no file of a repo": (0, ("/api/whoami-v2", f"{FILE}/.gitattributes"), 0),
}


@pytest.mark.parametrize("case", EXITS)
def test_exit_statuses(here: Guarded, case: str) -> None:
    status, paths, expected = EXITS[case]
    here.hub.rewrite(MODEL, COMMIT, {"loader.py": b"import os"})
    asks(here, status, *paths).says(expected, f"exit status {expected}")


def test_a_file_that_is_not_the_sealed_one_is_said_when_it_happens_and_at_the_end(here: Guarded) -> None:
    here.hub.lie(MODEL, "config.json", b"{'model_type': 'evil!'}")
    ran = asks(here, 0, f"{FILE}/config.json", f"{FILE}/config.json")
    ran.says(1, f"refused: BLOCKED: config.json of {NAME} is not the sealed file", "(2 times)", "1 refused")


def test_a_hub_that_is_down_is_unavailable(here: Guarded) -> None:
    here.hub.close()
    asks(here, 0, f"{FILE}/config.json").says(6, "UNAVAILABLE acme-lab/atlas-7b", "exit status 6")


def test_a_registry_that_is_down_lets_nothing_through(here: Guarded) -> None:
    here.scene.address.close()
    asks(here, 0, f"{FILE}/config.json").says(6, "UNAVAILABLE acme-lab/atlas-7b")


def test_rules_say_what_may_pass_unsealed(here: Guarded) -> None:
    rules = here.scene.someone.here / "house.toml"
    rules.write_text('[[allow]]\nrepos = ["hf://someuser/*"]\nverdicts = ["unknown"]\n')
    here.hub.commit("models/someuser/tiny-lm", GOOD)
    path = "/someuser/tiny-lm/resolve/main/config.json"
    asks(here, 0, path, options=("--rules", "house.toml")).says(0, "ACCEPTED someuser/tiny-lm@")
    asks(here, 0, path, options=("--rules", "house.toml", "--strict")).says(5)


def test_the_lock_says_which_commit(here: Guarded) -> None:
    asks(here, 0, f"{FILE}/config.json", options=("--locked",)).says(2, "no modelseal.lock here or above")
    here.scene.someone.types("lock", NAME).says(0)
    asks(here, 0, f"{FILE}/config.json", options=("--locked",)).says(0, "1 file passed")


def test_an_address_that_is_none_is_wrong_use(here: Guarded) -> None:
    types(here, "--", "true", HF_ENDPOINT="hub.example").says(2, "HF_ENDPOINT is 'hub.example'")


def test_accepting_a_word_is_for_one_repo_that_is_typed(here: Guarded) -> None:
    types(here, "--accept", "unknown", "--", "true").says(2, "--accept")


def test_without_a_trust_root_nothing_is_run(here: Guarded, tmp_path: Path) -> None:
    ran = types(here, "--", "touch", "ran", MODELSEAL_HOME=str(tmp_path / "nobody"))
    ran.says(6, "trust add")
    assert not (here.scene.someone.here / "ran").exists()


def test_a_port_that_is_taken(here: Guarded) -> None:
    types(here, "--port", str(here.server.server_port), "--", "true").says(2, "cannot be used", "another one: --port P")
    port = free_port()
    asks(here, 0, f"{FILE}/config.json", options=("--port", str(port))).says(0)


def test_a_program_that_is_not_there_or_cannot_be_run(here: Guarded) -> None:
    types(here, "--", "no-such-program").says(127, "no-such-program: command not found")
    types(here, "--", "./ask.py").says(126, "./ask.py: cannot be run: permission denied")
    types(here, "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").says(128 + signal.SIGKILL)


def test_the_environment_of_the_program(here: Guarded, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = {"TRANSFORMERS_CACHE": "/old", "LLAMA_CACHE": "/old", "https_proxy": "http://127.0.0.1:9"}
    types(here, "--", sys.executable, "-c", ENVIRONMENT, HF_HUB_CACHE="/other", HF_TOKEN="hf_x", **before).says(0)
    env = json.loads(capfd.readouterr().out)
    folder = here.scene.someone.home / "cache/guard/1"
    assert env["HF_ENDPOINT"].startswith("http://127.0.0.1:") and env["HF_ENDPOINT"] != here.hub.url
    assert env["HF_HUB_CACHE"] == str(folder / "hub") and env["HF_HUB_DISABLE_XET"] == "1"
    assert env["HF_MODULES_CACHE"] == str(folder / "modules") and env["HF_DATASETS_CACHE"] == str(folder / "datasets")
    assert env["NO_PROXY"] == env["no_proxy"] == "127.0.0.1" and env["HF_TOKEN"] == "hf_x"
    assert not {"TRANSFORMERS_CACHE", "LLAMA_CACHE"} & env.keys()


def test_what_follows_the_program_is_the_programs(here: Guarded) -> None:
    code = "import sys; sys.exit(sys.argv[1:] != ['--json', '--port', 'x', '--'])"
    ran = types(here, "--", sys.executable, "-c", code, "--json", "--port", "x", "--")
    assert ran.code == 0 and ran.out == ""


def test_with_json_there_is_one_object_a_line_and_the_program_speaks_elsewhere(
    here: Guarded, capfd: pytest.CaptureFixture[str]
) -> None:
    here.hub.rewrite(MODEL, COMMIT, {"loader.py": b"import os"})
    paths = (f"{FILE}/config.json", f"{FILE}/loader.py", f"{FILE}/loader.py", "/api/whoami-v2")
    ran = asks(here, 0, *paths, options=("--json",))
    ready, refused, ended = lines(ran.out)
    assert ran.code == 1 and repr(GOOD["config.json"]) in capfd.readouterr().err
    assert ready["verdict"] == "ready" and {"name": "HF_HUB_DISABLE_XET", "value": "1"} in ready["environment"]
    assert (refused["verdict"], refused["exit"], refused["repo"], refused["file"]) == ("failed", 1, NAME, "loader.py")
    assert (ended["exit"], ended["command"], ended["others"]) == (1, 0, 1)
    assert ended["passed"] == [{"repo": NAME, "revision": COMMIT, "verdict": "sealed", "files": 1, "bytes": 23}]
    assert ended["refused"][0]["times"] == 2 and ended["hidden"][0]["files"] == ["loader.py"]
    assert "secret" not in ran.out + ran.err


def test_quiet_says_nothing_of_its_own(here: Guarded) -> None:
    ran = asks(here, 0, "/nobody/x/resolve/main/config.json", options=("-q",))
    assert (ran.code, ran.out, ran.err) == (5, "", "")


def test_what_lay_wrong_in_its_cache_is_said(here: Guarded) -> None:
    (here.scene.someone.home / "cache/guard/1/hub/models--someuser--tiny-lm/snapshots").mkdir(parents=True)
    (here.scene.someone.home / "cache/guard/1").chmod(0o700)
    (here.scene.someone.home / "cache/guard/1/hub/models--someuser--tiny-lm/snapshots/x").mkdir()
    types(here, "--", "true").says(0, "aside:", "snapshots/x is no snapshot")


LOAD = """
import os, sys
from huggingface_hub import snapshot_download
path = snapshot_download("acme-lab/atlas-7b", local_files_only=sys.argv[1] == "local")
print({name: open(os.path.join(path, name), "rb").read() for name in sorted(os.listdir(path))} == eval(sys.argv[2]))
"""


def test_offline_a_program_sees_what_was_verified_and_nothing_else(
    here: Guarded, capfd: pytest.CaptureFixture[str]
) -> None:
    def loads(how: str, **env: str) -> Ran:
        return types(here, "--", sys.executable, "-c", LOAD, how, repr(GOOD), HF_HUB_DISABLE_PROGRESS_BARS="1", **env)

    loads("online").says(0, "2 files passed")
    loads("local").says(0, "0 files passed")
    loads("online", HF_HUB_OFFLINE="1").says(0, "0 files passed")
    assert capfd.readouterr().out == "True\n" * 3
    blobs = here.scene.someone.home / "cache/guard/1/hub/models--acme-lab--atlas-7b/blobs"
    next(blob for blob in blobs.iterdir() if blob.stat().st_size == len(GOOD["config.json"])).write_bytes(b"evil")
    loads("local").says(1, "aside:", "is not what its name says")
    loads("online").says(0, "2 files passed")


# processes


def start(here: Guarded, *words: str) -> subprocess.Popen[bytes]:
    env = {**here.scene.someone.env, "HF_ENDPOINT": here.hub.url}
    return subprocess.Popen(
        [str(PROGRAM), "guard", *words],
        cwd=here.scene.someone.here, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_without_a_program_it_prints_exports_and_serves_until_it_is_ended(
    here: Guarded, number: signal.Signals, status: int
) -> None:
    with start(here) as guard:
        assert guard.stdout is not None and guard.stderr is not None
        said = [guard.stdout.readline().decode().strip() for _ in range(5)]
        exports = dict(word.partition("=")[::2] for line in said for word in shlex.split(line)[1:])
        assert all(line.startswith("export ") for line in said)
        assert exports.keys() >= {"HF_ENDPOINT", "HF_HUB_CACHE", "HF_HUB_DISABLE_XET"}
        done = subprocess.run(
            [sys.executable, "ask.py", "0", f"{FILE}/config.json"],
            cwd=here.scene.someone.here, env={**os.environ, **exports}, capture_output=True, timeout=30,
        )  # fmt: skip
        assert repr(GOOD["config.json"]).encode() in done.stdout
        guard.send_signal(number)
        _, err = guard.communicate(timeout=30)
        assert guard.returncode == status and f"exit status {status}" in err.decode()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 128 + signal.SIGINT)])
def test_who_ends_the_guard_ends_the_program(here: Guarded, number: signal.Signals, status: int) -> None:
    wait = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with start(here, "--", sys.executable, "-c", wait) as guard:
        assert guard.stdout is not None
        program = int(guard.stdout.readline())
        guard.send_signal(number)
        _, err = guard.communicate(timeout=30)
        assert guard.returncode == status and not lives(program), err
        assert (
            b"Traceback" not in err.replace(b"KeyboardInterrupt", b"") or number == signal.SIGINT
        )  # the program's own


def test_a_program_that_does_not_end_is_killed(here: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelseal.journeys import guard as journey

    monkeypatch.setattr(journey, "KILL_S", 0.2)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    began = time.monotonic()
    journey._end(process)
    assert process.returncode == -signal.SIGKILL and time.monotonic() - began < 20
    process.stdout.close()
