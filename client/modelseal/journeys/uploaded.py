"""What publishers have uploaded: the Hub's listing at one commit, and whether a folder is that.

Of a file in LFS the Hub tells the sha256, of others git's id of the blob; so every byte of a folder can be compared
without a download. Or, the other way round, a seal is made of the listing alone, and nobody has seen the large files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from modelseal import progress
from modelseal.compare import by_weight, count, risk_of
from modelseal.errors import Error, Malformed, NotFound, Refused, Unavailable
from modelseal.folders import Listing
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File
from modelseal.listed import HubFile, HubListing
from modelseal.values import dataclass
from modelseal.verdict import Finding

T = TypeVar("T")

_WITHOUT = "or take the commit as given, without asking the Hub: --no-hub"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class AtHub:
    """What the Hub said of the repo at the commit that is sealed."""

    repo: str  # hf://..., as the Hub calls it; another name than the sealed one after a rename
    commit: str
    private: bool
    from_metadata: bool  # the seal is of what the Hub lists; else of a folder, which equals that
    on_its_word: tuple[str, ...] = ()  # files whose sha256 the Hub told, and whose bytes nobody saw


class Differs(Refused):
    """The folder is not what the Hub has at that commit; `findings` says where, file by file."""

    def __init__(self, there: HubListing, findings: tuple[Finding, ...], hashed: bool) -> None:
        self.repo, self.commit, self.hashed = there.asked, there.commit, hashed
        self.findings = by_weight(findings)
        super().__init__(
            f"{names.short(there.asked)}@{there.commit}: the folder is not what the Hub has there: "
            f"{count(self.findings)}; nothing was signed",
            hint="upload the folder, or download that commit again; then sign what is the same",
        )


def listing(repo: str, revision: str) -> HubListing:
    """Return what the Hub has of *repo* at *revision*, a branch, tag or commit; Refused if that is on no branch."""
    from modelseal import hub

    there = answered(lambda: hub.listing(repo, revision), _WITHOUT)
    if not answered(lambda: hub.on_branch(repo, there.commit), _WITHOUT):
        raise Refused(
            f"{names.short(repo)}: {there.commit} is on no branch and no tag; anybody can open a pull request",
            hint="merge it first, and seal the commit on the branch",
        )
    return there


def answered(ask: Callable[[], T], otherwise: str = "") -> T:
    """Return what the Hub answers. What it does not have is refused: nobody need ask again for that; *otherwise* is
    what else could be done."""
    try:
        return ask()
    except NotFound as e:
        raise Refused(str(e), hint=", ".join(filter(None, (e.hint or "upload it first", otherwise)))) from e
    except Unavailable as e:
        raise Unavailable(str(e), hint=", ".join(filter(None, (e.hint or "try again", otherwise)))) from e


def check_owner(namespace: str, claimed: str | None) -> None:
    """Refuse where the Hub names another owner of *namespace* than the claim that the log has."""
    from modelseal import hub

    if claimed is None:
        return
    found = answered(lambda: hub.owner_id(namespace), _WITHOUT)
    if found != claimed:
        says = f"the Hub's owner of it now has the id {found}" if found else "the Hub knows no owner of that name now"
        raise Refused(
            f"{namespace} changed hands: its claim names the owner {claimed}, {says}; nothing was signed",
            hint="if it is yours: change hub_owner_id in ns.toml, and claim again; see: modelseal claim --help",
        )


# a folder


def check_names(there: HubListing, folder: Listing) -> None:
    """Compare names and sizes, before anybody waits for digests."""
    findings = compare_names(there.covered, {found.name: found.size for found in folder.files})
    if findings:
        raise Differs(there, findings, hashed=False)


def check_contents(there: HubListing, folder: Listing, files: tuple[File, ...]) -> tuple[File, ...]:
    """Compare every byte; return *files* with git's ids of those that the Hub has outside LFS."""
    listed = {file.name: file for file in there.covered}
    with_ids = tuple(_git_ids(folder, files, {name for name, file in listed.items() if file.sha256 is None}))
    if findings := compare_digests(listed, with_ids):
        raise Differs(there, findings, hashed=True)
    return with_ids


def compare_names(listed: tuple[HubFile, ...], sizes: Mapping[str, int]) -> tuple[Finding, ...]:
    """Return what is `added` to the folder, `missing` in it, or `resized`; the Hub's listing is what is expected."""
    expected = {file.name: file.size for file in listed}
    found = [Finding("added", name, risk=risk_of(name)) for name in sizes if name not in expected]
    for name, size in expected.items():
        if name not in sizes:
            found.append(Finding("missing", name, risk=risk_of(name)))
        elif sizes[name] != size:
            found.append(Finding("resized", name, f"{size} bytes", f"{sizes[name]} bytes", risk=risk_of(name)))
    return tuple(found)


def compare_digests(listed: Mapping[str, HubFile], files: tuple[File, ...]) -> tuple[Finding, ...]:
    """Return the files with other bytes than the Hub's; all names are in both, files outside LFS with git's ids."""
    found = []
    for file in files:
        there = listed[file.name]
        if there.sha256 is not None:
            want, got = f"sha256:{there.sha256.hex()}", f"sha256:{file.sha256.hex()}"
        else:
            want, got = f"git blob {there.gitoid}", f"git blob {file.gitoid}"
        if want != got:
            found.append(Finding("differs", file.name, want, got, risk=risk_of(file.name)))
    return tuple(found)


def _git_ids(folder: Listing, files: tuple[File, ...], wanted: set[str]) -> Iterator[File]:
    """Yield *files*, those that are *wanted* with git's id of the bytes that were hashed."""
    with folder.opener() as opener:
        for file in files:
            if file.name not in wanted:
                yield file
                continue
            sha256, git = hashlib.sha256(), manifest.git_blob(file.size)
            try:
                descriptor = opener.open(file.name)
                try:
                    while block := os.read(descriptor, _BLOCK):
                        sha256.update(block)
                        git.update(block)
                finally:
                    os.close(descriptor)
            except OSError as e:
                raise Error(f"{folder.root} changed while it was read: {names.printable(file.name)}") from e
            if sha256.digest() != file.sha256:
                raise Error(f"{folder.root} changed while it was read: {names.printable(file.name)}")
            yield replace(file, gitoid=git.hexdigest())


# the listing alone


def sealable(there: HubListing, *, quiet: bool) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Return what a seal says of the Hub's files, and the names of those whose sha256 is the Hub's word.

    Small files are fetched and hashed. Refused: names that no seal can hold, or no bytes.
    """
    from modelseal import hub
    from modelseal.hub.files import small_bytes

    about = f"{names.short(there.asked)}@{there.commit}"
    for file in there.covered:
        try:
            manifest.file_name(file.name, about)
        except Malformed as e:
            raise Refused(str(e), hint="such a file cannot be sealed: rename or remove it, in a new commit") from e
    if sum(file.size for file in there.covered) == 0:
        raise Refused(f"{about} holds no bytes to seal")
    with progress.shown("fetching", small_bytes(there), quiet=quiet) as step:
        files = answered(lambda: hub.files_of(there, progress=step))
    return files, tuple(file.name for file in there.covered if file.sha256 is not None)
