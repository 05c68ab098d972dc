"""Looks for the evidence of claims, again and again while they wait, and once a day when they are in force.

The looking itself is done by a process without keys (`fetch`): it gets one question, gives one answer, and is ended.
What it answers is believed as far as it is bytes; whether they name the claim is read here.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO

from modelseal.errors import Error, Malformed, Unavailable
from modelseal.formats import findings
from modelseal.formats.findings import Finding
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Claim
from modelseal_registry import evidence
from modelseal_registry.config import Config
from modelseal_registry.evidence import Evidence
from modelseal_registry.fetch.ask import FOUND, LIMIT_S, MAX_ANSWER, OTHER, Question, Seen, parse_answer
from modelseal_registry.store import Look, Store, StoredClaim, Tx

BACKSTOP_S = LIMIT_S + 25  # for a process that does not even begin
PAUSE_S = 1.0  # between two claims: whoever sends thousands must not have us flood the Hub
SOONEST_S, LATEST_S = 60, 6 * 3600  # between two looks at a claim that waits
DAILY_S = 24 * 3600  # between two looks at one in force
NEVER = 2**53 - 1
DRAFT_S = 30 * 24 * 3600  # how long a draft's evidence is kept for it

# What the process gets of our environment: where certificates are, and the proxy for the Hub. No HOME, no tokens.
_PASSED = ("PATH", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


def look(settings: Config, store: Store, claim: Claim, digest: bytes, *, fresh: bool = False) -> Evidence:
    """Look for the evidence of *claim* now, keep what was seen, and return how it stands.

    With *fresh* each finding is kept with the time of this look, also if nothing has changed since the last one.
    """
    seen = ask(settings, claim)
    now = int(time.time())
    with store.write() as tx:
        known = tx.findings.looks(digest)
        for kind, one in seen.items():
            keep_seen(tx, digest, kind, one, known.get(kind), now, fresh=fresh)
        tx.findings.drop_unused(now - DRAFT_S)
        return evidence.of(tx, claim, digest)


def ask(settings: Config, claim: Claim) -> dict[str, Seen]:
    """Let a process of its own look at each place of *claim*."""
    question = Question(
        claim.namespace, claim.domain, settings.hub, settings.nameserver, settings.unsafe_private_addresses
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="modelseal-", ignore_cleanup_errors=True) as folder:
        env = {name: os.environ[name] for name in _PASSED if name in os.environ}
        env |= {"HF_HOME": folder, "TMPDIR": folder, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
        env |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "modelseal_registry.fetch"],
            cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return parse_answer(_talk(process, question.encode()))
        except Malformed as e:
            raise Unavailable(f"the process that looks for evidence gave no answer that can be read: {e}") from e
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)


def _talk(process: subprocess.Popen[bytes], question: bytes) -> bytes:
    assert process.stdin and process.stdout
    timer = threading.Timer(BACKSTOP_S, process.kill)
    timer.daemon = True
    timer.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(question)
            process.stdin.close()
        return process.stdout.read(MAX_ANSWER + 1)
    finally:
        timer.cancel()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe:
        with contextlib.suppress(OSError):
            pipe.close()


def keep_seen(
    tx: Tx, claim: bytes, kind: str, seen: Seen, known: Look | None, now: int, *, fresh: bool = False
) -> None:
    """Keep what was seen at one place, after the look *known*; a finding only if it names the claim."""
    blob = known.blob if known else None
    if seen.state != FOUND:
        tx.findings.put_look(Look(claim, kind, now, seen.state, seen.says, blob))
        return
    finding = Finding(kind, seen.url, now, seen.status, seen.body, seen.commit, seen.owner_id)
    try:
        named = finding.claims()
        data = finding.encode()
        Finding.parse(data)
    except Malformed as e:
        tx.findings.put_look(Look(claim, kind, now, OTHER, f"something else stands there: {e}", blob))
        return
    if claim not in named:
        tx.findings.put_look(Look(claim, kind, now, OTHER, _others(named), blob))
        return
    if fresh or not _same(tx, blob, finding):
        blob = findings.digest(data)
        tx.findings.put_blob(blob, data)
    tx.findings.put_look(Look(claim, kind, now, FOUND, "", blob))


def _others(named: tuple[bytes, ...]) -> str:
    if not named:
        return "it names no claim"
    return "it names " + ("another claim: " if len(named) == 1 else "other claims: ") + ", ".join(
        f"sha256:{one.hex()[:12]}" for one in named[:4]
    )  # fmt: skip


def _same(tx: Tx, blob: bytes | None, finding: Finding) -> bool:
    """Whether *blob* says the same but for the time."""
    data = tx.findings.blob(blob) if blob else None
    if data is None:
        return False
    old = Finding.parse(data)
    return (old.url, old.body, old.owner_id) == (finding.url, finding.body, finding.owner_id)


class Looker:
    """Looks at one claim after the other, whichever is due first, until it is stopped."""

    def __init__(self, settings: Config, store: Store, in_force: Callable[[Tx, StoredClaim], bool]) -> None:
        self._settings = settings
        self._store = store
        self._in_force = in_force

    def run(self, stop: threading.Event, failed: Callable[[Error], None]) -> None:
        """Look until *stop*. What goes wrong is told to *failed*; no claim may end it for the others."""
        while not stop.is_set():
            try:
                self.step(int(time.time()))
            except Exception as e:
                if not stop.is_set():
                    failed(e if isinstance(e, Error) else Error(f"looking for evidence: {type(e).__name__}: {e}"))
            stop.wait(PAUSE_S)

    def step(self, now: int) -> bool:
        """Look at the claim that is due, if one is; tell whether there was one."""
        with self._store.read() as tx:
            stored = tx.due_claim(now)
        if stored is None:
            return False
        with self._store.write() as tx:
            tx.set_due(stored.digest, now + interval(stored, now))  # first: what fails must not be tried without end
        if stored.state == "approved":
            with self._store.read() as tx:
                watched = self._in_force(tx, stored)
            if not watched:
                with self._store.write() as tx:
                    tx.set_due(stored.digest, NEVER)
                return True
        claim = Submission.parse(stored.submission).record
        assert isinstance(claim, Claim)
        look(self._settings, self._store, claim, stored.digest)
        return True


def interval(stored: StoredClaim, now: int) -> int:
    """Return the seconds until the next look: a quarter of the claim's age, within bounds."""
    if stored.state == "approved":
        return DAILY_S
    return min(max((now - stored.received) // 4, SOONEST_S), LATEST_S)
