"""
Dropout on few images
=====================

Dropout sets a share of a layer's outputs to 0 while it learns, others in every step: no unit can rely on
another one. It slows learning by heart, which counts where images are few. Experiment C14:
``fastmlp experiment C14``.
"""

# %%
# Data
# ----
# A quarter of the handwritten digits: MNIST's where ``FASTMLP_DATA`` has them, else scikit-learn's.
import os

from fastmlp import datasets

load = datasets.load_mnist if "FASTMLP_DATA" in os.environ else datasets.load_digits
(X, y), (X_test, y_test) = load()
X, y = X[::4], y[::4]

# %%
# Network
# -------
# A layer of 512, of which a share is left out.
from fastmlp import Dense, Dropout, Network

nets = {}
for rate in (0.0, 0.2, 0.5):
    layers = [Dense(512, "relu"), Dropout(rate), Dense(10, "softmax")]
    nets[rate] = Network(layers, random_state=0, input_scale=1 / X.max())

# %%
# Training
# --------
# The model is written to a file after every epoch, so that a killed fit can go on (``resume_from=``).
import tempfile
from pathlib import Path

from fastmlp.callbacks import ModelCheckpoint

folder = tempfile.TemporaryDirectory()
for rate, net in nets.items():
    saved = ModelCheckpoint(Path(folder.name, f"dropout {rate}.safetensors"))
    net.fit(X, y, epochs=40, optimizer="adam", callbacks=[saved], validation_data={"test": (X_test, y_test)})

# %%
# Result
# ------
# The more is left out, the later the training images are learned; test images lose little by it.
from fastmlp.plots import CompareRunsDisplay

CompareRunsDisplay.from_estimators(nets, key="loss", title="dropout")
CompareRunsDisplay.from_estimators(nets, key="test_loss", title="dropout")

# %%
# The file holds the model of the last epoch: how many test images it tells right is printed.
import fastmlp

print(fastmlp.load(Path(folder.name, "dropout 0.5.safetensors")).score(X_test, y_test))
folder.cleanup()
