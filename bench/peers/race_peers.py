"""MNIST from random weights, another seed in every run."""

import numpy as np

from .fastmlp_peer import FastMLP


class Racer(FastMLP):
    def refuse(self, case):
        from fastmlp.datasets import load_mnist

        try:
            (x, self.y), (test_x, self.test_y) = load_mnist(download=False)
        except FileNotFoundError:
            return "MNIST is not at hand: set FASTMLP_DATA"
        self.x, self.test_x = (
            a.reshape(len(a), -1).astype(np.float32) / np.float32(255) for a in (x, test_x)
        )
        return None

    def setup(self, case):
        super().setup(case)
        self.seed, self.accuracies = 0, []

    def reset(self):
        from fastmlp import Dense, Network

        self.seed += 1
        self.model = Network([Dense(self.case.hidden, "relu"), Dense(10, "softmax")], random_state=self.seed)

    def run(self):
        from fastmlp import Adam, schedules

        case = self.case
        self.model.fit(
            self.x,
            self.y,
            epochs=case.epochs,
            batch_size=case.batch_size,
            n_threads=1,
            optimizer=Adam(schedules.OneCycle(case.rate, rise=0.2), beta_2=0.99),
        )

    def after(self):
        """Measure the run that has ended, untimed."""
        found = self.model.predict(self.test_x).argmax(axis=1)
        self.accuracies.append(float((found == self.test_y).mean()))

    def result(self):
        return self.accuracies
