"""What an object is asked for again and again, and looks up once."""

import functools
from contextlib import nullcontext

__all__ = ["cached_property"]


class cached_property(functools.cached_property):
    """`functools.cached_property` without the lock that it has before Python 3.12.

    That is one for all instances of a class: a process that was forked while another thread held it would
    wait for ever. Without it, two threads that ask at once may both look up the value, which is the same.
    """

    def __init__(self, func):
        super().__init__(func)
        self.lock = nullcontext()
