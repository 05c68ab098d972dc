"""All places of one claim at once, within one limit of time. Whoever is not done by then has not answered."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from modelseal.errors import Error, Malformed, NotFound, Refused
from modelseal.formats import findings
from modelseal_registry.fetch import domain, hub, resolver
from modelseal_registry.fetch.addresses import Exceptions
from modelseal_registry.fetch.ask import LIMIT_S, MISSING, UNAVAILABLE, Question, Seen
from modelseal_registry.fetch.resolver import Resolver


def look(question: Question, folder: Path, limit_s: float = LIMIT_S) -> dict[str, Seen]:
    """Return what stands at each place of *question*; *folder* is for files that nobody needs afterwards."""
    _load(question)
    jobs = _jobs(question, folder, limit_s)
    done: queue.Queue[tuple[str, Seen]] = queue.Queue()

    def run(kind: str, url: str, job: Callable[[], Seen]) -> None:
        done.put((kind, _outcome(url, job)))

    for kind, (url, job) in jobs.items():
        threading.Thread(target=run, args=(kind, url, job), daemon=True).start()
    end = time.monotonic() + limit_s
    found: dict[str, Seen] = {}
    while len(found) < len(jobs):
        try:
            kind, seen = done.get(timeout=max(0, end - time.monotonic()))
        except queue.Empty:
            break
        found[kind] = seen
    late = {kind: Seen(UNAVAILABLE, f"no answer within {limit_s:g} s", url) for kind, (url, _) in jobs.items()}
    return late | found


def _load(question: Question) -> None:
    """Import what takes long, so that it does not count."""
    if question.hub:
        hub.load()
    if question.domain:
        resolver.load()


def _jobs(question: Question, folder: Path, limit_s: float) -> dict[str, tuple[str, Callable[[], Seen]]]:
    """Return kind -> (where it looks, how)."""
    jobs: dict[str, tuple[str, Callable[[], Seen]]] = {}
    if question.hub:
        url = hub.url_of(question.hub.rstrip("/"), findings.space_of(question.namespace), "main")
        jobs[findings.HUB] = url, lambda: hub.look(question.hub, question.namespace, folder)
    if name := question.domain:
        exceptions = Exceptions.parse(question.unsafe_private_addresses)

        def https() -> Seen:
            return domain.look_https(name, Resolver(question.nameserver, limit_s), exceptions, limit_s)

        def txt() -> Seen:
            return domain.look_dns(name, Resolver(question.nameserver, limit_s))

        jobs[findings.HTTPS] = findings.domain_url(name), https
        jobs[findings.DNS] = findings.dns_url(name), txt
    return jobs


def _outcome(url: str, job: Callable[[], Seen]) -> Seen:
    try:
        return job()
    except (NotFound, Refused, Malformed) as e:
        return Seen(MISSING, str(e), url)
    except Error as e:
        return Seen(UNAVAILABLE, str(e), url)
    except Exception as e:  # what a library does with bytes of a stranger: no reason to leave the others unanswered
        return Seen(UNAVAILABLE, f"it could not be read ({type(e).__name__})", url)
