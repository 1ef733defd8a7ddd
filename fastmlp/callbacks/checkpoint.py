"""Models saved while they are trained."""

import re
import string
import time
from pathlib import Path

from .. import _checks
from .best import MODES, BestValue

ALL_DIGITS = 0.12345678901234568  # as long as a number is where no format shortens it


class ModelCheckpoint(_checks.Declared):
    """Save the model while it is trained, by `fastmlp.save`; a fit that was ended goes on from such a file.

    Parameters
    ----------
    path : str or Path
        The file's name may hold the epoch and what is logged, with formats:
        ``"net-{epoch:03d}-{val_loss:.3f}.safetensors"``; a brace of its own is written twice. Folders are
        taken as they are.
    monitor : str, default=None
        A name in the logs; only epochs that better it are saved. None: all.
    mode : {"auto", "min", "max"}, default="auto"
        As in `EarlyStopping`.
    every : int, default=1
        Only every so many epochs; among them the best is looked for.
    seconds : float, default=0.0
        Only where so much time has passed since the last file; a fit's last epoch waits for nothing.
    keep : int, default=None
        So many files are kept, the latest of this fit; None: all.
    training_state : bool, default=True
        Whether a fit can go on from the file. Without that it is smaller, the model alone. A .dill file
        always has it.

    Attributes
    ----------
    saved_ : list of Path
        Those that are there, in the order in which they were written.

    Notes
    -----
    A path without fields is one file, in which the latest checkpoint takes the place of the one before. Give
    ``resume_from=path`` to the same `fit`, of a new model or the one that was loaded, and it goes on as if it
    had never been ended; a .dill file has to be trusted, ``resume_from=load(path, trusted=True)``.

    Each file appears all at once, in place of an older one of that name: however training is ended, by
    Ctrl-C, by an error or with the process, the latest checkpoint is whole.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fastmlp import Dense, Network
    >>> from fastmlp.callbacks import ModelCheckpoint
    >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> def fit(path, **options):
    ...     model = Network([Dense(8, "tanh"), Dense(1)], random_state=0)
    ...     return model.fit(x, x**2, epochs=20, callbacks=[ModelCheckpoint(path, every=5)], **options)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = fit(Path(folder, "fit-{epoch}.safetensors"))
    ...     again = fit(Path(folder, "b-{epoch}.safetensors"), resume_from=Path(folder, "fit-10.safetensors"))
    >>> bool((model.params == again.params).all()), model.loss_curve_ == again.loss_curve_
    (True, True)
    """

    only_watches = True

    def __init__(
        self, path, *, monitor=None, mode="auto", every=1, seconds=0.0, keep=None, training_state=True
    ):
        self.path, self.monitor = path, monitor
        self.mode = _checks.check_choice("mode", mode, MODES)
        self.every = _checks.check_int("every", every)
        self.seconds = _checks.check_real("seconds", seconds)
        self.keep = None if keep is None else _checks.check_int("keep", keep)
        self.training_state = _checks.check_flag("training_state", training_state)

    def on_fit_begin(self, state):
        self._best = None if self.monitor is None else BestValue(self.monitor, state.names, mode=self.mode)
        from ..formats.saving import check_savable

        # what cannot be written, a name too long for the folder too, is refused before the first epoch
        check_savable(state.model, self._path(state.n_epochs, dict.fromkeys(state.names, ALL_DIGITS)))
        self.saved_, self._last = [], time.monotonic()

    def on_epoch_done(self, state):
        waits = time.monotonic() - self._last < self.seconds
        if state.epoch % self.every or (waits and not (state.stopped or state.epoch == state.n_epochs)):
            return
        if self._best is not None and not self._best.improves(state.logs):
            return
        from ..formats.saving import save

        path = self._path(state.epoch, state.logs)
        before = self.saved_
        self.saved_ = [*(other for other in before if other != path), path]
        try:
            save(state.model, path, training_state=self.training_state)
        except BaseException:
            self.saved_ = before
            raise
        self._last = time.monotonic()
        while self.keep is not None and len(self.saved_) > self.keep:
            self.saved_.pop(0).unlink(missing_ok=True)

    def get_state(self):
        best = None if self._best is None else self._best.get_state()
        return {"best": best, "saved": [path.name for path in self.saved_]}

    def set_state(self, state):
        if self._best is not None:
            self._best.set_state(
                _checks.check_given("monitor", state["best"], "it is None in the checkpoint")
            )
        # they may be removed later: only what this could have written is taken for its own
        ours = re.compile(
            "".join(re.escape(text) + ".*" * (field is not None) for text, field, *_ in self._pieces())
        )
        folder = Path(self.path).parent
        self.saved_ = [
            folder / name for name in state["saved"] if ours.fullmatch(name) and Path(name).name == name
        ]

    def _pieces(self):
        return _checks.check_template(Path(self.path).name, string.Formatter().parse)

    def _path(self, epoch, logs):
        path, values, name = Path(self.path), {**logs, "epoch": epoch}, ""
        for text, field, spec, conversion in self._pieces():
            name += text
            if field is not None:
                name += _checks.check_field(path.name, field, spec, conversion, values)
        return path.with_name(name)
