"""One small module a family; each has `cut(network)`, which names the network's stages in order.

A new family is one new file here and its entries in the catalogue.
"""
