"""Contender (a): the loop of PyTorch's tutorial on transfer learning.

https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html

Its transforms, its loop with a training and a validation phase in each epoch, SGD with learning
rate 0.001 and momentum 0.9, the rate divided by ten every seven epochs, the state dict that was
best on the validation pictures saved and loaded at the end, the last parameters frozen by
`requires_grad=False` and run in every epoch all the same. In 32 bits.

What differs from the page: the network is mobilenet_v2; batches hold 32 pictures and not 4, and
there are two workers and not four, which suits two cores better and makes it faster.
"""

from __future__ import annotations

from pathlib import Path

import torch
from common import MEAN, STD, Listed, arguments, network, plain_view, read_split, tell
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader
from torchvision import transforms

LEARNS = ("head", "last-block", "everything")


def varied_view() -> transforms.Compose:
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


def freeze(model: nn.Module, learns: str) -> None:
    if learns == "everything":
        return
    for parameter in model.parameters():
        parameter.requires_grad = False
    learning = [model.classifier] if learns == "head" else [model.classifier, model.features[-1]]
    for part in learning:
        for parameter in part.parameters():
            parameter.requires_grad = True


def train_model(
    model: nn.Module,
    loaders: dict[str, DataLoader],
    device: torch.device,
    *,
    epochs: int,
    best_file: Path,
) -> float:
    """The page's function of this name; the accuracy of the weights that it loads at the end."""
    criterion = nn.CrossEntropyLoss()
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = optim.SGD(learning, lr=0.001, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    best = 0.0
    torch.save(model.state_dict(), best_file)
    for epoch in range(epochs):
        for phase in ("train", "val"):
            model.train(phase == "train")
            running_loss, running_corrects = 0.0, 0
            for given, given_labels in loaders[phase]:
                inputs, labels = given.to(device), given_labels.to(device)
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    _, answers = torch.max(outputs, 1)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                running_corrects += int(torch.sum(answers == labels))
            if phase == "train":
                scheduler.step()
            count = len(loaders[phase].dataset)
            accuracy = running_corrects / count
            print(f"epoch {epoch} {phase} {running_loss / count:.4f} {accuracy:.4f}", flush=True)
            if phase == "val" and accuracy > best:
                best = accuracy
                torch.save(model.state_dict(), best_file)
    model.load_state_dict(torch.load(best_file, weights_only=True))
    return best


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--learns", choices=LEARNS, default="head")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    split = read_split(given.split)
    datasets = {"train": Listed(split.train, varied_view()), "val": Listed(split.val, plain_view())}
    loaders = {
        part: DataLoader(
            dataset, batch_size=given.batch_size, shuffle=True, num_workers=given.workers
        )
        for part, dataset in datasets.items()
    }
    model = network(given.weights, len(split.classes)).to(device)
    freeze(model, given.learns)
    best_file = given.out / "best_model_params.pt"
    accuracy = train_model(model, loaders, device, epochs=given.epochs, best_file=best_file)
    tell({"accuracy": accuracy})


if __name__ == "__main__":
    main()
