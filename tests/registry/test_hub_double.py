"""The double of the Hub is one to the real client: else tests against it would say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import Hub

FILES: dict[str, bytes] = {"config.json": b"{}", "onnx/model.onnx": b"weights"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    set_client_factory(default_client_factory)
    with Hub() as found:
        yield found
    set_client_factory(default_client_factory)


@pytest.mark.parametrize("type_", ["model", "dataset", "space"])
def test_repos_of_every_type_are_listed_and_downloaded(hub: Hub, tmp_path: Path, type_: str) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    first = hub.commit(f"{type_}s/acme-lab/x", FILES)
    second = hub.commit(f"{type_}s/acme-lab/x", {"config.json": b"[]"})
    info = api.repo_info("acme-lab/x", repo_type=type_)
    assert (info.id, info.sha, info.author) == ("acme-lab/x", second, "acme-lab")
    assert {one.rfilename for one in vars(info)["siblings"]} == {".gitattributes", *FILES}
    assert {one.path for one in api.list_repo_tree("acme-lab/x", repo_type=type_, recursive=True)} == {
        ".gitattributes",
        *FILES,
    }
    for revision, config in (("main", b"[]"), (first, b"{}")):
        here = Path(api.snapshot_download("acme-lab/x", repo_type=type_, revision=revision, cache_dir=tmp_path))
        assert here.name == (second if revision == "main" else first)
        assert (here / "config.json").read_bytes() == config and (here / "onnx/model.onnx").read_bytes() == b"weights"


def test_pull_requests_are_refs_and_not_main(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    main = hub.commit("models/acme-lab/x", FILES)
    ref = hub.pull_request("models/acme-lab/x")
    proposed = hub.commit("models/acme-lab/x", {"evil.py": b"import os"}, ref=ref)
    assert (ref, api.model_info("acme-lab/x").sha) == ("refs/pr/1", main)
    assert api.model_info("acme-lab/x", revision=ref).sha == proposed
    assert Path(api.hf_hub_download("acme-lab/x", "evil.py", revision=ref, cache_dir=tmp_path)).read_bytes()
    assert [branch.name for branch in api.list_repo_refs("acme-lab/x").branches] == ["main"]


def test_renames_answer_with_a_redirect_and_owners_have_ids(hub: Hub) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=False)
    hub.commit("models/old/x", FILES)
    hub.rename("models/old/x", "models/new/x")
    assert api.model_info("old/x").id == "new/x"
    assert api.model_info("NEW/x").id == "new/x"  # any spelling gets the canonical one
    first = hub.owner("old")
    assert vars(api.get_organization_overview("old"))["_id"] == first
    assert hub.owner("old", id="dead") == "dead"  # given up, and registered again
    assert vars(api.get_organization_overview("old"))["_id"] == "dead"
    hub.owner("ana", "users")
    assert api.get_user_overview("ana").username == "ana"


def test_what_is_not_there_is_named_as_the_hub_names_it(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import HfApi, errors

    api = HfApi(endpoint=hub.url, token=False)
    hub.commit("models/acme-lab/x", FILES)
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("acme-lab/y")
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info("acme-lab/x", revision="v2")
    with pytest.raises(errors.EntryNotFoundError):
        api.hf_hub_download("acme-lab/x", "no.json", cache_dir=tmp_path)
    assert not api.file_exists("acme-lab/x", "no.json") and api.file_exists("acme-lab/x", "config.json")
