"""scikit-learn's callbacks (its version 1.9 and later), told of our epochs."""

from ..kernels.interrupts import let_through

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]  # the one that stands in
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method):
        return method


class SklearnCallbacks:
    """The callbacks that were set on an estimator by `set_callbacks`, or came from a meta-estimator.

    Parameters
    ----------
    estimator : estimator
    X, y, sample_weight
        The training data, as callbacks may ask for it.
    n_epochs : int
    """

    def __init__(self, estimator, X, y, sample_weight, n_epochs):
        self.estimator, self.root, self.sub = estimator, None, None
        if not hasattr(estimator, "_skl_callbacks") and not hasattr(estimator, "_parent_callback_ctx"):
            return
        metadata = {"sample_weight": sample_weight} if sample_weight is not None else {}
        self.about = dict(estimator=estimator, X=X, y=y, metadata=metadata)
        self.root = estimator._init_callback_context(max_subtasks=n_epochs)
        self.root.call_on_fit_task_begin(**self.about)

    @property
    def active(self):
        """Whether Python must see each epoch."""
        return self.root is not None and bool(getattr(self.estimator, "_skl_callbacks", None))

    def epoch_begin(self):
        """Tell that an epoch begins."""
        if self.active:
            with let_through():
                self.sub = self.root.subcontext(task_name="epoch")
                self.sub.call_on_fit_task_begin(**self.about)

    def epoch_end(self):
        """Tell that the epoch has ended; return whether to stop."""
        if not self.active:
            return False
        with let_through():
            return self.sub.call_on_fit_task_end(
                **self.about, reconstruction_attributes=self.estimator._snapshot_attributes
            )

    def end(self):
        """Tell that the fit has ended."""
        if self.root is not None:
            with let_through():
                self.root.call_on_fit_task_end(**self.about, reconstruction_attributes={})
