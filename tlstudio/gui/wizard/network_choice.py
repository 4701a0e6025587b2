"""Owns which network is chosen and how it starts, and what follows from that choice."""

from __future__ import annotations

from tlstudio.backbones.catalogue import Backbone, Weights, backbone
from tlstudio.backbones.weights import default_backbone, weights_state
from tlstudio.gui.wizard.observed import Observed
from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import BackboneSpec, WeightsSpec


class NetworkChoice(Observed):
    """What is chosen; what a change of the network or its weights does to other choices is up to
    `WizardState`.

    `input_size` is None for the size that the weights were made for. `agreed` says that the user
    has stated a use that is not commercial. `fetching` is the sentence that says what the next step
    has to wait for; empty for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone_id = default_backbone().id
        self.weights = WeightsSpec()
        self.input_size: int | None = None
        self.agreed = False
        self.fetching = ""

    @property
    def backbone(self) -> Backbone:
        return backbone(self.backbone_id)

    @property
    def backbone_spec(self) -> BackboneSpec:
        """The network and how it starts, as a job says it."""
        return BackboneSpec(id=self.backbone_id, weights=self.weights, input_size=self.input_size)

    @property
    def published(self) -> Weights | None:
        """The set of the catalogue's weights that the network starts from, as far as is known."""
        if self.weights.source == "scratch":
            return None
        if self.weights.source == "published" or self.weights.variant is not None:
            return self.backbone.variant(self.weights.variant)
        return None

    @property
    def meant(self) -> Weights:
        """The set of the catalogue's weights whose preprocessing counts."""
        return self.published or self.backbone.weights[0]

    @property
    def own_size(self) -> int:
        """The side, in px, of the pictures that the weights were made for."""
        return self.meant.preprocessing.crop

    @property
    def size(self) -> int:
        """The side, in px, of the pictures that the network will look at."""
        return self.input_size or self.own_size

    def to_download(self) -> Weights | None:
        """The published weights that have to be fetched before training; None where none are."""
        if self.weights.source != "published" or self.published is None:
            return None
        return self.published if weights_state(self.published) == "download" else None

    @property
    def must_agree(self) -> bool:
        """Whether these weights forbid commercial use, and nobody has said yet that it is none."""
        return self.published is not None and not self.published.commercial and not self.agreed

    def set_input_size(self, size: int | None) -> None:
        """The side of the pictures in px; None for the weights' own. Raises `UsageError` for a size
        that the network does not take."""
        self._refuse_while_training()
        size = None if size == self.own_size else size
        self.backbone.preprocessing(self.backbone_spec.model_copy(update={"input_size": size}))
        if size != self.input_size:
            self.input_size = size
            self._changed()

    def agree(self) -> None:
        """The user says that the use is not commercial; it counts until the window closes."""
        self.agreed = True
        self._changed()

    def set_fetching(self, why: str) -> None:
        """The sentence that says for which weights the next step has to wait; empty for none."""
        if why != self.fetching:
            self.fetching = why
            self._changed()

    def why_no_weights(self) -> str | None:
        """What has to come before anything can start from these weights, or None."""
        if self.must_agree:
            return translate("state", "Say first that your use is not commercial.")
        return self.fetching or None


def weights_spec(entry: Backbone, weights: Weights) -> WeightsSpec:
    """What a job says to start from these weights: nothing where they are the default ones."""
    default = weights.commercial and weights.name == entry.weights[0].name
    return WeightsSpec(variant=None if default else weights.name)
