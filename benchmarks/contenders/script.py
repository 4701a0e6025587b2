"""Contender (d): the least that any script must do to get features, and nothing else.

Imports torch, builds the network and loads the weights, decodes every picture with the
preprocessing of the weights, and runs the stock network once over all of them in 32 bits, in
batches. Nothing learns and nothing is written. Pictures are decoded in the same process unless
`--workers` says otherwise.
"""

from __future__ import annotations

import torch
from common import Listed, arguments, network, plain_view, read_split, tell
from torch.utils.data import DataLoader


def main() -> None:
    parser = arguments(__doc__)
    parser.set_defaults(workers=0)
    given = parser.parse_args()
    split = read_split(given.split)
    pictures = Listed([*split.train, *split.val], plain_view())
    model = network(given.weights, len(split.classes)).eval()
    loader = DataLoader(pictures, batch_size=given.batch_size, num_workers=given.workers)
    with torch.no_grad():
        features = [model.features(batch).mean((2, 3)) for batch, _ in loader]
    tell({"pictures": sum(len(rows) for rows in features)})


if __name__ == "__main__":
    main()
