"""Cuts AlexNet: one stage a convolution with all that follows it up to the next, then fc6, fc7."""

from torch import nn
from torchvision.models import AlexNet

from tlstudio.backbones.families.vgg import convolutions
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: AlexNet) -> Cut:
    # Unlike VGG's, these dropouts stand in front of the layers that they belong to.
    dropout6, fc6, relu6, dropout7, fc7, relu7, _head = network.classifier
    return Cut(
        (
            *convolutions(network.features, network.avgpool, nn.Flatten(1)),
            stage("classifier.1", dropout6, fc6, relu6, group="dense layers"),
            stage("classifier.4", dropout7, fc7, relu7, group="dense layers"),
        ),
        HeadSite("classifier.6", "linear"),
    )
