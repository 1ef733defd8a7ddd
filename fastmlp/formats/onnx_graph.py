"""A model as an ONNX graph, which ONNX Runtime and others compute.

Inputs and outputs are named and shaped as skl2onnx does it for scikit-learn's estimators.
"""

import numpy as np

from .. import _checks
from ..decisions import MULTILABEL
from .exports import functions_of
from .onnx_formulas import Formulas

OPSET, IR_VERSION, ML_OPSET = 17, 8, 3  # of 2022: ONNX Runtime 1.12 and later
MOST_BYTES = 2**31 - 2**20  # of one file of Protocol Buffers
INPUTS = {name: name for name in ("float32", "float64", "uint8")}


def to_onnx(description, zipmap=False, input_dtype=None):
    """Return the bytes of an ONNX file.

    Parameters
    ----------
    description : Description
        Of a model that has weights.
    zipmap : bool, default=False
        Of a classifier: a map from classes to probabilities for each sample in place of an array.
    input_dtype : {"float32", "float64", "uint8"}, default=None
        None: that of the weights. Others are cast to it first.

    Returns
    -------
    bytes
        A graph with the input X (n, n_features). Classifiers have the outputs label, int64 or string of shape
        (n,), of multilabel targets int64 (n, n_labels), and probabilities (n, n_classes); with `zipmap`
        output_label and output_probability. Where a classifier has no probabilities, its scores take their
        place. Regressors and single neurons have the output variable (n, n_outputs), a Network outputs.
    """
    activations = functions_of("to_onnx", description)
    n_bytes = sum(array.nbytes for array in description.arrays.values())
    if n_bytes > MOST_BYTES:
        _checks.cannot_export(
            "to_onnx", "weights of up to 2 GB", f"{n_bytes} bytes", "save a .safetensors file"
        )
    graph = Graph(description.dtype)
    input_dtype = _checks.check_choice("input_dtype", input_dtype or description.dtype, INPUTS)
    x = graph.input("X", input_dtype, description.n_features)
    z, a = forward(graph, description, activations, x, input_dtype)
    if description.classes is not None:
        add_classes(graph, description, activations[-1], z, a, zipmap)
    else:
        n, name = description.layers[-1].units, "outputs" if description.kind == "Network" else "variable"
        graph.output(name, rescaled(graph, description, a), description.dtype, [None, n])
    return graph.model(description).SerializeToString()


class Graph:
    """An ONNX graph in the making.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of the numbers it computes with.
    """

    def __init__(self, dtype):
        self.onnx, self.dtype = _onnx(), np.dtype(dtype)
        self.nodes, self.constants, self.inputs, self.outputs, self.count = [], {}, [], [], 0

    def _type(self, dtype):
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def node(self, operator, *inputs, domain="", **attributes):
        """Add a node; return the name of its output."""
        self.count += 1
        name = f"{operator}_{self.count}"
        if operator == "Cast":
            attributes["to"] = self._type(attributes["to"])
        self.nodes.append(
            self.onnx.helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes)
        )
        return name

    def constant(self, values, dtype=None, name=None):
        """Return the name of a constant, by default of the graph's dtype; equal ones are kept once."""
        values = np.asarray(values, dtype or self.dtype)
        key = name or (
            values.dtype.str,
            values.shape,
            values.tobytes() if values.dtype != object else id(values),
        )
        if key not in self.constants:
            name = name or f"constant_{len(self.constants) + 1}"
            self.constants[key] = self.onnx.numpy_helper.from_array(values, name)
        return self.constants[key].name

    def input(self, name, dtype, width):
        info = self.onnx.helper.make_tensor_value_info(name, self._type(dtype), [None, width])
        self.inputs.append(info)
        return name

    def output(self, name, value, dtype, shape):
        """Name a value as an output of the graph."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name], name=name))
        self.outputs.append(self.onnx.helper.make_tensor_value_info(name, self._type(dtype), shape))

    def map_output(self, name, value, classes):
        """Name a sequence of maps from classes to numbers as an output of the graph."""
        helper, onnx = self.onnx.helper, self.onnx
        of_strings = classes.dtype == object
        key = "classlabels_strings" if of_strings else "classlabels_int64s"
        self.nodes.append(
            helper.make_node("ZipMap", [value], [name], domain="ai.onnx.ml", **{key: classes.tolist()})
        )
        number = helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [])
        kind = onnx.TensorProto.STRING if of_strings else onnx.TensorProto.INT64
        kind = helper.make_sequence_type_proto(helper.make_map_type_proto(kind, number))
        self.outputs.append(helper.make_value_info(name, kind))

    def model(self, description):
        """Return the model that has been put together."""
        helper = self.onnx.helper
        constants = list(self.constants.values())
        graph = helper.make_graph(self.nodes, description.kind, self.inputs, self.outputs, constants)
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="fastmlp",
            producer_version=str(description.versions.get("fastmlp", "")),
        )  # fmt: skip
        helper.set_model_props(model, {str(k): str(v) for k, v in description.metadata.items()})
        return model


def forward(graph, description, activations, x, input_dtype):
    """Add the layers; return the names of the last one's weighted sums and outputs."""
    formulas = Formulas(graph.node, graph.constant, description.dtype)
    if input_dtype != description.dtype:
        x = formulas.cast(x)
    outputs = {-1: formulas.scaled(x, description.input_scale)}
    for k, layer in enumerate(description.layers):
        reads = [outputs[source] for source in layer.sources]
        rows = reads[0] if len(reads) == 1 else graph.node("Concat", *reads, axis=1)
        inputs = [rows, graph.constant(layer.weights, name=f"weights_{k}")]
        if layer.bias is not None:
            inputs.append(graph.constant(layer.bias, name=f"bias_{k}"))
        z = graph.node("Gemm", *inputs)
        outputs[k] = formulas.apply(activations[k], z)
    return z, outputs[k]


def rescaled(graph, description, a):
    """Return the name of what a model whose outputs are values predicts."""
    if "scale" not in description.output:
        return a
    bottom, top, low, high = description.output["scale"]
    a = graph.node("Sub", a, graph.constant(bottom))
    a = graph.node("Mul", a, graph.constant((high - low) / (top - bottom)))
    return graph.node("Add", a, graph.constant(low))


def add_classes(graph, description, activation, z, a, zipmap):
    """Add the outputs of a classifier."""
    read, dtype = description.output, description.dtype
    labels = _checks.check_labels_of_export("to_onnx", description.classes)
    n_classes, n_outputs = len(labels), description.layers[-1].units
    decided, shape = z if read["by"] == "logits" else a, [None]
    if read["threshold"]:
        decided = graph.node("Sub", decided, graph.constant(read["threshold"]))
    if read["task"] == MULTILABEL:
        label, shape, labels = positive(graph, decided), [None, n_outputs], np.arange(n_outputs)
        kind = np.int64
    else:
        if n_outputs > 1:
            if n_classes < n_outputs:
                decided = first_columns(graph, decided, n_classes)
            which = graph.node("ArgMax", decided, axis=1, keepdims=0)
        else:
            which = graph.node("Squeeze", positive(graph, decided), graph.constant([1], np.int64))
        table = labels if n_classes > 1 else np.repeat(labels, 2)  # whatever the sign
        kind = np.int64 if labels.dtype == np.int64 else object
        label = graph.node("Gather", graph.constant(table, kind, name="classes"), which)
    if read["probabilities"] is not None:
        values = probabilities(graph, description, activation, z, a)
    elif n_outputs > 1:
        values = decided
    else:
        values = graph.node("Concat", graph.node("Neg", decided), decided, axis=1)
    width = n_classes if n_outputs > 1 and read["probabilities"] is None else max(2, n_outputs)
    if not zipmap:
        graph.output("label", label, kind, shape)
        graph.output("probabilities", values, dtype, [None, width])
        return
    graph.output("output_label", label, kind, shape)
    if len(labels) < width:  # there is but one class
        values = first_columns(graph, values, len(labels))
    if dtype == "float64":  # maps hold numbers of single precision
        values = graph.node("Cast", values, to=np.float32)
    graph.map_output("output_probability", values, labels)


def positive(graph, decided):
    """Return the name of 1 where decisions are above 0, else 0."""
    return graph.node("Cast", graph.node("Greater", decided, graph.constant(0.0)), to=np.int64)


def first_columns(graph, values, n):
    start, stop, axis = (graph.constant([each], np.int64) for each in (0, n, 1))
    return graph.node("Slice", values, start, stop, axis)


def probabilities(graph, description, activation, z, a):
    """Return the name of probabilities, made as `fastmlp.decisions.probabilities` says."""
    how, info = description.output["probabilities"], np.finfo(description.dtype)
    if how == "outputs":
        return a
    if how == "softmax":
        return graph.node("Softmax", a, axis=-1)
    if how == "shares":
        return shares(graph, description.dtype, activation.slope, z, a)
    p = graph.node("Sigmoid", a) if how == "each_logistic" else a
    p = graph.node("Clip", p, graph.constant(info.eps / 2), graph.constant(1 - info.eps / 2))
    if description.layers[-1].units > 1 or description.output["task"] == MULTILABEL:
        return p
    return graph.node("Concat", graph.node("Sub", graph.constant(1.0), p), p, axis=1)


def shares(graph, dtype, slope, z, a):
    """Return the name of each class's share of the sum; see `fastmlp.decisions.shares`."""
    info, one = np.finfo(dtype), graph.constant(1.0)
    total = graph.node("ReduceSum", a, graph.constant([1], np.int64), keepdims=1)
    lost = graph.node("Less", total, graph.constant(info.smallest_normal / info.eps))
    usual = graph.node("Div", a, graph.node("Where", lost, one, total))
    strengths = z if slope == 1 else graph.node("Mul", z, graph.constant(slope))
    return graph.node("Where", lost, graph.node("Softmax", strengths, axis=-1), usual)


def _onnx():
    try:
        import onnx
    except ImportError:
        raise ImportError("writing ONNX files needs onnx: pip install fastmlp[onnx]") from None
    return onnx
