"""How this server is: for `/healthz`, which says what is wrong, and for the gauges of `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modelseal.errors import Error, Unavailable
from modelseal_registry.emitter import Published
from modelseal_registry.shared import Shared
from modelseal_registry.store import Store

SLACK_S = 60  # a checkpoint may be late by this before it is worth an alarm
STUCK_S = 30  # so long no record waits for a sequencer that works


@dataclass(frozen=True, slots=True)
class Health:
    """*published* reads the checkpoint. *oldest_s*: an age at which something is wrong. Without *store* (reads only, a
    mirror) what waits is not known here."""

    published: Callable[[], Published | None]
    oldest_s: int
    shared: Shared
    store: Store | None = None
    now: Callable[[], float] = field(default=time.time)

    def look(self) -> tuple[dict[str, float], list[str]]:
        """Return the numbers, and what is wrong."""
        numbers: dict[str, float] = {}
        wrong: list[str] = []
        try:
            published = self.published()
            if published is None:
                wrong.append("nothing is published yet")
            else:
                numbers["size"] = published.size
                numbers["age_s"] = max(0, int(self.now()) - published.time)
                if numbers["age_s"] > self.oldest_s:
                    wrong.append(f"the checkpoint is {numbers['age_s']} s old, at most {self.oldest_s} are expected")
        except Error:
            wrong.append("the checkpoint cannot be read")
        if self.store is not None:
            try:
                with self.store.read() as tx:
                    numbers["pending"], since = tx.count_waiting(), tx.waits_since()
                    numbers["claims"] = tx.count_claims("")[1]
                    numbers["leaves"] = tx.head().size
                if since is not None and self.now() - since > STUCK_S:
                    wrong.append(f"a record has waited for {int(self.now() - since)} s")
            except Error:  # its words name paths: not for strangers
                wrong.append("the database cannot be read")
        if self.shared.gauge("trouble"):
            wrong.append("the log is not being written; this server's log says why")
        return numbers, wrong

    def value(self) -> dict[str, Any]:
        """Return what `/healthz` answers; Unavailable, with what is wrong, if anything is."""
        numbers, wrong = self.look()
        if wrong:
            raise Unavailable("; ".join(wrong))
        return {"status": "ok", **numbers}

    def gauges(self) -> dict[str, tuple[str, float]]:
        numbers, wrong = self.look()
        says = {
            "size": ("log_size", "Leaves under the published checkpoint."),
            "age_s": ("checkpoint_age_seconds", "Time since the published checkpoint was cosigned."),
            "pending": ("pending_records", "Records that wait for the sequencer."),
            "claims": ("waiting_claims", "Claims that nobody has decided about."),
            "leaves": ("committed_leaves", "Leaves in the database."),
        }
        found = {says[name][0]: (says[name][1], value) for name, value in numbers.items()}
        return {"healthy": ("1 if nothing is wrong; /healthz says what is.", float(not wrong)), **found}
