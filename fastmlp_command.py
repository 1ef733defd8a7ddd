"""The command `fastmlp` from its first instant on: Ctrl-C is one line while the package is being imported."""

import os
import signal
import sys


def main():
    """Import the package and run the command; return its exit status."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _leave)  # nothing is being written yet, so the process may end anywhere
    from fastmlp.cli import main

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


def _leave(number, frame):
    os.write(2, b"fastmlp: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
