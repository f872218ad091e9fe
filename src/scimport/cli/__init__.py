"""The command line: thin, one function a command. Nothing below this package prints."""

from scimport.cli.app import main

__all__ = ["main"]
