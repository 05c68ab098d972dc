"""Evidence from the registry is what anybody would gather from its files, however it is kept and shared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelseal.gather import gather
from modelseal_registry import answers
from modelseal_registry.answers import Answers
from modelseal_registry.static import Files
from tests.support import make
from tests.support.registry import House

ANA, CI = make.key("ana"), make.key("ci")
NS = "hf://acme-lab"
REPOS = [f"{NS}/r{number}" for number in range(4)]


@pytest.fixture
def house(tmp_path: Path) -> House:
    found = House(tmp_path)
    found.adopt(NS, [ANA], [(CI, f"{NS}/*")])
    for number, repo in enumerate(REPOS):
        found.logged(make.sealed(CI, repo, number))
    return found


def gathered(house: House, repo: str) -> bytes:
    files = Files(house.public)
    return gather(files.get, repo, None)


@pytest.mark.parametrize("limit", ["KEEP_ALL", "SHARE", "SHARE_BYTES"])
def test_an_answer_does_not_depend_on_what_is_kept(house: House, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(answers, limit, 1)
    found = Answers(Files(house.public))
    for repo in REPOS * 2:
        assert found.evidence(repo.removeprefix("hf://")) == gathered(house, repo)


def test_many_threads_get_the_same_and_the_next_checkpoint_is_seen(house: House) -> None:
    found = Answers(Files(house.public))
    names = [repo.removeprefix("hf://") for repo in REPOS * 20]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(found.evidence, names))
    assert got == [gathered(house, repo) for repo in REPOS] * 20
    house.logged(make.sealed(CI, REPOS[0], 9))
    newer = found.evidence(names[0])
    assert newer == gathered(house, REPOS[0]) != got[0]
