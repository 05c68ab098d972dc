"""The sequencer: chooses the leaves of the log, one batch at a time, and publishes what it committed.

A batch is one transaction: what waits is judged by the rules at its final index, what is admitted is appended with a
roots leaf behind it, and the head moves by compare-and-swap. Signing and emission follow the commit and can be
repeated; nothing is believed in memory that was not committed.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping

from modelseal import replay
from modelseal.authorship import named_by
from modelseal.errors import Conflict, Error, Malformed, Refused, Unavailable
from modelseal.formats import records
from modelseal.formats.leaves import Leaf, Submission, encode_leaf
from modelseal.formats.records import Identity, Operators, Release
from modelseal.state import State
from modelseal_registry import evidence
from modelseal_registry.append import Appender
from modelseal_registry.emitter import SKEW_S, Emitter
from modelseal_registry.signing import Signer
from modelseal_registry.store import Head, Store, Tx, Waiting

BATCH_S = 0.25  # no batch waits longer
POLL_S = 0.02  # how often other processes' submissions are looked for
RECOSIGN_S = 240  # an idle log shows that it lives
RETRY_S = 1.0
MAX_BATCH = 256
MAX_BATCH_BYTES = 64 << 20  # of seals
KEEP_REFUSED_S = 24 * 3600  # how long a refusal can still be asked for


def _elapsed() -> float:
    """Seconds by a clock that cannot be set and, where there is one, goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class LogClock:
    """The clock of an append-only log: a jump ahead would be logged for ever, so it is noticed before.

    It is held against the newest cosignature plus the time since, by a clock that cannot be set.
    """

    def __init__(self, clock: Callable[[], float] = time.time, elapsed: Callable[[], float] = _elapsed) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._anchor: tuple[int, float] | None = None

    def now(self) -> int:
        """Return the time, POSIX seconds; Unavailable if the clock has jumped ahead."""
        now = int(self._clock())
        if self._anchor:
            expected = self._anchor[0] + int(self._elapsed() - self._anchor[1])
            if now > expected + SKEW_S:
                raise Unavailable(
                    f"the clock says {now}, by the newest cosignature it is {expected}: it has jumped ahead",
                    hint="nothing is appended until the clock is right; a restart believes the clock as it is",
                )
        return now

    def cosigned(self, at: int) -> None:
        """A cosignature was made *at* this time, just now."""
        self._anchor = (at, self._elapsed())


def create_log(store: Store, operators: str, now: int) -> Head:
    """Begin a log with the record text *operators*: leaf 0, and the roots leaf over it. Conflict if there is one."""
    record = records.parse_record(operators)
    if not isinstance(record, Operators):
        raise Malformed(f"a log begins with operators, not with {records.type_of(record)}")
    data = encode_leaf(operators, (), now)
    leaf = Leaf.parse(data)
    replay.admit(State(record.origin), 0, leaf, named_by)
    with store.write() as tx:
        if tx.head().size:
            raise Conflict(f"the database holds a log of {tx.head().size} leaves already")
        appender = Appender(tx)
        appender.add(data, leaf)
        appender.close(record.origin)
        return appender.finish()


def status_of(error: Error) -> int:
    """Return the HTTP status of what was refused, or could not be asked."""
    if isinstance(error, Conflict):
        return 409
    return 403 if isinstance(error, Refused) else 400 if isinstance(error, Malformed) else 503


class Sequencer:
    """For one thread. Two that share a database are safe, whoever wins a batch; `serve` still lets only one live.

    *trust* gives the trust root's files by path; it is asked at each publication, so that it can renew them.
    """

    def __init__(
        self,
        store: Store,
        origin: str,
        signer: Signer,
        emitter: Emitter,
        *,
        clock: LogClock | None = None,
        trust: Callable[[], Mapping[str, bytes]] = dict,
        recosign_s: float = RECOSIGN_S,
    ) -> None:
        self._store = store
        self._origin = origin
        self._signer = signer
        self._emitter = emitter
        self._clock = clock or LogClock()
        self._trust = trust
        self._recosign_s = recosign_s
        self._state = State(origin)
        self._size = 0  # leaves folded into the state
        self._woken = threading.Event()

    def start(self) -> None:
        """Fold the log, refuse if it is not the published one, and publish it with a new cosignature.

        From here on everything up to the head is published and the clock is watched.
        """
        self._emitter.recover()
        with self._store.read() as tx:
            if tx.head().size == 0:
                raise Error("the database holds no log yet", hint="modelseal-registry init makes one")
            self._catch_up(tx)
        self.publish()

    def batch(self) -> Head | None:
        """Judge what waits; return the new head, None if nothing was appended."""
        try:
            with self._store.write() as tx:
                return self._batch(tx)
        except BaseException:
            # Whether the commit took place is unknown here: the database tells, the state in memory may not.
            self._state, self._size = State(self._origin), 0
            raise

    def publish(self, *, full: bool = False) -> None:
        """Sign the head and bring the static files to it; *full* looks at every file again."""

        def sign(head: Head) -> str:
            return self._signer.sign(head, now)

        now = self._clock.now()
        self._emitter.emit(sign, now=now, trust=self._trust, full=full)
        self._clock.cosigned(now)

    def wake(self) -> None:
        """Something was submitted in this process: do not wait for the next look."""
        self._woken.set()

    def run(
        self,
        stop: threading.Event,
        failed: Callable[[Error], None] = lambda error: None,
        well: Callable[[], None] = lambda: None,
    ) -> None:
        """Batches and publications until *stop*; what goes wrong is told to *failed* and tried again a second later.

        After each publication *well* is called.
        """
        behind = True  # whether something may be committed that is not published
        published = time.monotonic()
        while not stop.is_set():
            began = time.monotonic()
            try:
                if self._waits():
                    behind = True  # also if the batch raises: the commit may have taken place
                    behind = self.batch() is not None
                if behind or began - published > self._recosign_s:
                    self.publish()
                    behind, published = False, time.monotonic()
                    well()
                    # A lone submission is served at once; under load one batch takes all that came meanwhile.
                    stop.wait(BATCH_S - (time.monotonic() - began))
                elif self._woken.wait(POLL_S):
                    self._woken.clear()
            except Error as e:
                behind = True  # all is well again once something was published
                failed(e)
                stop.wait(RETRY_S)

    def _waits(self) -> bool:
        with self._store.read() as tx:
            return tx.count_waiting() > 0

    def _batch(self, tx: Tx) -> Head | None:
        waiting = list(tx.waiting(MAX_BATCH, MAX_BATCH_BYTES))
        if not waiting:
            return None
        now = self._clock.now()
        self._catch_up(tx)
        tx.forget_refused(now - KEEP_REFUSED_S)
        appender = Appender(tx)
        begun = appender.size
        for one in waiting:
            self._judge(tx, appender, one, max(now, appender.time))
        if appender.size == begun:
            return None
        self._admit(appender.size, appender.close(self._origin))
        return appender.finish()

    def _judge(self, tx: Tx, appender: Appender, waiting: Waiting, now: int) -> None:
        """Append *waiting* or record why not."""
        if tx.find(waiting.digest):  # logged since: its submitter finds the leaf
            tx.drop_pending(waiting.digest)
            return
        try:
            submission = Submission.parse(waiting.submission)
            data = encode_leaf(submission.text, submission.signatures, now)
            leaf = Leaf.parse(data)
            if isinstance(leaf.record, Identity):
                evidence.check(tx, leaf.record)
            # Its signatures were verified before it was stored, so whom they name is who signed.
            self._admit(appender.size, leaf)
        except (Refused, Malformed) as e:
            tx.refuse_pending(waiting.digest, status_of(e), str(e))
            return
        index = appender.add(data, leaf)
        if isinstance(leaf.record, Release) and waiting.seal is not None:
            tx.put_seal(leaf.record.bundle, index, waiting.seal)
        if isinstance(leaf.record, Identity):
            evidence.keep(tx, leaf.record, index)
            tx.settle_claim(records.digest(leaf.record.claim_text), "approved")
        tx.drop_pending(waiting.digest)

    def _admit(self, index: int, leaf: Leaf) -> None:
        replay.admit(self._state, index, leaf, named_by)
        self._size = index + 1

    def _catch_up(self, tx: Tx) -> None:
        """Fold the leaves that others appended, or all of them."""
        size = tx.head().size
        if size < self._size:
            raise Error(f"the database went back from {self._size} to {size} leaves", hint="restart with the right one")
        for data in tx.leaves(self._size, size):
            with contextlib.suppress(Refused):  # inadmissible: it has no effect
                replay.admit(self._state, self._size, Leaf.parse(data), named_by)
            self._size += 1
