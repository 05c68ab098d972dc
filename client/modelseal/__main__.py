"""`python -m modelseal` is `modelseal`."""

from modelseal.cli import main

main()
