"""onnxruntime: prediction through a graph of Gemm and activations."""

from importlib.metadata import version

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .base import Peer

ACTIVATIONS = {"logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "identity": "Identity"}


def graph(case):
    """Return the case's network as the bytes of an ONNX model."""
    weights, nodes, values, last = case.weights(), [], [], "x"
    for k, (W, b) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        values += [numpy_helper.from_array(W, f"W{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [last, f"W{k}", f"b{k}"], [f"z{k}"]))
        activation = case.output if k == len(case.sizes) - 2 else case.hidden
        options = {"axis": 1} if activation == "softmax" else {}
        nodes.append(
            helper.make_node(ACTIVATIONS.get(activation, "Softmax"), [f"z{k}"], [f"a{k}"], **options)
        )
        last = f"a{k}"
    out = helper.make_tensor_value_info(last, TensorProto.FLOAT, [None, case.sizes[-1]])
    if case.labels:
        nodes.append(helper.make_node("ArgMax", [last], ["label"], axis=1, keepdims=0))
        out = helper.make_tensor_value_info("label", TensorProto.INT64, [None])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, case.sizes[0]])
    model = helper.make_model(
        helper.make_graph(nodes, "net", [x], [out], values),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return model.SerializeToString()


class ONNXPeer(Peer):
    def setup(self, case):
        super().setup(case)
        self.x, _ = case.data()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.n_threads or 0
        self.session = onnxruntime.InferenceSession(graph(case), options, providers=["CPUExecutionProvider"])

    def run(self):
        n, x, run = self.case.batch_size, self.x, self.session.run
        self.predictions = [run(None, {"x": x[i : i + n]})[0] for i in range(0, len(x), n)]

    def result(self):
        return np.concatenate(self.predictions)

    def versions(self):
        return {"onnxruntime": version("onnxruntime")}
