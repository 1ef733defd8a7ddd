"""PyTorch, written by hand: forward, backward and step on flat preallocated tensors, no autograd.

The layout is the NumPy peer's: activations with a last column of ones, biases as the last row of the
weights. SGD adds the scaled gradient to the weights in the product itself (one `addmm`); Adam is
PyTorch's own fused kernel, on the whole vector at once.
"""

import numpy as np
import torch

from .base import Peer
from .numpy_peer import flat_views, with_ones

BACKWARD = {
    "logistic": lambda d, a: torch.ops.aten.sigmoid_backward.grad_input(d, a, grad_input=d),
    "tanh": lambda d, a: torch.ops.aten.tanh_backward.grad_input(d, a, grad_input=d),
}
FORWARD = {
    "logistic": lambda z, out: torch.sigmoid(z, out=out),
    "tanh": lambda z, out: torch.tanh(z, out=out),
    "softmax": lambda z, out: torch.softmax(z, 1, out=out),
}


class TorchPeer(Peer):
    def setup(self, case, x, y, weights):
        with torch.inference_mode():
            self.allocate(case, x, y, weights)

    def allocate(self, case, x, y, weights):
        super().setup(case, x, y, weights)
        torch.set_flush_denormal(True)
        sizes, n = case.sizes, case.batch_size
        self.initial = torch.from_numpy(np.concatenate([w.ravel() for w in weights]))
        self.w, self.g = torch.empty_like(self.initial), torch.empty_like(self.initial)
        self.m, self.v = torch.zeros_like(self.initial), torch.zeros_like(self.initial)
        self.step = torch.zeros(())
        self.W, self.G = flat_views(sizes, self.w), flat_views(sizes, self.g)
        self.WT = [W[:-1].t() for W in self.W]
        self.padded = [torch.ones(n, size + 1) for size in sizes[1:-1]]
        self.padded_t = [a.t() for a in self.padded]
        self.logits = [torch.empty(n, size) for size in sizes[1:]]
        self.outputs = [a[:, :-1] for a in self.padded] + [torch.empty(n, sizes[-1])]
        self.deltas = [torch.empty_like(z) for z in self.logits]
        x = torch.from_numpy(with_ones(x))
        self.batches = [x[i : i + n] for i in range(0, len(x), n)]
        if case.kind == "train":
            y = np.eye(sizes[-1], dtype=np.float32)[y] if case.output == "softmax" else y
            self.targets = [torch.from_numpy(y[i : i + n]) for i in range(0, len(y), n)]
        else:
            self.predictions = torch.empty((len(x), 1 if case.labels else sizes[-1]))
        self.reset()

    def reset(self):
        with torch.inference_mode():
            self.w.copy_(self.initial)
            self.m.zero_()
            self.v.zero_()
            self.step.zero_()
        self.n_steps = 0

    def forward(self, x):
        hidden, last = FORWARD[self.case.hidden], len(self.W) - 1
        a = x
        for k, W in enumerate(self.W):
            z = torch.mm(a, W, out=self.logits[k])
            if k < last:
                hidden(z, self.outputs[k])
                a = self.padded[k]
        return FORWARD[self.case.output](z, self.outputs[last])

    def train_batch(self, x, y, scale):
        output, k = self.forward(x), len(self.W) - 1
        sgd, hidden = self.case.optimizer == "sgd", BACKWARD[self.case.hidden]
        delta = torch.sub(output, y, out=self.deltas[k])
        if not sgd:
            delta.mul_(scale)
        if self.case.output == "tanh":
            BACKWARD["tanh"](delta, output)
        while True:
            inputs = self.padded_t[k - 1] if k else x.t()
            if k:
                below = torch.mm(delta, self.WT[k], out=self.deltas[k - 1])
                hidden(below, self.outputs[k - 1])
            if sgd:
                self.W[k].addmm_(inputs, delta, alpha=-scale)
            else:
                torch.mm(inputs, delta, out=self.G[k])
            if not k:
                return
            delta, k = below, k - 1

    def adam(self):
        # scikit-learn's formula: its epsilon is not divided by the bias correction, PyTorch's is
        self.n_steps += 1
        epsilon = 1e-8 / (1 - 0.999**self.n_steps) ** 0.5
        self.step += 1
        torch._fused_adam_(
            [self.w],
            [self.g],
            [self.m],
            [self.v],
            [],
            [self.step],
            lr=self.case.learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )

    def run(self):
        with torch.inference_mode():
            self.predict() if self.case.kind == "predict" else self.train()

    def train(self):
        case = self.case
        adam = case.optimizer == "adam"
        scale = (2.0 if case.output == "tanh" else 1.0) / case.batch_size
        scale *= 1.0 if adam else case.learning_rate
        for _ in range(case.epochs):
            for x, y in zip(self.batches, self.targets, strict=True):
                self.train_batch(x, y, scale)
                if adam:
                    self.adam()

    def predict(self):
        n, labels = self.case.batch_size, self.case.labels
        for i, x in enumerate(self.batches):
            output = self.forward(x)
            self.predictions[i * n : i * n + n] = output.argmax(1)[:, None] if labels else output

    def result(self):
        if self.case.kind == "predict":
            out = self.predictions.numpy()
            return out[:, 0].astype(np.int64) if self.case.labels else out
        return [part.numpy().copy() for W in self.W for part in (W[:-1], W[-1])]

    def versions(self):
        return {"torch": torch.__version__}
