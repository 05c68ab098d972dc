"""Sign a folder: hash every file, say which repo and commit it is, sign that.

1 walk and hash, both digests in one pass     3 sign
2 statement                                   4 verify what was made, write it
"""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from modelseal import folders, keys, layouts, platform, progress
from modelseal.authorship import check_seal
from modelseal.errors import Conflict, Error, Malformed, Usage
from modelseal.folders import Listing
from modelseal.formats import envelope, manifest, names
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import MAX_SEAL
from modelseal.formats.manifest import File, Statement
from modelseal.formats.names import Asked
from modelseal.formats.records import Release
from modelseal.hashing import hash_files
from modelseal.journeys import typed
from modelseal.journeys.digests import AUTO, Hashing
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.values import dataclass

SEAL = "model.sig"


@dataclass(frozen=True, slots=True)
class Signed:
    """A seal and what it says."""

    seal: str  # the bundle's text
    statement: Statement
    public: PublicKey
    listing: Listing
    path: Path | None = None  # where it was written

    @property
    def digest(self) -> str:
        """The seal's identity: hex SHA-256 of the signed payload."""
        return sha256(self.statement.encode()).hexdigest()

    def release(self, origin: str, replaces: bytes | None = None) -> Release:
        """Return the release record of this seal for the log *origin*.

        *replaces*: the newest seal logged at this revision, in whose place this one is to stand.
        """
        payload, bundle = self.statement.encode(), self.seal.encode()
        return Release(
            origin=origin,
            signer=self.public.key,
            repo=self.statement.repo,
            revision=self.statement.revision,
            seal=sha256(payload).digest(),
            bundle=sha256(bundle).digest(),
            bundle_size=len(bundle),
            files=len(self.statement.files),
            total_bytes=self.statement.total_bytes,
            fileset=manifest.fileset(self.statement.files),
            weights=manifest.weights(self.statement.files),
            replaces=replaces,
        )


def sign(
    path: Path | str,
    repo: str | Asked,
    key: SigningKey | Path | str,
    *,
    revision: str | None = None,
    hub: bool = True,
    password: bytes | None = None,
    signature: Path | str | None = None,
    hash: str = "auto",
    jobs: int | None = None,
    quiet: bool = True,
) -> Signed:
    """Seal the folder *path* as the files of *repo* at one commit, and write the seal; nothing is sent.

    *repo* is `acme-lab/atlas-7b@COMMIT`, or without the commit, which is then *revision* (40 hex digits). *key* is a
    private key or where to load it from (a path, `-`, `env:NAME`), with *password* if it has one. The seal goes to
    *signature*, by default `model.sig` in the folder; a seal there that says just the same is kept. A seal has sha256
    and blake3 of every file; *hash* "sha256" leaves the second out. *jobs*: threads that hash.

        signed = modelseal.sign("./atlas-7b", "acme-lab/atlas-7b", "ci.key", revision="9c1f0d22...")
        print(signed.path, signed.digest)

    Raises Usage (folder, names, key), Conflict (something else stands at *signature*), Error (the folder changed).
    """
    folder, asked = Path(path), typed.asked_commit(repo, revision)
    hashing = Hashing(hash, jobs)
    target = place(folder, signature)
    kept = existing(target, asked)
    signed = make(folder, asked, keys.given(key, password), kept=kept, hashing=hashing, quiet=quiet)
    write(target, signed.seal)
    return replace(signed, path=target)


def place(folder: Path, signature: Path | str | None) -> Path:
    """Return where the seal goes: `model.sig` in the folder, or anywhere outside of it."""
    if signature is None:
        return folder / SEAL
    target = Path(signature)
    inside = target.absolute().is_relative_to(folder.absolute())
    if inside and target.absolute() != (folder / SEAL).absolute():
        raise Usage(f"{target} is inside the folder", hint="a seal there would be a file that the seal does not list")
    check_parent(target)
    return target


def check_parent(target: Path) -> None:
    """Refuse early to write where there is no folder."""
    if not target.absolute().parent.is_dir():
        raise Usage(f"{target.parent}: no such folder")


def make(
    folder: Path,
    asked: Asked,
    key: SigningKey,
    *,
    kept: str | None,
    unlike: bytes | None = None,
    hashing: Hashing = AUTO,
    quiet: bool = True,
) -> Signed:
    """Return a seal of *folder*: *kept*, if it is by *key* and says just what would be signed now, else a new one.

    It is another than the seal with the payload digest *unlike*, which it replaces: that one is void for ever.
    """
    if asked.revision is None:
        raise Usage("a seal is for one commit", hint="give it with --revision, 40 hex digits")
    listing, files = files_of(folder, hashing, quiet=quiet)  # 1
    statement = Statement(asked.repo, asked.revision, int(time.time()), files)  # 2
    if kept is not None and (reused := _reuse(kept, statement, key.public)) is not None:
        return Signed(kept, reused, key.public, listing)
    payload = statement.encode()
    if sha256(payload).digest() == unlike:  # made within the same second
        statement = replace(statement, created=statement.created + 1)
        payload = statement.encode()
    bundle = Bundle(payload, key.sign(envelope.pae(envelope.STATEMENT, payload)), key.public.hint)  # 3
    signed = Signed(bundle.encode(), statement, key.public, listing)
    check_seal(signed.release("self-check"), signed.seal, key.public)  # 4
    return signed


def files_of(folder: Path, hashing: Hashing, *, quiet: bool) -> tuple[Listing, tuple[File, ...]]:
    """Return what a seal of *folder* says of its files, all hashed now; Usage if they cannot be sealed."""
    if hashing.hash == "blake3":
        raise Usage("a seal always has sha256", hint="--hash sha256 leaves blake3 out; nothing leaves sha256 out")
    layouts.plain_folder(folder)
    listing = folders.walk(folder)
    check_listing(listing)
    _check_names(listing)
    blake3 = hashing.hash != "sha256"
    with progress.shown("hashing", listing.total, quiet=quiet) as step:
        digests = hash_files(listing, None, sha256=True, blake3=blake3, jobs=hashing.jobs, progress=step)
    if listing.again() != listing:  # a download still running, say
        raise Error(f"{folder} changed while it was read")
    return listing, tuple(
        File(name, found.size, found.sha256, found.blake3)
        for name, found in digests.items()
        if found.sha256 is not None
    )


def _check_names(listing: Listing) -> None:
    """Refuse what no seal can say, before anybody waits for digests."""
    what = str(listing.root)
    try:
        manifest.check_files(tuple(File(one.name, one.size, bytes(32)) for one in listing.files), what)
        for one in listing.files:
            manifest.file_name(one.name, what)
    except Malformed as e:
        raise Usage(str(e), hint="such a file cannot be sealed: rename or remove it") from e
    if listing.total == 0:
        raise Usage(f"{what} holds no bytes to seal")


def check_listing(listing: Listing) -> None:
    """Refuse to seal what is not all plain files: a consumer would be refused too."""
    for problem in listing.problems:
        raise Usage(f"{names.printable(problem.name)}: {problem.detail}", hint="a seal covers regular files only")


def _reuse(kept: str, statement: Statement, public: PublicKey) -> Statement | None:
    """Return the statement of *kept* if it is valid, by *public*, and about the same repo, commit and files."""
    old = Statement.parse(Bundle.parse(kept).payload)
    same = (old.repo, old.revision, old.files) == (statement.repo, statement.revision, statement.files)
    if not same:
        return None
    bundle = Bundle.parse(kept)
    if bundle.hint != public.hint:
        return None
    public.check(bundle.signature, envelope.pae(envelope.STATEMENT, bundle.payload), SEAL)
    return old


def existing(target: Path, asked: Asked) -> str | None:
    """Return the seal at *target* if it is one of the same repo; Conflict if something else stands there."""
    try:
        data = platform.read_file(target, MAX_SEAL, "seal")
    except platform.Missing:
        return None
    try:
        text = data.decode()
        statement = Statement.parse(Bundle.parse(text).payload)
    except (Malformed, UnicodeDecodeError) as e:
        raise Conflict(
            f"{target} is not a seal of ours and is not overwritten", hint="write elsewhere with --signature FILE"
        ) from e
    if statement.repo.lower() != asked.key:
        raise Conflict(
            f"{target} seals {names.short(statement.repo)} and is not overwritten",
            hint="move it away, or write elsewhere with --signature FILE",
        )
    return text


def write(target: Path, seal: str) -> None:
    """Write *seal*; what stood there was read before and is an older seal of the same repo."""
    try:
        platform.replace(target, seal.encode())
    except OSError as e:
        raise Usage(f"{target}: cannot be written: {e.strerror}") from e
