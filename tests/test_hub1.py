"""Whatever talks to a Hub, once more with huggingface_hub 1.31, which brings httpx; the 2.x of `.venv` brings httpx2.

The tests of these files run in the environment `.venv-hub1`, in two processes of their own; each file is a test here.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WAIT_S = 600.0
CHOSEN = (
    "client/test_check.py",
    "client/test_cli_get.py",
    "client/test_cli_hubcache.py::test_what_the_hubs_own_client_downloads_is_found_and_verified",  # verify REPO, scan
    "client/test_dropin.py",
    "client/test_hub.py",
    "client/test_inprocess.py",
    "registry/test_fetch.py",
)


@dataclass(frozen=True)
class Ran:
    printed: str
    tests: dict[str, list[xml.Element]]  # of CHOSEN -> what ran


@pytest.fixture(scope="module")
def ran(hub1: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    told = tmp_path_factory.mktemp("hub1") / "tests.xml"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={told}", "-n", "2", "--dist", "loadfile"]
    done = subprocess.run(
        [str(hub1), *words, *(f"tests/{one}" for one in CHOSEN)],
        cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S,
    )  # fmt: skip
    assert done.returncode in (0, 1) and told.exists(), done.stdout + done.stderr
    cases = list(xml.parse(told).iter("testcase"))
    modules = {one: f"tests/{one}".partition(".py")[0].replace("/", ".") for one in CHOSEN}
    tests = {one: [case for case in cases if case.get("classname") == modules[one]] for one in CHOSEN}
    return Ran(done.stdout + done.stderr, tests)


def test_it_is_another_one_with_another_http_library(hub1: Path) -> None:
    import huggingface_hub

    from modelseal.hub import client

    code = "import huggingface_hub as h, modelseal.hub.client as c; print(h.__version__, c.http().__name__)"
    done = subprocess.run([str(hub1), "-c", code], capture_output=True, text=True, timeout=WAIT_S)
    version, library = done.stdout.split()
    assert version.startswith("1.31.") and library == "httpx"
    assert huggingface_hub.__version__.startswith("2.") and client.http().__name__ == "httpx2"


@pytest.mark.parametrize("chosen", CHOSEN)
def test_it_passes_too(chosen: str, ran: Ran) -> None:
    found = ran.tests[chosen]
    bad = [case.get("name") for case in found if any(one.tag in ("failure", "error", "skipped") for one in case)]
    assert found and not bad, f"{bad}\n{ran.printed}"
