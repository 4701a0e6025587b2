"""One small module a family; each has `cut(network)`, which names the network's stages in order.

A new family is one new file here and its entries in the catalogue. What its networks need beyond
that, the file may say too: `ARGUMENTS`, which torchvision's constructor is always called with;
`CONSTRUCTOR` and `OBJECTS`, where that is no function of the network's name; `sized(size)`, the
arguments for pictures of `size` px; and `adapted(state, size)`, which turns weights as they were
published into the state of a network as it is built here.
"""
