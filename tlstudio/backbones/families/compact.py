"""Cuts the backbone that comes with the program: torchvision's ResNet with fewer of its blocks."""

from tlstudio.backbones.families.resnet import cut

__all__ = ["cut"]

CONSTRUCTOR = ("torchvision.models.resnet", "ResNet")
OBJECTS = {"block": "torchvision.models.resnet.BasicBlock"}
ARGUMENTS = {"layers": [2, 2, 1, 1]}
