"""The command ``fastmlp``: a face of the package for a terminal.

`options` declares what can be asked for, `command` calls the file of a subcommand and turns errors into one
line, `progress` and `report` are what they share. What they import is imported when they are called.
"""

from .command import main

__all__ = ["main"]
