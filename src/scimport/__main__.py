"""``python -m scimport``: the command line."""

from scimport.cli import main

main()
