"""The catalogue says what the installed torchvision says, and imports without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest
from torchvision.models import get_model_weights

from tlstudio.backbones.build_catalogue import CATALOGUE, TABLE, catalogue_text
from tlstudio.backbones.catalogue import RECOMMENDED, Backbone, backbone, catalogue
from tlstudio.errors import UsageError


def test_the_file_is_what_the_command_writes_for_this_torchvision() -> None:
    assert CATALOGUE.read_text(encoding="utf-8") == catalogue_text()


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_an_entrys_figures_agree_with_torchvisions_own(entry: Backbone) -> None:
    weights = get_model_weights(entry.id)[entry.weights.name]
    # The head that is left out reads the features through a weight each and has a bias.
    head = 1000 * (entry.feature_width + 1)
    assert entry.parameters + head == weights.meta["num_params"]
    assert entry.parameters == sum(facts.parameters for facts in entry.stages)
    assert entry.weights.sha256_prefix in weights.url
    assert len(entry.weights.sha256_prefix) == 8
    assert entry.weights.bytes / 2**20 == pytest.approx(weights.meta["_file_size"], abs=1e-3)
    # Four bytes a parameter, and little else: the size can be shown as the download's.
    assert entry.weights.bytes == pytest.approx(4 * weights.meta["num_params"], rel=0.06)
    assert "license" not in weights.meta, "only weights under torchvision's own licence"
    assert entry.sentence.startswith("Good for ")
    assert entry.sentence.endswith(".")


def test_the_recommended_backbone_comes_first_and_nothing_comes_twice() -> None:
    identifiers = [entry.id for entry in catalogue()]
    assert identifiers[0] == RECOMMENDED
    assert identifiers == [row[0] for row in TABLE]
    assert len(identifiers) == len(set(identifiers)) == 34
    assert len({entry.name for entry in catalogue()}) == 34


def test_an_unknown_backbone_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match="resnet50"):
        backbone("resnet5O")


def test_the_window_can_read_catalogue_and_weights_state_without_torch() -> None:
    program = (
        "import sys\n"
        "from tlstudio.backbones.catalogue import catalogue\n"
        "from tlstudio.backbones.weights import weights_state\n"
        "states = [weights_state(entry) for entry in catalogue()]\n"
        "assert len(states) == 34\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
