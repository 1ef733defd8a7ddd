"""From layers to a Plan: who feeds whom, checked while a network is put together."""

from .. import _checks
from ..kernels.plan import INPUT, build_plan
from ..layers import INPUT as INPUT_NAME
from ..layers import Concatenate, Dense, Dropout, Layer

MOST_COLUMNS = (1 << 31) - 1  # column numbers in lists of non-zeros are 32-bit
MOST_PARAMS = 1 << 44  # 128 TB in double precision, the address space of a process


class Topology:
    """The layers of a network in the order they were added, and the sources of each.

    Attributes
    ----------
    layers : list of Layer
    given : list of Layer
        The same as they were given; `layers` holds a copy where another network had one.
    sources : list of list of int
        For each layer, the indices of the layers that it reads, or INPUT.
    dense : list of Dense
        The layers that have weights.
    functions : list of Activation
        Theirs.
    reg : L1, L2, L1L2 or None
        Penalty on the weights of all layers.
    """

    def __init__(self, reg=None):
        self.reg = reg
        self.layers, self.given, self.sources, self.dense, self.functions = [], [], [], [], []

    def add(self, layer, after=None):
        """Add `layer` after the last one, or after the layers that `after` names; return what was added."""
        layer = _checks.check_made("layer", layer)
        if not isinstance(layer, Layer):
            _checks.refuse(f"layer must be Dense, Dropout or Concatenate; got {_checks.shown(layer)}")
        if any(layer is other for other in (*self.layers, *self.given)):
            _checks.refuse(f"{layer.name} is in the network already; weights are not shared, add a new layer")
        if isinstance(layer, Concatenate) and after is None:
            after = layer.sources
        if after is None:
            found = [len(self.layers) - 1] if self.layers else [INPUT]
        else:
            found = [self._index(s) for s in (after if isinstance(after, (list, tuple)) else [after])]
        if not found:
            _checks.refuse("a layer needs at least one source")
        own = layer.unshared()
        name = own.name or f"{type(layer).__name__.lower()}_{len(self.layers) + 1}"
        if name == INPUT_NAME or name in [other.name for other in self.layers]:
            _checks.refuse(f"two layers are named {name!r}; give each a name of its own")
        return self.put(own, name, layer, found)

    def put(self, own, name, given, sources):
        """Take a layer whose name and sources are known to be right."""
        own.join(name)
        self.layers.append(own)
        self.given.append(given)
        self.sources.append(sources)
        if isinstance(own, Dense):
            self.dense.append(own)
            self.functions.append(own.activation)
        return own

    def _index(self, source):
        if isinstance(source, str) and source == INPUT_NAME:
            return INPUT
        for i, (layer, given) in enumerate(zip(self.layers, self.given, strict=True)):
            if source is layer or source is given or source == layer.name:
                return i
        known = ", ".join([INPUT_NAME, *(layer.name for layer in self.layers)])
        return _checks.refuse(f"no layer {source!r} has been added before; there are {known}")

    @property
    def input_dim(self):
        """The number of inputs that a layer behind the input states, or None."""
        for layer, sources in zip(self.layers, self.sources, strict=True):
            if isinstance(layer, Dense) and layer.input_dim is not None and sources == [INPUT]:
                return layer.input_dim
        return None

    def compile(self, n_features):
        """Return the Plan of the network for inputs of `n_features` columns."""
        if n_features > MOST_COLUMNS:
            _checks.refuse(f"n_features must be at most {MOST_COLUMNS}; got {n_features}: take fewer")
        if not self.layers:
            _checks.refuse("the network has no layers; add some: Network([Dense(10, 'relu'), Dense(1)])")
        if not isinstance(self.layers[-1], Dense):
            _checks.refuse(
                f"the last layer must be Dense, the network's output; got {self.layers[-1]!r}: add one"
            )
        read = {source for sources in self.sources for source in sources}
        for i, layer in enumerate(self.layers[:-1]):
            if i not in read:
                _checks.refuse(f"{layer.name} feeds no other layer; only the last one may: remove it")
        of_dense, reads, rates = {}, [], {}
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Dense):
                of_dense[i] = len(reads)
                reads.append(self._resolve(i))
        for k, read in enumerate(reads):
            for source, rate in read:
                if rates.setdefault(source, rate) != rate:
                    _checks.refuse(
                        f"{self._name(source)} is read both with and without the same dropout; "
                        "put Dropout where all its readers are behind it"
                    )
            if len({source for source, _ in read}) < len(read):
                _checks.refuse(f"{self.dense[k].name} reads a layer twice; name each source once")
        rates = {of_dense.get(source, INPUT): rate for source, rate in rates.items()}
        specs, n_params = [], 0
        reg = self.reg
        penalties = {} if reg is None else {"mean_l1": reg.l1, "mean_l2": 2 * reg.l2}  # the plan's are halves
        for k, (layer, read) in enumerate(zip(self.dense, reads, strict=True)):
            sources = [of_dense.get(source, INPUT) for source, _ in read]
            specs.append(layer.spec(sources, rates.get(k, 0.0)) | penalties)
            width = sum(n_features if s == INPUT else self.dense[s].units for s in sources)
            n_params += (width + layer.use_bias) * layer.units
            if n_params > MOST_PARAMS:
                _checks.refuse(
                    f"{layer.name} has {layer.units} units over {width} inputs: with {n_params} parameters "
                    "the network does not fit into any memory; take fewer units"
                )
            if layer.input_dim not in (None, width):
                _checks.refuse(
                    f"{layer.name} expects input_dim={layer.input_dim}, but {width} columns come in; "
                    "leave input_dim out, or pass data of that width"
                )
            if k < len(reads) - 1 and layer.activation.name == "softmax":
                _checks.refuse(f"{layer.name}: softmax goes with the output layer only; use logistic or tanh")
        return build_plan(n_features, specs, rates.get(INPUT, 0.0))

    def _resolve(self, i):
        """Return (dense layer or INPUT, dropout rate) for each source of layer `i`."""
        found = []
        for source in self.sources[i]:
            if source == INPUT or isinstance(self.layers[source], Dense):
                found.append((source, 0.0))
                continue
            rate = self.layers[source].rate if isinstance(self.layers[source], Dropout) else 0.0
            for deeper, below in self._resolve(source):
                if rate and below:
                    _checks.refuse(f"two Dropout layers follow {self._name(deeper)}; use one")
                found.append((deeper, rate or below))
        return found

    def _name(self, i):
        return INPUT_NAME if i == INPUT else self.layers[i].name
