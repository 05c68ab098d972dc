"""Trust roots: begun by a fingerprint, followed by TUF, kept on disk, and what each attack leads to."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import errors, root
from modelseal.formats import strict
from modelseal.remote import Budget, Folder, Http
from modelseal.times import utc
from modelseal_registry import trustdraft, trustroot
from tests.support.trust import DAY, URL, Files, Repository, trust

NOW = int(time.time())
NONE: dict[str, str] = {}  # an environment without our variables


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def add(repository: Repository, home: Path, *, files: Files | None = None) -> root.Entry:
    return root.add(files or repository.files(), sha256(repository.first), home, NOW, env=NONE)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.stat().st_size}


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve *folder* as `python -m http.server` does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_registry_is_added_by_the_fingerprint_of_its_root(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    assert entry.trust == repository.says
    assert entry.policy.encode() == repository.policy
    assert entry.addresses == (URL,)
    assert (entry.root, entry.timestamp, entry.fingerprint) == (1, 1, sha256(repository.first))
    assert entry.expires == {
        "root": repository.now + 365 * DAY,
        "targets": repository.now + 365 * DAY,
        "snapshot": repository.now + 30 * DAY,
        "timestamp": repository.now + 7 * DAY,
    }
    assert root.find(home, NONE) == entry


def test_a_registry_is_added_over_http_and_from_a_folder(repository: Repository, tmp_path: Path) -> None:
    public = tmp_path / "public"
    for path, data in repository.files().items():
        (public / path).parent.mkdir(parents=True, exist_ok=True)
        (public / path).write_bytes(data)
    fingerprint = sha256(repository.first)
    with served(public) as url:
        entry = root.add(Http(url, Budget(10)), fingerprint, tmp_path / "one", NOW, env=NONE)
        assert entry.addresses == (url, URL)
        assert root.refresh(entry, Http(url, Budget(10)), NOW + 5).refreshed == NOW + 5
    entry = root.add(Folder(public), fingerprint, tmp_path / "two", NOW, env=NONE)
    assert entry.addresses == (str(public), URL)


def test_reading_what_is_trusted_needs_no_tuf(repository: Repository, home: Path) -> None:
    add(repository, home)
    code = (
        "import sys; from pathlib import Path; from modelseal import root;"
        "e = root.find(Path(sys.argv[1])); root.usable(root.refreshed(e, [], int(sys.argv[2])), int(sys.argv[2]));"
        "heavy = {'tuf', 'urllib3', 'securesystemslib', 'cryptography'};"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & heavy))"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("MODELSEAL_")}
    run = subprocess.run(
        [sys.executable, "-c", code, str(home), str(NOW)], capture_output=True, text=True, env=env, check=True
    )
    assert run.stdout == "[]\n"


def test_a_wrong_fingerprint_stores_nothing(repository: Repository, home: Path) -> None:
    with pytest.raises(errors.Refused, match=f"none of its 1 root versions has the fingerprint sha256:{'00' * 32}"):
        root.add(repository.files(), bytes(32), home, NOW, env=NONE)
    assert not home.exists()


def test_an_address_without_a_trust_root_is_refused(home: Path) -> None:
    with pytest.raises(errors.Refused, match="none of its 0 root versions"):
        root.add(Files({}), bytes(32), home, NOW, env=NONE)


def test_the_search_for_a_fingerprint_ends_after_256_roots(repository: Repository, home: Path) -> None:
    files = Files({f"trust/{number}.root.json": b"{}" for number in range(1, 300)})
    with pytest.raises(errors.Refused, match="none of its 256 root versions"):
        root.add(files, bytes(32), home, NOW, env=NONE)
    assert len(files.asked) == 256


def test_every_invitation_ever_handed_out_still_works(repository: Repository, tmp_path: Path) -> None:
    roots = [repository.first, repository.rotate("ben"), repository.rotate("cleo")]
    for number, first in enumerate(roots):
        entry = root.add(repository.files(), sha256(first), tmp_path / str(number), NOW, env=NONE)
        assert (entry.root, entry.trust) == (3, repository.says)


def test_a_new_root_signed_by_both_is_followed(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    repository.rotate("ben")
    repository.publish(trust("another log key"))
    assert root.refresh(entry, repository.files(), NOW).trust == trust("another log key")
    found = root.find(home, NONE)
    assert (found.root, found.trust.policy.log) == (2, repository.says.policy.log)


def test_a_new_root_not_signed_by_the_old_operators_is_refused(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    repository.rotate("mallory", signed_by_old=False)
    before = contents(home)
    with pytest.raises(errors.Unavailable, match=r"the last good trust root of registry\.example stays"):
        root.refresh(entry, repository.files(), NOW)
    assert contents(home) == before
    with pytest.raises(errors.Refused, match="root was signed by 0/1 keys"):
        add(repository, home.with_name("fresh"))
    assert not home.with_name("fresh").exists()


def test_an_expired_root_without_successor_is_refused(tmp_path: Path, home: Path) -> None:
    repository = Repository(tmp_path / "old", now=NOW - 366 * DAY)
    with pytest.raises(errors.Refused, match=rf"its root 1 expired on {utc(NOW - DAY)} and has no successor"):
        add(repository, home)
    assert not home.exists()


def test_an_expired_root_with_a_successor_is_where_an_invitation_begins(tmp_path: Path, home: Path) -> None:
    repository = Repository(tmp_path / "old", now=NOW - 366 * DAY)
    repository.now = NOW
    for name in ("1.snapshot.json", "timestamp.json"):
        stale = repository.load(name)
        stale.signed.expires = trustdraft.after(NOW, 7)
        repository.write(name, stale, repository.online)
    repository.rotate("ben")
    repository.publish(repository.says, expires=trustdraft.after(NOW, 365))
    assert add(repository, home).root == 2


@pytest.mark.parametrize(("role", "days"), [("timestamp", 8), ("snapshot", 31)])
def test_an_expired_answer_is_unavailable_and_stores_nothing(tmp_path: Path, home: Path, role: str, days: int) -> None:
    repository = Repository(tmp_path / "old", now=NOW - days * DAY)
    if role == "snapshot":
        timestamp = repository.load("timestamp.json")
        timestamp.signed.expires = trustdraft.after(NOW, 7)
        repository.write("timestamp.json", timestamp, repository.online)
    with pytest.raises(errors.Unavailable, match=f"{role}.* is expired"):
        add(repository, home)
    assert not home.exists()


@pytest.mark.parametrize(("days", "role"), [(7, "timestamp"), (30, "snapshot"), (365, "root")])
def test_what_has_expired_on_disk_is_named_with_its_date(
    repository: Repository, home: Path, days: int, role: str
) -> None:
    entry = add(repository, home)
    then = entry.expires[role]
    assert then == repository.now + days * DAY
    if role == "timestamp":
        assert root.usable(entry, then - 1) == entry
        with pytest.raises(errors.Unavailable, match=f"its timestamp expired on {utc(then)}"):
            root.usable(entry, then)
    elif role == "root":
        with pytest.raises(errors.Unavailable, match=f"its root expired on {utc(then)}"):
            root.refreshed(entry, [], then)
    else:
        with pytest.raises(errors.Unavailable, match=f"its snapshot expired on {utc(then)}"):
            root.refreshed(entry, [], then)


def test_a_refresh_happens_once_a_day_of_use_or_when_something_expired(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    assert not entry.is_due(NOW) and not entry.is_due(NOW + DAY - 1)
    assert entry.is_due(NOW + DAY) and entry.is_due(NOW - 1)
    files = repository.files()
    assert root.refreshed(entry, [files], NOW + 60) is entry
    assert files.asked == []
    assert root.refreshed(entry, [files], NOW + DAY).refreshed == NOW + DAY
    assert files.asked == ["trust/2.root.json", "trust/timestamp.json", *files.asked[2:]]


def test_a_refresh_tries_the_next_address_and_survives_without_any(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    repository.publish(trust("another log key"))
    dead = Files({}, "https://dead.example")
    assert root.refreshed(entry, [dead], NOW + DAY) == entry
    assert root.refreshed(entry, [dead, repository.files()], NOW + DAY).trust == trust("another log key")


def test_an_older_timestamp_is_not_taken_back(repository: Repository, home: Path) -> None:
    old = repository.files()
    repository.publish(trust("another log key"))
    entry = add(repository, home)
    before = contents(home)
    with pytest.raises(errors.Unavailable, match="version 1 must be >= 2"):
        root.refresh(entry, old, NOW)
    assert contents(home) == before
    assert add(repository, home, files=old) == entry  # adding again is no way back either


@pytest.mark.parametrize("says", [trust(origin="other.example"), trust(leaf0=b"\x02" * 32)], ids=["origin", "leaf0"])
def test_targets_about_another_log_are_refused(repository: Repository, home: Path, says: object) -> None:
    entry = add(repository, home)
    before = contents(home)
    repository.publish(says)  # type: ignore[arg-type]
    with pytest.raises(errors.Refused, match=r"now (about|names)") as caught:
        root.refreshed(entry, [repository.files()], NOW + DAY)
    assert caught.value.hint == "remove, and add by the new fingerprint"
    assert contents(home) == before


def test_the_same_origin_with_another_root_is_refused(repository: Repository, home: Path, tmp_path: Path) -> None:
    add(repository, home)
    before = contents(home)
    other = Repository(tmp_path / "other", who="mallory")
    with pytest.raises(errors.Refused, match="is trusted already, with the root sha256:") as caught:
        add(other, home)
    assert caught.value.hint == "remove, and add by the new fingerprint"
    assert contents(home) == before


def test_a_second_registry_is_a_usage_error_that_names_both(repository: Repository, home: Path, tmp_path: Path) -> None:
    add(repository, home)
    other = Repository(tmp_path / "other", trust(origin="other.example"))
    with pytest.raises(errors.Usage, match=r"https://registry\.example .* https://second\.example"):
        add(other, home, files=other.files("https://second.example"))
    assert [entry.trust.origin for entry in root.entries(home, NONE)] == ["registry.example"]


def changed(files: Files, name: str, old: bytes, new: bytes) -> Files:
    path = next(path for path in files if path.endswith(name))
    assert old in files[path]
    files[path] = files[path].replace(old, new)
    return files


TAMPERED = {
    "a target": (".policy", b"quorum none", b"quorum nope", "hash|length"),
    "a target's length": (".registry.json", b'"v":1', b'"v":1 ', "length|bytes"),
    "targets": ("1.targets.json", b'"length":', b'"length": 1', "signed by 0/1|hash|length|not TUF"),
    "the snapshot": ("1.snapshot.json", b'"version":1', b'"version":2', "signed by 0/1"),
    "the timestamp": ("timestamp.json", b'"version":1', b'"version":9', "signed by 0/1"),
    "no JSON": ("timestamp.json", b"{", b"[", "not TUF metadata"),
    "another type": (
        "timestamp.json",
        b'"_type":"timestamp"',
        b'"_type":"snapshot"',
        "Expected 'timestamp', got",
    ),
    "a type of its own": ("1.targets.json", b'"_type":"targets"', b'"_type":"\\u001b[31m"', "not TUF metadata"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_change_is_refused_and_stores_nothing(repository: Repository, home: Path, case: str) -> None:
    name, old, new, words = TAMPERED[case]
    with pytest.raises(errors.Error, match=words) as caught:
        add(repository, home, files=changed(repository.files(), name, old, new))
    assert "\x1b" not in str(caught.value)
    assert not home.exists()


@pytest.mark.parametrize("name", ["1.targets.json", "1.snapshot.json", "timestamp.json", ".policy", ".registry.json"])
def test_a_missing_file_is_unavailable_and_stores_nothing(repository: Repository, home: Path, name: str) -> None:
    files = repository.files()
    del files[next(path for path in files if path.endswith(name))]
    with pytest.raises(errors.Unavailable, match="not found"):
        add(repository, home, files=files)
    assert not home.exists()


@pytest.mark.parametrize("name", ["1.root.json", "2.root.json", "1.targets.json", "timestamp.json", ".policy"])
def test_endless_metadata_is_unavailable_and_stores_nothing(repository: Repository, home: Path, name: str) -> None:
    files = repository.files()
    path = next((path for path in files if path.endswith(name)), f"trust/{name}")
    files[path] = b" " * 6_000_000
    with pytest.raises(errors.Unavailable, match=r"more than|exceeding"):
        add(repository, home, files=files)
    assert not home.exists()


def test_targets_that_delegate_are_refused(repository: Repository, home: Path) -> None:
    api = trustdraft.tuf()
    signer = trustdraft.signer(repository.operator).public_key
    role = api.DelegatedRole("more", [signer.keyid], 1, False, paths=["*"])
    repository.publish(repository.says, delegations=api.Delegations({signer.keyid: signer}, {"more": role}))
    with pytest.raises(errors.Refused, match="its targets delegate to others"):
        add(repository, home)


@pytest.mark.parametrize("name", ["../../escape", "a/b", "UPPER", "x" * 65])
def test_a_target_with_a_name_of_another_form_is_refused(repository: Repository, home: Path, name: str) -> None:
    api = trustdraft.tuf()
    targets = dict(repository.load("1.targets.json").signed.targets)
    targets[name] = api.TargetFile.from_data(name, b"x", ["sha256"])
    repository.publish(repository.says, targets=targets)
    with pytest.raises(errors.Refused, match="another name, hash or size"):
        add(repository, home, files=repository.everything())


def test_a_target_of_later_releases_is_kept_for_mirrors(repository: Repository, home: Path) -> None:
    api = trustdraft.tuf()
    data = b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
    targets = dict(repository.load("1.targets.json").signed.targets)
    later = api.TargetFile.from_data("sigstore_trusted_root.json", data, ["sha256"])
    targets[later.path] = later
    (repository.folder / "targets" / f"{later.hashes['sha256']}.{later.path}").write_bytes(data)
    repository.publish(repository.says, targets=targets)
    saved = root.save(add(repository, home))
    assert data in trustroot.copy(Files({}), saved).values()


def test_a_saved_trust_root_adds_the_same_elsewhere(repository: Repository, home: Path, tmp_path: Path) -> None:
    repository.rotate("ben")
    entry = add(repository, home)
    saved = root.save(entry)
    assert set(json.loads(saved)) == {"metadata", "targets", "v"}
    with pytest.raises(errors.Refused, match="first root has not the fingerprint"):
        root.add_file(saved, bytes(32), tmp_path / "elsewhere", NOW, env=NONE)
    assert not (tmp_path / "elsewhere").exists()
    again = root.add_file(saved, entry.fingerprint, tmp_path / "elsewhere", NOW, env=NONE)
    assert (again.trust, again.expires, again.root) == (entry.trust, entry.expires, 2)
    assert again.is_due(NOW)
    assert root.save(again) == saved
    with pytest.raises(errors.Unavailable, match="its timestamp expired on"):
        root.add_file(saved, entry.fingerprint, tmp_path / "late", NOW + 8 * DAY, env=NONE)
    with pytest.raises(errors.Refused, match="its root 2 expired on"):
        root.add_file(saved, entry.fingerprint, tmp_path / "late", NOW + 366 * DAY, env=NONE)
    assert not (tmp_path / "late").exists()


def test_every_truncation_of_a_saved_trust_root_is_refused(repository: Repository, home: Path) -> None:
    saved = root.save(add(repository, home))
    for length in range(len(saved)):
        with pytest.raises(errors.Malformed):
            root.Saved.parse(saved[:length])


def test_a_changed_saved_trust_root_is_refused_or_means_the_same(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    saved = root.save(entry)
    expected = root.verify(root.Saved.parse(saved), entry.fingerprint)
    for at in range(0, len(saved), 5):
        data = saved[:at] + bytes([saved[at] ^ 1]) + saved[at + 1 :]
        try:
            found = root.verify(root.Saved.parse(data), entry.fingerprint)
        except (errors.Malformed, errors.Refused):
            continue
        assert (found.trust, found.expires, found.age) == (expected.trust, expected.expires, expected.age), at


def test_pieces_of_several_states_do_not_make_one(repository: Repository, home: Path) -> None:
    old = json.loads(root.save(add(repository, home.with_name("old"))))
    repository.rotate("ben")
    entry = add(repository, home)
    new = json.loads(root.save(entry))
    fingerprint = entry.fingerprint

    def refused(value: object, words: str) -> None:
        with pytest.raises((errors.Refused, errors.Malformed), match=words):
            root.verify(root.Saved.parse(strict.encode(value).encode()), fingerprint)

    def metadata(**change: str | None) -> dict[str, object]:
        names = {name.replace("_", "."): text for name, text in change.items()}
        kept = {name: text for name, text in {**new["metadata"], **names}.items() if text is not None}
        return {**new, "metadata": kept}

    refused(metadata(timestamp_json=old["metadata"]["timestamp.json"]), "the snapshot that was signed for is missing")
    refused(metadata(timestamp_json=None), "not some roots")
    refused({**new, "targets": {"policy": new["targets"]["policy"]}}, "registry.json is missing")
    refused({**new, "targets": {**new["targets"], "more": "x"}}, "'more' is none of its targets")
    refused({**new, "v": 2}, "upgrade needed")
    refused({**new, "extra": 1}, "unknown field")
    second = new["metadata"]["2.root.json"]
    names = {k: v for k, v in new["metadata"].items() if k != "2.root.json"}
    refused({**new, "metadata": names}, "signed by 0/1 keys")
    refused({**new, "metadata": {**names, "3.root.json": second}}, r"3\.root\.json has the version 2, expected 2")
    refused({**new, "metadata": {**new["metadata"], "notes.txt": "x"}}, "not some roots")


def test_a_file_is_trusted_for_lying_where_modelseal_trust_points(
    repository: Repository, home: Path, tmp_path: Path
) -> None:
    add(repository, home)
    other = Repository(tmp_path / "other", trust(origin="other.example"))
    saved = root.save(add(other, tmp_path / "elsewhere"))
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "other.trust").write_bytes(saved)
    for named in (shelf / "other.trust", shelf):
        env = {"MODELSEAL_TRUST": str(named)}
        entry = root.find(home, env)
        assert entry.trust.origin == "other.example"  # and nothing else is trusted
        assert (entry.place, entry.is_due(NOW)) == (shelf / "other.trust", True)
        with pytest.raises(errors.Usage, match="MODELSEAL_TRUST says what is trusted"):
            root.add(repository.files(), sha256(repository.first), home, NOW, env=env)
        with pytest.raises(errors.Refused, match=r"trusted because of .*other\.trust"):
            root.remove(home, "other.example", env)


def test_a_file_that_is_trusted_stays_as_it_is_and_is_followed_all_the_same(
    repository: Repository, home: Path, tmp_path: Path
) -> None:
    saved = root.save(add(repository, tmp_path / "elsewhere"))
    file = tmp_path / "shipped.trust"
    file.write_bytes(saved)
    env = {"MODELSEAL_TRUST": str(file)}
    late = NOW + 8 * DAY
    with pytest.raises(errors.Unavailable, match="its timestamp expired"):
        root.refreshed(root.find(home, env), [], late)
    repository.publish(trust("another log key"))
    root.refresh(root.find(home, env), repository.files(), NOW)
    assert root.find(home, env).trust == trust("another log key")
    assert file.read_bytes() == saved


def test_a_damaged_trust_root_is_an_error_and_never_absence(repository: Repository, home: Path, tmp_path: Path) -> None:
    entry = add(repository, home)
    (entry.folder / "local.json").write_bytes(b"{}")
    with pytest.raises(errors.Malformed, match=r"local\.json"):
        root.find(home, NONE)
    (tmp_path / "bad.trust").write_bytes(b"{}")
    for named, words in ((tmp_path / "bad.trust", "bad.trust"), (tmp_path / "gone", "not there")):
        with pytest.raises(errors.Error, match=words):
            root.find(home, {"MODELSEAL_TRUST": str(named)})


def test_with_no_trust_root_the_line_to_type_is_said(home: Path) -> None:
    with pytest.raises(root.NoTrust) as caught:
        root.find(home, NONE)
    assert caught.value.exit_code == 6
    assert "modelseal trust add https://HOST#sha256:HEX" in (caught.value.hint or "")
    assert not home.exists()


def test_two_files_that_decide_about_every_name_are_named(repository: Repository, home: Path, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other", trust(origin="other.example"))
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "a.trust").write_bytes(root.save(add(repository, tmp_path / "1")))
    (shelf / "b.trust").write_bytes(root.save(add(other, tmp_path / "2")))
    with pytest.raises(errors.Usage, match=r"a\.trust and .*b\.trust both decide about every name"):
        root.find(home, {"MODELSEAL_TRUST": str(shelf)})


def test_a_registry_is_removed_by_address_or_origin(repository: Repository, home: Path) -> None:
    for name in (URL, URL + "/", "registry.example"):
        add(repository, home)
        assert root.remove(home, name, NONE).trust == repository.says
        assert root.entries(home, NONE) == []
    with pytest.raises(errors.Usage, match="is not trusted"):
        root.remove(home, URL, NONE)


def test_added_addresses_are_tried_last_and_survive_a_refresh(repository: Repository, home: Path) -> None:
    entry = add(repository, home)
    assert root.add_address(entry, "https://mirror.example").addresses == (URL, "https://mirror.example")
    assert root.add_address(entry, "https://mirror.example").mirrors == ("https://mirror.example",)
    assert root.refresh(entry, repository.files(), NOW).mirrors == ("https://mirror.example",)
    assert add(repository, home).mirrors == ("https://mirror.example",)
    assert root.remove_address(entry, "https://mirror.example").addresses == (URL,)
    with pytest.raises(errors.Usage, match="was not added"):
        root.remove_address(entry, "https://mirror.example")


@pytest.mark.parametrize("origin", ["..", ".", "a.example:80/x", "a.example/80/x"])
def test_an_origin_never_leaves_the_folder_of_trust_roots(tmp_path: Path, home: Path, origin: str) -> None:
    entry = add(Repository(tmp_path / "r", trust(origin=origin)), home)
    assert entry.folder.parent == home / "trust"
    assert entry.folder.name not in (".", "..")
    assert root.find(home, NONE) == entry


def test_two_processes_add_and_refresh_at_once(repository: Repository, home: Path, tmp_path: Path) -> None:
    public = tmp_path / "public"
    for path, data in repository.files().items():
        (public / path).parent.mkdir(parents=True, exist_ok=True)
        (public / path).write_bytes(data)
    code = (
        "import sys, time; from pathlib import Path; from modelseal import root; from modelseal.remote import Folder;"
        "home, reader, now = Path(sys.argv[1]), Folder(Path(sys.argv[2])), int(time.time());"
        "e = root.add(reader, bytes.fromhex(sys.argv[3]), home, now, env={});"
        "[(root.add_address(e, f'https://{sys.argv[4]}-{i}.example'), root.refresh(e, reader, now)) for i in range(5)]"
    )
    args = [sys.executable, "-c", code, str(home), str(public), sha256(repository.first).hex()]
    both = [subprocess.Popen([*args, name], stderr=subprocess.PIPE, text=True) for name in ("one", "two")]
    for process in both:
        assert process.communicate()[1] == ""
    entry = root.find(home, NONE)
    assert sorted(entry.mirrors) == sorted(f"https://{n}-{i}.example" for n in ("one", "two") for i in range(5))
    assert root.verify(root.Saved.parse(root.save(entry)), entry.fingerprint).trust == repository.says
