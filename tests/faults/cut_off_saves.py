"""``python cut_off_saves.py FOLDER``, with system_calls.c preloaded: what is wrong where `save` is cut off.

A file that is there is saved over while the first, second, third ... system call fails (EIO, ENOSPC),
writes half of what it was given, or is the last one before SIGKILL; then SIGKILL comes at random moments.
The file is the old or the new one. What lies beside it, only of a save that was killed, is gone after the
next one.
"""

import ctypes
import errno
import json
import os
import random
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from fastmlp import Dense, Network, save

KILL, SHORT = -1, -2
FAULTS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "half": SHORT, "SIGKILL": KILL}
NEEDS = {".dill": "dill", ".h5": "h5py", ".onnx": "onnx"}
SUFFIXES = (".safetensors", ".dill", ".npz", ".h5", ".onnx", ".h", ".py")
KILLS = {".safetensors": 200}  # at random moments; of others 20


def network(units, n_features=3):
    return Network([Dense(units, "tanh"), Dense(1)], random_state=units).build(n_features)


class Saves:
    """Saves over one file, each cut off, and what is wrong then.

    Parameters
    ----------
    folder : Path
        Empty.
    suffix : str
    """

    def __init__(self, folder, suffix):
        folder.mkdir()
        self.path, self.models, self.wrong = folder / f"model{suffix}", [network(4), network(5)], []
        self.whole = []
        self.library = ctypes.CDLL(None)
        for k in (1, 0):
            self.save(k)
            self.whole.insert(0, self.path.read_bytes())

    def save(self, k):
        save(self.models[k], self.path)

    def what_is_there(self):
        """Return which of the models is in the file."""
        return self.whole.index(self.path.read_bytes())

    def beside(self):
        return sorted(set(os.listdir(self.path.parent)) - {self.path.name})

    def check(self, where, killed, allowed=(0, 1)):
        """Note what is wrong; then save the old model again."""
        try:
            if self.what_is_there() not in allowed:
                self.wrong.append(f"{where}: the other model")
        except Exception as error:
            self.wrong.append(f"{where}: {error!r}")
        if self.beside() and not killed:
            self.wrong.append(f"{where}: beside it {self.beside()}")
        self.save(0)
        if self.beside():
            self.wrong.append(f"{where}: still beside it {self.beside()}")

    def at_every_call(self, name, fault):
        """Cut saves off at call 1, 2 ... until one is not met; return how many there are."""
        n, met = 0, True
        while met:
            n += 1
            where = f"{name} at call {n}"
            if fault == KILL:
                met = self.killed(n)
                self.check(where, met)
                continue
            raised = None
            self.library.fail_call(n, fault)
            try:
                self.save(1)
            except BaseException as error:
                raised = error
            met = self.library.calls() == n
            if not isinstance(raised, (OSError, type(None))):
                self.wrong.append(f"{where}: {raised!r}")
            self.check(where, False, (0, 1) if raised else (1,))
        return n - 1

    def killed(self, n):
        """Save in a child that is killed at call n; return whether it was."""
        child = os.fork()
        if child == 0:
            self.library.fail_call(n, KILL)
            self.save(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) < 0

    def at_random_moments(self):
        """Kill a child that saves one model after the other."""
        moments, found = random.Random(0), set()
        for k in range(KILLS.get(self.path.suffix, 20)):
            ready, begin = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(begin, b"x")
                while True:
                    self.save(1)
                    self.save(0)
            os.read(ready, 1)
            time.sleep(moments.uniform(0, 0.005))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(ready)
            os.close(begin)
            found.add(len(self.beside()) > 0)
            self.check(f"SIGKILL {k}", True)
        return sorted(found)


if __name__ == "__main__":
    told = {}
    for suffix in filter(lambda one: find_spec(NEEDS.get(one, "os")), SUFFIXES):
        saves = Saves(Path(sys.argv[1]) / suffix[1:], suffix)
        told[suffix] = {name: saves.at_every_call(name, fault) for name, fault in FAULTS.items()}
        told[suffix]["left something"] = saves.at_random_moments()
        told[suffix]["wrong"] = saves.wrong
    print(json.dumps(told))
