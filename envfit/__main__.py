"""``python -m envfit``: the command line, whatever is on the path."""

from envfit.cli.app import main

main()
