"""A user's own activations, which no kernel knows."""


class Cube:
    """f(z) = z^3."""

    name = "cube"

    def value(self, z):
        return z**3

    def derivative(self, z, a):
        return 3 * z**2


class SoftCube:
    """f(z) = z^3 / 10 + z, which nets with several layers can learn with."""

    name = "soft cube"

    def value(self, z):
        return 0.1 * z**3 + z

    def derivative(self, z, a):
        return 0.3 * z**2 + 1
