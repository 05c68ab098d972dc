"""The registry: `modelseal-registry` makes, serves, checks and mirrors a log of sealed releases."""

from __future__ import annotations

import sys

# Of the extra `registry`; a plain `pip install modelseal` brings the command without them.
NEEDED = ("flask", "sqlalchemy", "granian")


def main() -> None:
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"modelseal-registry: {', '.join(missing)} not installed", file=sys.stderr)
        print("modelseal-registry: hint: pip install 'modelseal[registry]'", file=sys.stderr)
        sys.exit(1)
    from modelseal_registry.cli import main as run

    run()
