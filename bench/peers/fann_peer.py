"""FANN, the C library for small networks (Debian's libfann-dev): its own loop over epochs, in float32."""

import ctypes
import ctypes.util
import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from .base import Peer

TRAIN_INCREMENTAL, TRAIN_BATCH = 0, 1
ERRORFUNC_LINEAR = 0
ROW = ctypes.POINTER(ctypes.c_float)
# its number and steepness: FANN's sigmoid takes twice the steepness times the sum
ACTIVATIONS = {"logistic": (3, 0.5), "tanh": (5, 1.0)}


class Connection(ctypes.Structure):
    """What FANN knows a weight by."""

    _fields_ = [("from_neuron", ctypes.c_uint), ("to_neuron", ctypes.c_uint), ("weight", ctypes.c_float)]


class TrainData(ctypes.Structure):
    """FANN's rows of inputs and outputs."""

    _fields_ = [
        ("errno", ctypes.c_int),
        ("error_log", ctypes.c_void_p),
        ("message", ctypes.c_void_p),
        ("n_rows", ctypes.c_uint),
        ("n_inputs", ctypes.c_uint),
        ("n_outputs", ctypes.c_uint),
        ("inputs", ctypes.POINTER(ROW)),
        ("outputs", ctypes.POINTER(ROW)),
    ]


class FANNPeer(Peer):
    def __init__(self):
        found = ctypes.util.find_library("floatfann")
        if found is None:
            raise RuntimeError("libfloatfann is not installed; on Debian: apt-get install libfann-dev")
        self.fann = fann = ctypes.CDLL(found)
        for name in ("fann_create_standard_array", "fann_create_train"):
            getattr(fann, name).restype = ctypes.c_void_p
        self.library = found

    def refuse(self, case):
        if (self.n_threads or 1) > 1:
            return "it knows no threads"
        if case.output not in ACTIVATIONS or case.hidden not in ACTIVATIONS:
            return "it has neither softmax nor ReLU"
        if case.optimizer != "sgd" or case.l2 or case.dropout:
            return "its gradient descent is the plain one"
        full = case.batch_size == case.n_rows
        return None if case.batch_size == 1 or full else "it learns from one sample or from all"

    def setup(self, case):
        super().setup(case)
        fann, sizes = self.fann, case.sizes
        (x, y), self.start = case.data(), case.weights()
        self.net = ctypes.c_void_p(
            fann.fann_create_standard_array(len(sizes), (ctypes.c_uint * len(sizes))(*sizes))
        )
        self.data = ctypes.c_void_p(fann.fann_create_train(len(x), sizes[0], sizes[-1]))
        data = TrainData.from_address(self.data.value)
        for rows, given in ((data.inputs, x), (data.outputs, y)):
            for k, row in enumerate(given):
                np.ctypeslib.as_array(rows[k], (len(row),))[:] = row
        for layer, name in (("hidden", case.hidden), ("output", case.output)):
            function, steepness = ACTIVATIONS[name]
            getattr(fann, f"fann_set_activation_function_{layer}")(self.net, function)
            getattr(fann, f"fann_set_activation_steepness_{layer}")(self.net, ctypes.c_float(steepness))
        fann.fann_set_train_error_function(self.net, ERRORFUNC_LINEAR)
        fann.fann_set_training_algorithm(self.net, TRAIN_INCREMENTAL if case.batch_size == 1 else TRAIN_BATCH)
        # of outputs between -1 and 1 it halves the difference
        rate = case.learning_rate * (2 if case.output == "tanh" else 1)
        fann.fann_set_learning_rate(self.net, ctypes.c_float(rate))
        n = fann.fann_get_total_connections(self.net)
        self.connections = (Connection * n)()
        fann.fann_get_connection_array(self.net, self.connections)
        self.reset()

    def weights_of(self, connections):
        """Return the weights [W, b, ...]: connections come neuron by neuron, the bias last."""
        flat, found, k = np.array([c.weight for c in connections], np.float32), [], 0
        for n_in, n_out in pairwise(self.case.sizes):
            layer = flat[k : k + (n_in + 1) * n_out].reshape(n_out, n_in + 1)
            found += [layer[:, :-1].T.copy(), layer[:, -1].copy()]
            k += layer.size
        return found

    def reset(self):
        layers = [np.vstack([W, b]).T.ravel() for W, b in zip(self.start[::2], self.start[1::2], strict=True)]
        for connection, weight in zip(self.connections, np.concatenate(layers), strict=True):
            connection.weight = weight
        self.fann.fann_set_weight_array(self.net, self.connections, len(self.connections))

    def run(self):
        self.fann.fann_train_on_data(self.net, self.data, self.case.epochs, 0, ctypes.c_float(0.0))

    def result(self):
        self.fann.fann_get_connection_array(self.net, self.connections)
        return self.weights_of(self.connections)

    def versions(self):
        numbers = re.search(r"so\.([\d.]+)", str(Path("/usr/lib").joinpath(self.library)))
        return {"FANN": numbers[1] if numbers else "?"}
