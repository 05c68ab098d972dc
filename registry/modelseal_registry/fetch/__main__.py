"""The process that looks: one question on stdin, one answer on stdout. See `run`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelseal_registry.fetch.ask import MAX_QUESTION, Question, encode_answer
from modelseal_registry.fetch.run import look


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(10)  # anybody can make a claim: looking at it must not slow down the server
    question = Question.parse(sys.stdin.buffer.read(MAX_QUESTION + 1))
    sys.stdout.buffer.write(encode_answer(look(question, Path.cwd())))
    sys.stdout.buffer.flush()
    os._exit(0)  # a thread may still wait for somebody who drips


if __name__ == "__main__":
    main()
