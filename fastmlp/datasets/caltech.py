"""Aeroplanes and motorbikes of Caltech-101, as small grey images."""

import numpy as np

from ._bunch import pair
from ._files import find
from ._sources import CALTECH_FILE, CALTECH_PAIR

NAMES = ["airplane", "motorbike"]


def load_caltech_pair(folder=None, *, as_bunch=False):
    """Return 800 aeroplanes and 798 motorbikes, grey images of 32 x 32 pixels.

    Parameters
    ----------
    folder : path, default=None
        Where ``airplanes_motorbikes_gray32.npz`` lies, itself or in a subfolder ``caltech``. By default it is
        looked for in the folder that the environment variable ``FASTMLP_DATA`` names, then in the cache.
        Nothing is downloaded: the original images come in an archive of another form.
    as_bunch : bool, default=False
        Return scikit-learn's ``Bunch`` with ``data``, ``images``, ``target``, ``target_names`` and ``DESCR``
        instead of a pair.

    Returns
    -------
    X : ndarray of shape (1598, 1024), uint8
    y : ndarray of shape (1598,), uint8
        0 for an aeroplane, 1 for a motorbike.

    Raises
    ------
    FileNotFoundError
        The file is not there; the message says how to provide it.
    ValueError
        It differs from the original.

    Notes
    -----
    The shape of the images alone tells most apart: the two are easy.

    References
    ----------
    L. Fei-Fei, R. Fergus, P. Perona, "Learning Generative Visual Models from Few Training Examples", 2004.
    Licence: CC BY 4.0.
    """
    path = find(CALTECH_PAIR, CALTECH_FILE, folder, download=False)
    with np.load(path, allow_pickle=False) as file:
        images, y = file["x"], file["y"]
    about = "Caltech-101: 800 aeroplanes and 798 motorbikes, grey, 32 x 32 pixels."
    X = images.reshape(len(images), -1)
    return pair(X, y, as_bunch, images=images, target_names=NAMES, DESCR=about)
