"""A mirror: fetches a log, replays every rule, recomputes every file, and serves only what it made itself.

`source` is where it reads, `trust` what it believes beforehand, `sync` the way from one to the other, `run` what the
commands do.
"""
