"""Drafts of the trust root: who must sign, what is refused, and how one is put in place, killed anywhere."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelseal import errors, platform, root
from modelseal.formats import strict
from modelseal.formats.policy import encode_policy
from modelseal.formats.trust import encode_registry
from modelseal.keys import SigningKey
from modelseal.root.saved import POLICY, REGISTRY
from modelseal_registry import trustdraft, trustroot
from modelseal_registry.trustdraft import Draft, Roles
from tests.support import make
from tests.support.trust import Files, trust

NOW = make.NOW
ANA, BEN, CLEO, DORA = (make.key(name) for name in ("ana", "ben", "cleo", "dora"))
ONLINE, NEXT = make.key("online", "ed25519"), make.key("next online", "ed25519")


def signing(private: make.Private) -> SigningKey:
    return SigningKey(private.secret, private.public)


def roles(*operators: make.Private, threshold: int = 2, online: make.Private = ONLINE) -> Roles:
    return Roles(trustdraft.ordered([one.public for one in operators]), threshold, online.public)


def contents(name: str = "log", **changes: Any) -> dict[str, bytes]:
    says = replace(trust(name), **changes)
    return {POLICY: encode_policy(says.policy.log, says.policy.own), REGISTRY: encode_registry(says)}


def signed(draft: Draft, *by: make.Private) -> Draft:
    for private in by:
        draft = trustdraft.sign(draft, signing(private))
    return draft


def count(draft: Draft) -> list[str]:
    return [str(group) for group in trustdraft.facts(draft).groups]


FIRST = trustdraft.first(roles(ANA, BEN, CLEO), contents(), NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of 2 of 3 operators."""
    trustroot.publish(tmp_path / "trust", signed(FIRST, ANA, BEN), [ONLINE.secret], NOW)
    return tmp_path / "trust"


def published(folder: Path) -> root.Saved:
    return trustroot.saved(folder)


def proven(folder: Path) -> root.Verified:
    saved = published(folder)
    return root.verify(saved, hashlib.sha256(saved.roots[0][1]).digest())


def test_a_draft_reads_back_and_counts_whole_signatures(folder: Path) -> None:
    assert count(FIRST) == ["0 of 2"]
    assert count(signed(FIRST, CLEO)) == ["1 of 2"]
    assert count(signed(FIRST, ANA, CLEO, BEN)) == ["3 of 2"]
    once = signed(FIRST, ANA)
    assert signed(once, ANA) == once
    assert Draft.parse(once.encode()) == once
    assert proven(folder).trust == trust()


def test_a_stranger_s_signature_is_not_wanted() -> None:
    with pytest.raises(errors.Refused, match=r"SHA256:[0-9a-f]{64} is no operator's key in this draft"):
        signed(FIRST, DORA)


def test_below_the_threshold_nothing_is_published(tmp_path: Path) -> None:
    for draft in (FIRST, signed(FIRST, ANA)):
        with pytest.raises(errors.TooFew, match=r"[01] of 2 operators; nothing was published"):
            trustroot.publish(tmp_path / "trust", draft, [ONLINE.secret], NOW)
    assert list(tmp_path.iterdir()) == []


def test_copies_that_were_signed_apart_come_together(folder: Path) -> None:
    draft = trustdraft.following(published(folder), contents("new"), NOW)
    both = trustdraft.merged(signed(draft, ANA), signed(draft, CLEO))
    assert count(both) == ["2 of 2"]
    other = signed(trustdraft.following(published(folder), contents("mallory"), NOW), CLEO)
    with pytest.raises(errors.Refused, match=r"2\.targets\.json is another one than here"):
        trustdraft.merged(draft, other)


def test_new_targets_are_published_after_what_held(folder: Path) -> None:
    draft = trustdraft.following(published(folder), contents("new"), NOW + 5)
    trustroot.publish(folder, signed(draft, BEN, CLEO), [ONLINE.secret], NOW + 5)
    found = proven(folder)
    assert (found.root, found.timestamp, found.trust) == (1, 2, trust("new"))
    with pytest.raises(errors.Refused, match=r"has changed since this was drafted.*2\.targets\.json"):
        trustroot.publish(folder, signed(trustdraft.following(first_saved(folder), contents("x"), NOW), ANA, BEN),
                          [ONLINE.secret], NOW)  # fmt: skip


def first_saved(folder: Path) -> root.Saved:
    """What was published first, from the files that are still there."""
    names = ("1.root.json", "1.targets.json", "1.snapshot.json")
    api = trustdraft.tuf()
    timestamp = api.Metadata(api.Timestamp(version=1, expires=trustdraft.after(NOW, 7), snapshot_meta=api.MetaFile(1)))
    timestamp.sign(trustdraft.signer(ONLINE.secret))
    texts = {name: (folder / name).read_text() for name in names}
    old = {name: data.decode() for name, data in contents().items()}
    return root.Saved({**texts, "timestamp.json": timestamp.to_bytes().decode()}, old)


ROTATIONS = {
    "another key": (roles(ANA, BEN, DORA), [ANA, BEN]),
    "a threshold of three": (roles(ANA, BEN, CLEO, threshold=3), [ANA, BEN, CLEO]),
    "one of them": (roles(ANA, threshold=1), [ANA, CLEO]),
    "all others": (roles(DORA, make.key("emil")), [ANA, CLEO, DORA, make.key("emil")]),
}


@pytest.mark.parametrize("case", ROTATIONS)
def test_a_new_root_needs_the_old_operators_and_the_new_ones(case: str, folder: Path) -> None:
    new, signers = ROTATIONS[case]
    draft = trustdraft.following(published(folder), contents(), NOW, new)
    assert len(count(draft)) == 2
    for missing in signers:
        rest = signed(draft, *(one for one in signers if one is not missing))
        with pytest.raises(errors.TooFew):
            trustroot.publish(folder, rest, [ONLINE.secret], NOW)
    assert proven(folder).root == 1
    trustroot.publish(folder, signed(draft, *signers), [ONLINE.secret], NOW)
    assert proven(folder).root == 2
    assert trustroot.roles(folder) == new


def test_the_same_operators_sign_a_root_for_another_year_once(folder: Path) -> None:
    draft = trustdraft.following(published(folder), contents(), NOW + 300 * 86400, roles(ANA, BEN, CLEO))
    assert count(draft) == ["0 of 2"]
    trustroot.publish(folder, signed(draft, BEN, CLEO), [ONLINE.secret], NOW + 300 * 86400)
    assert proven(folder).expires["root"] == NOW + 665 * 86400 == proven(folder).expires["targets"]


def test_with_another_online_key_both_sign_once_and_then_the_new_one_alone(folder: Path) -> None:
    draft = signed(
        trustdraft.following(published(folder), contents(), NOW, roles(ANA, BEN, CLEO, online=NEXT)), ANA, BEN
    )
    trustroot.publish(folder, draft, [ONLINE.secret, NEXT.secret], NOW)
    assert (proven(folder).root, proven(folder).timestamp) == (2, 2)
    assert trustroot.resign(folder, lambda: [ONLINE.secret, NEXT.secret], NOW + 20 * 86400)
    assert proven(folder).expires["snapshot"] == NOW + 50 * 86400
    with pytest.raises(errors.Error, match=f"its root is {NEXT.public.fingerprint}, and that is not here"):
        trustroot.resign(folder, lambda: [ONLINE.secret], NOW + 40 * 86400)


def test_killed_anywhere_a_publication_leaves_a_good_state_and_can_be_done_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the eyes of somebody who has seen the new root while the rest is as before, and the other way round."""
    draft = signed(trustdraft.following(published(folder), contents("new"), NOW, ROTATIONS["all others"][0]),
                   *ROTATIONS["all others"][1])  # fmt: skip
    before, replace_, states = proven(folder), platform.replace, []
    steps = 0
    for steps in range(20):
        left = steps

        def dying(path: Path, data: bytes, **rest: Any) -> None:
            nonlocal left
            if not left:
                raise KeyboardInterrupt
            left -= 1
            replace_(path, data, **rest)

        monkeypatch.setattr(platform, "replace", dying)
        try:
            trustroot.publish(folder, draft, [ONLINE.secret], NOW)
        except KeyboardInterrupt:
            found = proven(folder)
            assert found.trust in (before.trust, trust("new"))
            states.append((found.root, found.trust == before.trust))
            continue
        break
    assert steps > 4
    assert states == sorted(states, key=lambda state: (state[0], not state[1]))
    assert (1, False) in states, "new targets hold under the old root"
    assert (proven(folder).root, proven(folder).trust) == (2, trust("new"))


def test_the_order_of_the_files_lets_nobody_meet_half_a_rotation(tmp_path: Path) -> None:
    """Whoever is served a beginning of `files` on top of the old files can follow it."""
    now, folder = int(time.time()), tmp_path / "trust"  # the client's workflow asks the real clock
    begun = trustdraft.first(roles(ANA, BEN, CLEO), contents(), now)
    trustroot.publish(folder, signed(begun, ANA, BEN), [ONLINE.secret], now)
    before = trustroot.files(folder)
    first = next(data for path, data in before.items() if path.endswith("1.root.json"))
    draft = trustdraft.following(published(folder), contents("new"), now, roles(DORA, threshold=1))
    trustroot.publish(folder, signed(draft, ANA, BEN, DORA), [ONLINE.secret], now)
    served = dict(before)
    seen = []
    for path, data in trustroot.files(folder).items():
        served[path] = data
        saved = root.chain.follow(Files(served), first, None)
        seen.append(root.verify(saved, hashlib.sha256(first).digest()).trust)
    assert seen == sorted(seen, key=lambda found: found == trust("new"))
    assert set(seen) == {trust(), trust("new")}


FORGED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a target that nobody is shown": (
        lambda v: v["targets"].update({POLICY: contents("mallory")[POLICY].decode()}), "says more, or other things"),
    "a target more": (lambda v: v["targets"].update(more="x"), "says more, or other things"),
    "no policy": (lambda v: v["targets"].pop(POLICY), "policy or registry.json is missing"),
    "no targets": (lambda v: v["metadata"].pop("2.targets.json"), "not targets, with or without a root"),
    "two targets": (lambda v: v["metadata"].update({"3.targets.json": "{}"}), "not targets, with or without a root"),
    "a later version": (lambda v: later(v["metadata"]), "says more|do not follow"),
    "another name": (
        lambda v: v["metadata"].update({"9.targets.json": v["metadata"].pop("2.targets.json")}), "says more"),
    "not TUF": (lambda v: v["metadata"].update({"2.targets.json": "{}"}), "not TUF metadata"),
    "a delegation": (lambda v: delegated(v["metadata"]), "says more, or other things"),
    "a past of its own": (lambda v: v["published"]["targets"].update({POLICY: "quorum none\n"}), "trust root"),
    "no past": (lambda v: v.update(published=None), "without a root"),
    "another version": (lambda v: v.update(v=2), "upgrade needed"),
}  # fmt: skip


def later(metadata: dict[str, str]) -> None:
    value = json.loads(metadata.pop("2.targets.json"))
    value["signed"]["version"] = 3
    metadata["3.targets.json"] = strict.encode(value)


def delegated(metadata: dict[str, str]) -> None:
    api = trustdraft.tuf()
    load = api.Metadata.from_bytes(metadata["2.targets.json"].encode())
    load.signed.delegations = api.Delegations({}, {})
    metadata["2.targets.json"] = load.to_bytes().decode()


@pytest.mark.parametrize("case", FORGED)
def test_a_draft_that_says_anything_but_what_is_shown_is_refused(case: str, folder: Path) -> None:
    draft = trustdraft.following(published(folder), contents("new"), NOW)
    value = json.loads(draft.encode())
    change, words = FORGED[case]
    change(value)
    with pytest.raises((errors.Refused, errors.Malformed), match=words):
        signed(Draft.parse(strict.encode(value).encode()), ANA)


ROOTS: dict[str, Callable[[Any], Any]] = {
    "a threshold of one for targets": lambda top: setattr(top.roles["targets"], "threshold", 1),
    "the online key signs targets": lambda top: top.add_key(trustdraft.signer(ONLINE.secret).public_key, "targets"),
    "two online keys": lambda top: top.add_key(trustdraft.signer(NEXT.secret).public_key, "timestamp"),
    "no consistent snapshot": lambda top: setattr(top, "consistent_snapshot", False),
    "one key under two names": lambda top: twin(top),
    "a longer life": lambda top: setattr(top, "expires", trustdraft.after(NOW, 9999)),
}


def twin(top: Any) -> None:
    key = trustdraft.signer(ANA.secret).public_key
    key.keyid = "twin"
    for role in ("root", "targets"):
        top.add_key(key, role)


@pytest.mark.parametrize("case", ROOTS)
def test_a_root_of_another_form_is_not_signed(case: str, folder: Path) -> None:
    draft = trustdraft.following(published(folder), contents(), NOW, roles(ANA, BEN, CLEO))
    load = draft.loaded()["2.root.json"]
    ROOTS[case](load.signed)
    forged = replace(draft, metadata={**draft.metadata, "2.root.json": load.to_bytes().decode()})
    with pytest.raises(errors.Refused, match="draft of the trust root"):
        signed(forged, ANA)


def test_a_draft_about_another_log_is_refused(folder: Path) -> None:
    for change in ({"origin": "other.example"}, {"leaf0": b"\x02" * 32}):
        draft = trustdraft.following(published(folder), contents(**change), NOW)
        with pytest.raises(errors.Refused, match="about another log"):
            signed(draft, ANA)


def test_junk_among_the_signatures_is_not_published(folder: Path) -> None:
    draft = signed(trustdraft.following(published(folder), contents("new"), NOW), ANA, BEN)
    load = draft.loaded()["2.targets.json"]
    load.sign(trustdraft.signer(DORA.secret), append=True)
    padded = replace(draft, metadata={"2.targets.json": load.to_bytes().decode()})
    trustroot.publish(folder, padded, [ONLINE.secret], NOW)
    assert len(json.loads((folder / "2.targets.json").read_text())["signatures"]) == 2


def test_every_changed_byte_and_every_cut_of_a_draft_is_refused_or_means_the_same(folder: Path) -> None:
    draft = signed(trustdraft.following(published(folder), contents("new"), NOW, roles(ANA, BEN, DORA)), ANA)
    data, whole = draft.encode(), trustdraft.facts(draft)
    for cut in range(0, len(data), 97):
        with pytest.raises(errors.Malformed):
            Draft.parse(data[:cut])
    for at in range(0, len(data), 23):
        other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            found = trustdraft.facts(Draft.parse(other))
        except (errors.Malformed, errors.Refused):
            continue
        # what changed are dates of a draft that nobody has signed so, or its signatures: then they do not count
        assert dict(found.contents) == dict(whole.contents) or not any(group.signed for group in found.groups)
        assert (found.new, found.old) == (whole.new, whole.old) or not any(group.signed for group in found.groups)
