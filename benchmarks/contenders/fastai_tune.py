"""Contender (b): fastai's `fine_tune`, and its `fit_one_cycle` with the body left frozen.

https://docs.fast.ai/quick_start.html, https://docs.fast.ai/vision.learner.html

The quick start's data (`Resize(224)`, which crops at random while it learns) and learner, with
ImageNet's normalisation and the given weights in the body: fastai would take them from
torchvision's site. `fine_tune(n)` runs one epoch with the body frozen and n with everything
learning; BatchNorm learns in either, as is fastai's way. Batches of 32 and two workers, as for the
others; fastai's own number is 64.
"""

from __future__ import annotations

import fastai
import torch
from common import arguments, read_split, tell
from fastai.vision.all import (  # as all of its documentation does
    CategoryBlock,
    DataBlock,
    ImageBlock,
    IndexSplitter,
    Learner,
    Normalize,
    Resize,
    accuracy,
    default_split,
    imagenet_stats,
    model_meta,
    set_seed,
    vision_learner,
)
from torchvision.models import mobilenet_v2


def learner(given: object) -> Learner:
    split = read_split(given.split)
    rows = [*split.train, *split.val]
    labels = dict(rows)
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=split.classes)),
        get_y=lambda file: split.classes[labels[file]],
        splitter=IndexSplitter(range(len(split.train), len(rows))),
        item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
    )
    loaders = block.dataloaders(list(labels), bs=given.batch_size, num_workers=given.workers)
    # fastai knows no cut for this network: all but the classifier, as for its other ones.
    model_meta[mobilenet_v2] = {"cut": -1, "split": default_split}
    learn = vision_learner(
        loaders, mobilenet_v2, pretrained=False, metrics=accuracy, path=given.out
    )
    state = torch.load(given.weights, map_location="cpu", weights_only=True)
    body = {name: values for name, values in state.items() if name.startswith("features.")}
    # The body is a sequence of one: torchvision's `features`.
    learn.model[0][0].load_state_dict({name.split(".", 1)[1]: body[name] for name in body})
    return learn


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--frozen", action="store_true", help="the body never learns")
    given = parser.parse_args()
    set_seed(given.seed)
    learn = learner(given)
    with learn.no_bar():
        if given.frozen:
            learn.freeze()
            learn.fit_one_cycle(given.epochs)
        else:
            learn.fine_tune(given.epochs)
    learn.save("last", with_opt=False)
    tell({"accuracy": float(learn.recorder.values[-1][-1])}, fastai=fastai.__version__)


if __name__ == "__main__":
    main()
