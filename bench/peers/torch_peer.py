"""PyTorch, written by hand: forward, backward and step on flat preallocated tensors, no autograd.

The layout is the NumPy peer's: activations with a last column of ones, biases as the last row of the
weights. SGD adds the scaled gradient to the weights in the product itself (one `addmm`); Adam is
PyTorch's own fused kernel, on the whole vector at once.
"""

import numpy as np
import torch

from ..harness.data import one_hot
from .base import Peer
from .numpy_peer import flat_views, with_ones

BACKWARD = {
    "logistic": lambda d, a: torch.ops.aten.sigmoid_backward.grad_input(d, a, grad_input=d),
    "tanh": lambda d, a: torch.ops.aten.tanh_backward.grad_input(d, a, grad_input=d),
    "relu": lambda d, a: torch.ops.aten.threshold_backward.grad_input(d, a, 0, grad_input=d),
}
FORWARD = {
    "logistic": lambda z, out: torch.sigmoid(z, out=out),
    "tanh": lambda z, out: torch.tanh(z, out=out),
    "relu": lambda z, out: torch.clamp_min(z, 0, out=out),
    "softmax": lambda z, out: torch.softmax(z, 1, out=out),
    "identity": lambda z, out: z,
}


class TorchPeer(Peer):
    def setup(self, case):
        super().setup(case)
        torch.set_flush_denormal(True)
        with torch.inference_mode():
            self.allocate(case, *case.data(), case.weights())

    def allocate(self, case, x, y, weights):
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
        self.deltas, self.masks = ([torch.empty_like(z) for z in self.logits] for _ in range(2))
        x = torch.from_numpy(with_ones(x))
        self.batches = [x[i : i + n] for i in range(0, len(x), n)]
        if case.trains:
            y = one_hot(y, sizes[-1])
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

    def forward(self, x, train=False):
        hidden, last = FORWARD[self.case.hidden], len(self.W) - 1
        keep = 1 - self.case.dropout if train else 1
        a = x
        for k, W in enumerate(self.W):
            z = torch.mm(a, W, out=self.logits[k])
            if k < last:
                hidden(z, self.outputs[k])
                if keep < 1:
                    self.outputs[k].mul_(self.masks[k].bernoulli_(keep).mul_(1 / keep))
                a = self.padded[k]
        return FORWARD[self.case.output](z, self.outputs[last])

    def train_batch(self, x, y, scale):
        case, output, k = self.case, self.forward(x, train=True), len(self.W) - 1
        sgd, hidden = case.optimizer == "sgd", BACKWARD[case.hidden]
        delta = torch.sub(output, y, out=self.deltas[k])
        if not sgd:
            delta.mul_(scale)
        if case.output in BACKWARD:
            BACKWARD[case.output](delta, output)
        while True:
            inputs = self.padded_t[k - 1] if k else x.t()
            if k:
                below = torch.mm(delta, self.WT[k], out=self.deltas[k - 1])
                hidden(below, self.outputs[k - 1])
                if case.dropout:
                    below.mul_(self.masks[k - 1])
            if not sgd:
                torch.mm(inputs, delta, out=self.G[k])
            else:
                if case.l2:
                    self.W[k][:-1].mul_(1 - scale * case.l2)
                self.W[k].addmm_(inputs, delta, alpha=-scale)
            if not k:
                return
            delta, k = below, k - 1

    def momentum(self):
        torch._fused_sgd_(
            [self.w],
            [self.g],
            [self.m],
            weight_decay=0.0,
            momentum=0.9,
            lr=self.case.learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )

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
            self.train() if self.case.trains else self.predict()

    def train(self):
        case, step = self.case, getattr(self, self.case.optimizer, None)
        scale = (case.learning_rate if case.optimizer == "sgd" else 1.0) / case.batch_size
        for _ in range(case.epochs):
            for x, y in zip(self.batches, self.targets, strict=True):
                self.train_batch(x, y, scale)
                if step:
                    step()

    def predict(self):
        n, labels = self.case.batch_size, self.case.labels
        for i, x in enumerate(self.batches):
            output = self.forward(x)
            self.predictions[i * n : i * n + n] = output.argmax(1)[:, None] if labels else output

    def result(self):
        if not self.case.trains:
            out = self.predictions.numpy()
            return out[:, 0].astype(np.int64) if self.case.labels else out
        return [part.numpy().copy() for W in self.W for part in (W[:-1], W[-1])]

    def versions(self):
        return {"torch": torch.__version__}
