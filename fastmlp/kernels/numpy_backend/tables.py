"""Tables of formulas by their codes, as the modules above that declare them hand them in.

Attributes
----------
ACTIVATIONS : dict
    {code: function of the slope that returns an object with ``value(z)`` and ``backward(z, a, d)``}.
LOSSES : dict
    {code: function of the run record and the number of outputs that returns an object with
    ``each(output, y, z, a)`` and ``backward(output, y, z, a)``}.
OPTIMIZERS : dict
    {code: function of the run record that returns an object with ``step(w, g, state, rate, t)``}.
"""

ACTIVATIONS: dict = {}
LOSSES: dict = {}
OPTIMIZERS: dict = {}
