"""The guard as programs see it over HTTP: every way around it is closed."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from modelseal.errors import Usage
from modelseal.hubproxy import Cache, answers, files, spool, upstream
from modelseal.hubproxy.server import MAX_BODY, Server
from modelseal.passing import Passing, Stopped
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import dripping
from tests.support.guarded import FILE, MODEL, Guarded, guarded
from tests.support.hub import Answer
from tests.support.scene import ACME, CI, GOOD, NAME, NEWER, REPO, acme, files_of, publish
from tests.support.world import World

COMMIT = make.revision(1)
API = f"/api/models/{NAME}"
BIG = bytes(range(256)) * (3 << 12)  # 3 MiB
WITH_BIG = {**GOOD, "model-00001-of-00002.safetensors": BIG}
BIG_FILE = f"{FILE}/model-00001-of-00002.safetensors"


def big_world() -> World:
    world = World(now=int(time.time()))
    world.claim(ACME, [make.key("ana")], [(CI, f"{ACME}/*")])
    world.publish(REPO, 1, CI, files_of(WITH_BIG))
    return world


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path, acme()) as one:
        yield one


@pytest.fixture
def big(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path, big_world()) as one:
        one.hub.commit(MODEL, WITH_BIG, id=COMMIT)
        yield one


# what passes


def test_a_sealed_file_passes_with_what_clients_insist_on(here: Guarded) -> None:
    got, head = here.get(f"{FILE}/config.json"), here.head(f"{FILE}/config.json")
    assert got.status == head.status == 200 and got.body == GOOD["config.json"] and head.body == b""
    for one in (got, head):
        assert one.headers["x-repo-commit"] == COMMIT
        assert one.headers["etag"] == one.headers["x-linked-etag"] == f'"{_sha256("config.json")}"'
        assert one.headers["content-length"] == one.headers["x-linked-size"] == str(len(GOOD["config.json"]))
        assert one.headers["accept-ranges"] == "bytes"
        assert not {"location", "link", "x-xet-hash"} & one.headers.keys()


def _sha256(name: str) -> str:
    return next(file.sha256.hex() for file in files_of(GOOD) if file.name == name)


def test_it_is_fetched_once_and_served_from_disk_afterwards(here: Guarded) -> None:
    for _ in range(3):
        assert here.get(f"{FILE}/model.safetensors").body == GOOD["model.safetensors"]
    assert len(here.files_asked()) == 1


def test_main_is_the_newest_release_at_its_own_commit(here: Guarded) -> None:
    publish(here.scene.world, 2, NEWER)
    here.scene.serve()
    here.hub.commit(MODEL, NEWER, id=make.revision(2))
    here.hub.commit(MODEL, {"README.md": b"a newer card, which nobody sealed"})
    for path in (API, f"{API}/revision/main", f"{API}/revision/HEAD"):
        assert here.get(path).json["sha"] == make.revision(2)
    assert here.get(f"{FILE}/model.safetensors").body == NEWER["model.safetensors"]
    assert here.get(f"{API}/refs").json["branches"][0]["targetCommit"] == make.revision(2)
    assert here.get(f"/{NAME}/resolve/{COMMIT}/model.safetensors").body == GOOD["model.safetensors"]


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_datasets_and_spaces_pass_alike(tmp_path: Path, kind: str) -> None:
    world = World(now=int(time.time()))
    repo = f"hf://{kind}/acme-lab/corpus"
    world.claim(ACME, [make.key("ana")], [(CI, f"hf://{kind}/acme-lab/*")])
    world.publish(repo, 1, CI, files_of(GOOD))
    with guarded(tmp_path, world) as here:
        here.hub.commit(f"{kind}/acme-lab/corpus", GOOD, id=COMMIT)
        assert here.get(f"/{kind}/acme-lab/corpus/resolve/main/config.json").body == GOOD["config.json"]
        info = here.get(f"/api/{kind}/acme-lab/corpus").json
        assert (info["id"], info["sha"]) == ("acme-lab/corpus", COMMIT)
        assert here.get("/acme-lab/corpus/resolve/main/config.json").status == 403  # a model of that name is another


def test_a_renamed_repo_is_found_and_trusted_by_the_name_that_was_asked_for(here: Guarded) -> None:
    here.hub.rename(MODEL, "models/acme-lab/atlas-8b")
    assert here.get(f"{FILE}/config.json").body == GOOD["config.json"]
    got = here.get(API)
    assert got.json["id"] == NAME and "is called acme-lab/atlas-8b on the Hub now" in got.headers["x-hf-warning"]
    assert here.get("/acme-lab/atlas-8b/resolve/main/config.json").says.startswith("UNKNOWN acme-lab/atlas-8b: ")


def test_a_redirect_to_a_cdn_is_followed_here_and_the_token_is_not_sent_there(here: Guarded) -> None:
    here.hub.cdn = True
    token = here.hub.token()
    got = here.get(f"{FILE}/model.safetensors", {"Authorization": f"Bearer {token}"})
    assert (got.status, got.body) == (200, GOOD["model.safetensors"]) and "location" not in got.headers
    assert here.hub.cdn_asked and {sent for _, sent in here.hub.cdn_asked} == {None}
    assert {sent for _, sent in here.hub.tokens} == {token}


def test_what_a_token_opens_is_not_open_to_others(here: Guarded) -> None:
    here.hub.repos[MODEL].private = True
    mine = {"Authorization": f"Bearer {here.hub.token(MODEL)}"}
    path = f"{FILE}/config.json"
    assert here.get(path).status == 401
    assert here.get(path, mine).body == GOOD["config.json"]
    denied = here.get(path)
    assert (denied.status, denied.headers["x-error-code"]) == (401, "RepoNotFound")
    assert here.get(path, {**mine, "Range": "bytes=0-1"}).body == GOOD["config.json"][:2]
    assert here.get(path, {"Range": "bytes=0-1"}).status == 401


def test_a_gated_repo_says_so(here: Guarded) -> None:
    here.hub.repos[MODEL].gated = "manual"
    got = here.get(f"{FILE}/config.json")
    assert got.status in (401, 403) and got.headers["x-error-code"] == "GatedRepo"
    assert not here.ledger.refused  # the Hub's no is no verdict


# listings


def test_nothing_of_xet_is_passed_on(here: Guarded) -> None:
    here.hub.xet = True
    tree = here.get(f"{API}/tree/{COMMIT}?recursive=true")
    assert b"xet" not in tree.body.lower() and b'"lfs"' in tree.body
    head = here.head(f"{FILE}/model.safetensors")
    assert not [name for name in head.headers if "xet" in name or name in ("link", "location")]
    assert here.get(f"{API}/xet-read-token/{COMMIT}").status == 403


def test_what_nobody_sealed_is_hidden_and_named(here: Guarded) -> None:
    here.hub.rewrite(MODEL, COMMIT, {**GOOD, "loader.py": b"import os", "sub/evil.bin": b"!"})
    info, tree = here.get(f"{API}?blobs=true"), here.get(f"{API}/tree/main?recursive=true")
    assert [one["rfilename"] for one in info.json["siblings"]] == sorted(GOOD)
    assert [one["path"] for one in tree.json] == sorted(GOOD)
    for one in (info, tree):
        assert "loader.py, sub/evil.bin" in one.headers["x-hf-warning"]
        assert "2 files are hidden" in one.headers["x-hf-warning"]
    assert here.ledger.hidden == {(NAME, COMMIT): ("loader.py", "sub/evil.bin")}
    for method in ("GET", "HEAD"):
        got = here.get(f"{FILE}/loader.py", method=method)
        assert (got.status, got.says) == (403, f"FAILED {NAME}: loader.py is not in its seal")


def test_sizes_and_digests_of_a_listing_are_the_sealed_ones(here: Guarded) -> None:
    here.hub.rewrite(MODEL, COMMIT, {**GOOD, "model.safetensors": b"other"})
    one = next(one for one in here.get(f"{API}?blobs=true").json["siblings"] if one["rfilename"] == "model.safetensors")
    assert one["size"] == len(GOOD["model.safetensors"]) and one["lfs"]["sha256"] == _sha256("model.safetensors")


def test_a_sealed_file_that_the_hub_leaves_out_is_listed_and_withheld(here: Guarded) -> None:
    here.hub.rewrite(MODEL, COMMIT, {"model.safetensors": None})
    assert [one["path"] for one in here.get(f"{API}/tree/main").json] == sorted(GOOD)
    got = here.get(f"{FILE}/model.safetensors")
    assert got.status == 403 and "withholds it" in got.says and "x-error-code" not in got.headers


def test_a_file_that_is_not_there_is_absent_as_programs_expect(here: Guarded) -> None:
    for method in ("GET", "HEAD"):
        got = here.get(f"{FILE}/added_tokens.json", method=method)
        assert (got.status, got.headers["x-error-code"], got.headers["x-repo-commit"]) == (404, "EntryNotFound", COMMIT)
    assert here.get(f"{API}/tree/main/additional_chat_templates").headers["x-error-code"] == "EntryNotFound"
    assert not here.ledger.refused


def test_names_that_no_seal_covers_do_not_pass_and_are_no_verdict(here: Guarded) -> None:
    assert here.get(f"{FILE}/.gitattributes").status == 403
    assert not here.ledger.refused
    assert ".gitattributes" not in json.dumps(here.get(API).json)


def test_paths_info_says_what_is_sealed(here: Guarded) -> None:
    here.hub.rewrite(MODEL, COMMIT, {**GOOD, "loader.py": b""})
    form = b"paths=config.json&paths=loader.py&paths=none&expand=True"
    kinds = {"application/x-www-form-urlencoded": form}
    kinds["application/json"] = b'{"paths": ["config.json", "loader.py", "none"], "expand": true}'
    for kind, body in kinds.items():
        got = here.get(f"{API}/paths-info/{COMMIT}", {"Content-Type": kind}, method="POST", body=body)
        assert [one["path"] for one in got.json] == ["config.json"] and got.json[0]["lastCommit"]["id"] == COMMIT
    assert here.get(f"{API}/paths-info/{COMMIT}", method="POST", body=b"\xff{").json == []


def test_a_long_listing_comes_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "PAGE", 20)
    many = {f"sub/{number:04}.json": b"{}" for number in range(50)} | {"config.json": b"{}"}
    world = World(now=int(time.time()))
    world.claim(ACME, [make.key("ana")], [(CI, f"{ACME}/*")])
    world.publish(REPO, 1, CI, files_of(many))
    with guarded(tmp_path, world) as here:
        here.hub.commit(MODEL, many, id=COMMIT)
        path, found = f"{API}/tree/main?recursive=true", []
        while path:
            got = here.get(path)
            found += [one["path"] for one in got.json]
            link = got.headers.get("link", "")
            assert not link or link.startswith(f"<{here.url}/api/")
            path = link.partition(">")[0].removeprefix(f"<{here.url}")
        assert found == sorted([*many, "sub"]) and len(here.get(f"{API}/tree/main").json) == 2


# lies


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_small_file_that_is_not_the_sealed_one_is_refused_and_stays_so(here: Guarded, name: str) -> None:
    here.hub.lie(MODEL, name, bytes(reversed(GOOD[name])))
    first = here.get(f"{FILE}/{name}")
    assert first.status == 403 and first.says.startswith(f"BLOCKED: {name} of {NAME} is not the sealed file: sha256:")
    assert bytes(reversed(GOOD[name])) not in first.body
    here.hub.lie(MODEL, name, GOOD[name])
    for got in (
        here.get(f"{FILE}/{name}"),
        here.get(f"{FILE}/{name}", {"Range": "bytes=1-"}),
        here.get(f"{FILE}/{name}", {"Range": "bytes=0-0"}),
    ):
        assert got.status == 403 and got.says == first.says
    assert len(here.files_asked()) == 1 and [one.exit_code for one in here.ledger.refused] == [1]


def test_a_large_file_is_cut_before_its_last_byte(big: Guarded) -> None:
    may_end, lie = threading.Event(), BIG[:-1] + b"!"

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(lie)))
        handler.end_headers()
        handler.wfile.write(lie[: 2 << 20])
        may_end.wait(20)
        handler.wfile.write(lie[2 << 20 :])

    big.scene.address.files[f"{BIG_FILE.replace('main', COMMIT).lstrip('/')}"] = slowly
    big.server.upstream = upstream.Upstream(big.scene.address.url)
    connection = http.client.HTTPConnection("127.0.0.1", big.server.server_port, timeout=20)
    with contextlib.closing(connection), pytest.raises(http.client.IncompleteRead) as cut:
        connection.request("GET", BIG_FILE)
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read(1 << 20) == BIG[: 1 << 20]  # while the rest is not even sent
        may_end.set()
        answer.read()
    assert len(cut.value.partial) < len(BIG) - (1 << 20)
    big.server.upstream = upstream.Upstream(big.hub.url)
    again = big.get(BIG_FILE, {"Range": f"bytes={len(cut.value.partial) + (1 << 20)}-"})
    assert again.status == 403 and "BLOCKED" in again.says
    assert big.get(f"{FILE}/config.json").status == 200  # the rest of the repo still passes


@pytest.mark.parametrize("length", [len(BIG) - 1, len(BIG) + 1, 0])
def test_another_length_is_refused(big: Guarded, length: int) -> None:
    big.hub.lie(MODEL, "model-00001-of-00002.safetensors", (BIG + b"!")[:length])
    with contextlib.suppress(http.client.IncompleteRead):
        assert big.get(BIG_FILE).status == 403
    assert f"{len(BIG)} bytes are sealed" in big.get(BIG_FILE).says


def test_another_tree_under_the_same_commit_does_not_pass(here: Guarded) -> None:
    evil = {"config.json": b'{"auto_map": {"AutoModel": "evil.Model"}}', "evil.py": b"import os"}
    here.hub.rewrite(MODEL, COMMIT, evil)
    assert here.get(f"{FILE}/config.json").status == 403
    assert here.get(f"{FILE}/evil.py").status == 403


def test_a_hub_that_answers_with_another_commit_is_not_believed(here: Guarded) -> None:
    value = {"id": NAME, "sha": "f" * 40, "siblings": []}
    here.hub.hook = lambda _method, path: Answer(200, json.dumps(value).encode()) if path.startswith("/api/") else None
    got = here.get(API)
    assert got.status == 503 and "another commit" in got.says


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"sha": "' + COMMIT.encode() + b'"}', b"[" * 100_000])
def test_an_answer_that_is_none_is_not_passed_on(here: Guarded, body: bytes) -> None:
    here.hub.hook = lambda _method, path: Answer(200, body) if path.startswith("/api/") else None
    assert here.get(API).status == 503


def test_of_what_the_hub_says_beside_the_files_only_small_and_known_things_pass(here: Guarded) -> None:
    siblings = [{"rfilename": name} for name in GOOD]
    value = {"id": NAME, "sha": COMMIT, "siblings": siblings, "tags": ["text"], "likes": 7, "gated": False}
    value |= {"config": {"auto_map": {}}, "cardData": {}, "library_name": "x" * 1000, "author": ["x"] * 1000}
    here.hub.hook = lambda _method, path: Answer(200, json.dumps(value).encode()) if path.startswith("/api/") else None
    assert here.get(API).json.keys() == {"id", "modelId", "sha", "siblings", "tags", "likes", "gated"}


# parts


def test_a_part_comes_after_the_whole_was_checked(big: Guarded) -> None:
    got = big.get(BIG_FILE, {"Range": "bytes=1000-1999"})
    assert (got.status, got.body) == (206, BIG[1000:2000])
    assert got.headers["content-range"] == f"bytes 1000-1999/{len(BIG)}"
    assert big.get(BIG_FILE, {"Range": "bytes=-5"}).body == BIG[-5:]
    assert big.get(BIG_FILE, {"Range": "bytes=0-0"}).body == BIG[:1]
    assert big.get(BIG_FILE, {"Range": f"bytes=5-{10**15}"}).body == BIG[5:]
    assert len(big.files_asked()) == 1


def test_no_part_of_another_file_comes(big: Guarded) -> None:
    big.hub.lie(MODEL, "model-00001-of-00002.safetensors", BIG[:-1] + b"!")
    assert big.get(BIG_FILE, {"Range": "bytes=0-0"}).status == 403


def test_who_goes_on_with_what_somebody_else_gave_gets_all_of_it(big: Guarded) -> None:
    for _ in range(2):  # before and after it lies here checked
        got = big.get(BIG_FILE, {"Range": "bytes=1000-"})
        assert (got.status, got.body) == (200, BIG)


PARTS = {
    "": 200, "bytes=0-": 206, "bytes=5-2": 416, f"bytes={len(BIG)}-": 416, "bytes=-0": 416, "bytes=-": 200,
    "bytes=0-1,3-4": 200, "lines=1-2": 200, "bytes=a-b": 200, "bytes=-1-2": 200, "bytes=" + "9" * 30 + "-": 200,
}  # fmt: skip


def test_whatever_else_a_range_says(big: Guarded) -> None:
    for text, status in PARTS.items():
        got = big.get(BIG_FILE, {"Range": text})
        assert got.status == status and (got.body == BIG) == (status != 416), text


# what lies in the user's own Hub cache


@pytest.fixture
def own(here: Guarded, tmp_path: Path) -> HubCache:
    here.server.cache = Cache(tmp_path / "hub")
    return HubCache(tmp_path / "hub")


FOLDER = "models--acme-lab--atlas-7b"


def test_what_lies_in_the_users_cache_is_not_downloaded(here: Guarded, own: HubCache) -> None:
    own.snapshot(FOLDER, COMMIT, GOOD)
    for name, data in GOOD.items():
        assert here.get(f"{FILE}/{name}").body == data
    assert here.files_asked() == []
    assert ("HEAD", f"/{NAME}/resolve/{COMMIT}/config.json") in here.hub.asked  # may this token read it?


def test_a_wrong_file_there_is_passed_over_and_blocks_nothing(here: Guarded, own: HubCache) -> None:
    bad = {"config.json": bytes(reversed(GOOD["config.json"])), "model.safetensors": b"short"}
    own.snapshot(FOLDER, COMMIT, bad)
    for name, data in GOOD.items():
        assert here.get(f"{FILE}/{name}").body == data
    assert len(here.files_asked()) == 2 and not here.ledger.refused


def test_a_link_there_that_leads_elsewhere_is_not_followed(here: Guarded, own: HubCache, tmp_path: Path) -> None:
    snapshot = own.snapshot(FOLDER, COMMIT, {"model.safetensors": GOOD["model.safetensors"]})
    (tmp_path / "config.json").write_bytes(GOOD["config.json"])
    (snapshot / "config.json").symlink_to(tmp_path / "config.json")
    assert here.get(f"{FILE}/config.json").body == GOOD["config.json"] and len(here.files_asked()) == 1


def test_what_lies_there_is_for_those_who_may_read_it_at_the_hub(here: Guarded, own: HubCache) -> None:
    own.snapshot(FOLDER, COMMIT, GOOD)
    here.hub.repos[MODEL].private = True
    assert here.get(f"{FILE}/config.json").status == 401
    token = {"Authorization": f"Bearer {here.hub.token(MODEL)}"}
    assert here.get(f"{FILE}/config.json", token).body == GOOD["config.json"]
    here.hub.close()
    assert here.get(f"{FILE}/model.safetensors").status == 503


# who does not answer


def test_without_the_registry_nothing_passes(here: Guarded) -> None:
    here.scene.address.close()
    got = here.get(f"{FILE}/config.json")
    assert got.status == 503 and got.says.startswith(f"UNAVAILABLE {NAME}: ") and GOOD["config.json"] not in got.body


def test_without_the_hub_nothing_new_passes(here: Guarded) -> None:
    here.get(f"{FILE}/config.json")
    here.hub.close()
    got = here.get(f"{FILE}/model.safetensors")
    assert got.status == 503 and "no answer about model.safetensors" in got.says
    assert here.get(f"{FILE}/config.json").body == GOOD["config.json"]  # it lies here, checked
    assert here.get(API).status == 503


def test_a_hub_that_falls_silent_is_given_up(here: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "STALL_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        here.server.upstream = upstream.Upstream(f"http://127.0.0.1:{silent.getsockname()[1]}")
        got = here.get(f"{FILE}/config.json")
        assert got.status == 503 and "no answer" in got.says


def test_a_hub_that_sends_a_byte_now_and_then_is_given_up(here: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "SLOW_S", 0.2)
    monkeypatch.setattr(spool, "ATTEMPTS", 1)
    here.scene.address.files[f"{NAME}/resolve/{COMMIT}/config.json"] = dripping
    here.server.upstream = upstream.Upstream(here.scene.address.url)
    got = here.get(f"{FILE}/config.json")
    assert got.status == 503 and ("too slow" in got.says or "no answer in time" in got.says)


def test_a_client_that_hangs_up_ends_its_download(big: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHECK_S", 0.05)
    may_go_on = threading.Event()

    def hold(_method: str, path: str) -> Answer | None:
        if "/resolve/" in path:
            may_go_on.wait(20)
        return None

    big.hub.hook = hold
    with socket.create_connection(("127.0.0.1", big.server.server_port)) as client:
        client.sendall(f"GET {BIG_FILE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        _until(lambda: bool(big.files_asked()))
    _until(lambda: big.server._active == 0)
    may_go_on.set()
    assert big.get(BIG_FILE).body == BIG


def _until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_on_its_way_when_a_guard_ends_arrives(big: Guarded) -> None:
    may_go_on = threading.Event()

    def hold(_method: str, path: str) -> Answer | None:
        if "/resolve/" in path:
            may_go_on.wait(20)
        return None

    big.hub.hook = hold
    got: list[bytes] = []
    client = threading.Thread(target=lambda: got.append(big.get(BIG_FILE).body))
    client.start()
    _until(lambda: bool(big.files_asked()))
    end = threading.Thread(target=big.server.close, args=(20,))
    end.start()
    _until(lambda: not big.server._thread.is_alive())
    assert end.is_alive()
    may_go_on.set()
    end.join(20)
    client.join(20)
    assert got == [BIG]
    with pytest.raises(OSError):
        big.get(BIG_FILE)


# who asks


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "0.0.0.0:1", ""])
def test_under_another_name_nobody_is_answered(here: Guarded, host: str) -> None:
    got = here.get(f"{FILE}/config.json", {"Host": host})
    assert got.status == 403 and GOOD["config.json"] not in got.body


def test_a_page_in_a_browser_is_not_answered(here: Guarded) -> None:
    assert here.get(f"{FILE}/config.json", {"Origin": "http://127.0.0.1:1"}).status == 403


def test_it_listens_on_this_machine_alone(here: Guarded) -> None:
    assert here.server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_said(here: Guarded) -> None:
    one = here.server
    with pytest.raises(Usage, match=f"port {one.server_port} of 127.0.0.1 cannot be used"):
        Server(one.gate, one.upstream, one.spool, one.ledger, port=one.server_port)


@pytest.mark.parametrize(
    "line",
    [f"POST {API}/commit/main", "POST /api/repos/create", "PUT /lfs/x", "DELETE /api/repos/delete", f"PATCH {API}"],
)
def test_nothing_is_written_through_it(here: Guarded, line: str) -> None:
    method, _, path = line.partition(" ")
    assert here.get(path, method=method, body=b"{}").status == 403
    assert not here.hub.asked


def test_unknown_routes_and_pull_requests_reach_nobody(here: Guarded) -> None:
    for path in ("/api/whoami-v2", "/api/models?search=x", f"/{NAME}/raw/main/config.json", "/", "/favicon.ico"):
        assert here.get(path).status == 403
    for path in (
        f"/{NAME}/resolve/refs%2Fpr%2F1/config.json",
        f"{API}/revision/refs%2Fpr%2F1",
        f"{API}/tree/refs/pr/1",
    ):
        got = here.get(path)
        assert got.status in (403, 503) and "pull request" in got.says
    assert not here.hub.asked


def test_a_repo_that_nobody_sealed_is_refused_with_its_verdict(here: Guarded) -> None:
    here.hub.commit("models/someuser/tiny-lm", GOOD)
    for path in ("/someuser/tiny-lm/resolve/main/config.json", "/api/models/someuser/tiny-lm"):
        got = here.get(path)
        assert got.status == 403 and got.says.startswith("UNKNOWN someuser/tiny-lm: nobody has sealed")
        assert got.headers["x-modelseal-verdict"] == "unknown 5"
    assert here.get("/gpt2/resolve/main/config.json").says.startswith("UNKNOWN gpt2 has no owner in its name")
    assert not here.hub.asked


@pytest.mark.parametrize(
    "headers",
    [f"Content-Length: {MAX_BODY + 1}", "Content-Length: -1", "Content-Length: x", "Transfer-Encoding: chunked"],
)
def test_a_body_that_cannot_be_one_is_not_read(here: Guarded, headers: str) -> None:
    with socket.create_connection(("127.0.0.1", here.server.server_port), timeout=20) as client:
        client.sendall(f"POST {API}/paths-info/main HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_no_token_is_ever_written_anywhere(here: Guarded, capfd: pytest.CaptureFixture[str]) -> None:
    token = {"Authorization": "Bearer hf_secretsecretsecret"}
    for path in (f"{FILE}/config.json", f"{FILE}/nothing", API, "/api/whoami-v2", "/nobody/x/resolve/main/y"):
        got = here.get(path, token)
        assert b"secretsecret" not in got.body and "secretsecret" not in str(got.headers)
    here.hub.close()
    assert "secretsecret" not in here.get(f"{FILE}/model.safetensors", token).says
    out = capfd.readouterr()
    assert "secretsecret" not in out.out + out.err + repr(vars(here.ledger)) + repr(here.server._theirs)


def test_a_file_of_over_50_gb_is_refused_to_huggingface_hub_in_clear_words(
    big: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_WITHOUT_XET", len(BIG) - 1)
    agent = {"User-Agent": "unknown/None; hf_hub/2.4.0; python/3.11"}
    for method in ("HEAD", "GET"):
        got = big.get(BIG_FILE, agent, method=method)
        assert got.status == 403 and "over 50 GB by Xet alone" in got.says and f"modelseal get {NAME}" in got.says
    assert big.get(BIG_FILE, {"User-Agent": "curl/8"}).body == BIG


def test_several_connections_at_once_get_whole_files(big: Guarded) -> None:
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(big.get(BIG_FILE).body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [BIG] * 8 and len(big.files_asked()) == 1


def test_a_connection_is_kept(here: Guarded) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", here.server.server_port, timeout=20)
    with contextlib.closing(connection):
        for name in (*GOOD, "nothing.json", *GOOD):
            connection.request("GET", f"{FILE}/{name}")
            answer = connection.getresponse()
            assert answer.read() == GOOD.get(name) or answer.status == 404


def test_a_bug_of_ours_passes_nothing_and_is_said(here: Guarded) -> None:
    said: list[str] = []

    class Broken:
        def passing(self, repo: str, revision: str | None) -> Passing | Stopped:
            raise ZeroDivisionError(repo)

    here.server.gate, here.server.told = Broken(), said.append
    got = here.get(f"{FILE}/config.json")
    assert (got.status, got.says) == (500, "internal error of modelseal guard")
    assert said == [f"internal error: ZeroDivisionError: hf://{NAME}"]
