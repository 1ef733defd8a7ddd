"""Callbacks: what happens at an epoch's end.

A callback is any object with one or more of

- ``on_fit_begin(state)``. Where it raises, the fit is refused and the model left as it was.
- ``on_epoch_end(state)``, which stops training where it returns a true value.
- ``on_epoch_done(state)``: after that of all callbacks, and all that the fit itself decides;
  ``state.stopped`` says whether training ends here. What is saved now, a fit can go on from.
- ``on_fit_end(state)``. Whoever was told of the begin is told of the end, however the fit ends, by an error
  in another callback too.

`state` has model, params, epoch, n_epochs, logs, history and names (see `fastmlp.network.epoch_end.State`).
Without callbacks no Python runs per epoch.

A callback may predict, evaluate, copy and save ``state.model``, and set its weights; it cannot train it, for
it is being trained. A copy that it makes is a model like any other: it can be trained on from there.

A callback that keeps something from epoch to epoch, and shall keep it in a fit that goes on from a checkpoint
(``fit(..., resume_from=path)``), has ``get_state()``, which returns that as plain data (dict, list, str,
bool, int, float, None and arrays), and ``set_state(data)``, which is called after its ``on_fit_begin``; there
``state.epoch`` says how many epochs are done. Such a fit must have the same callbacks, but for those that
have a true ``only_watches``, for they neither stop a fit nor change its weights.
"""

from .best import EarlyStopping
from .checkpoint import ModelCheckpoint
from .records import CSVLogger, ProgressBar, WeightRecorder

__all__ = ["CSVLogger", "EarlyStopping", "ModelCheckpoint", "ProgressBar", "WeightRecorder"]
