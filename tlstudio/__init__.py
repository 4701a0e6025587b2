"""TL Studio: transfer learning on your own pictures, without code and without a network."""

__version__ = "0.1.0"
