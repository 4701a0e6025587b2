"""Owns what the backbone page says of a network and of the weights it starts from, in words."""

from __future__ import annotations

from pathlib import Path

from tlstudio.backbones.catalogue import Backbone, Weights
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.wording import translate


def megabytes(size: int) -> str:
    """ "14 MB", with one digit below ten; it does not break."""
    amount = size / 1e6
    return f"{amount:.1f}\u00a0MB" if amount < 10 else f"{amount:,.0f}\u00a0MB"


def start_sentence(state: WizardState, here: bool) -> str:
    """What the network starts from; `here` says whether published weights are on this computer."""
    weights = state.weights
    if weights.file is not None:
        return translate("start", "Starts from your file {0}.").format(weights.file)
    if weights.run is not None:
        text = translate("start", "Starts from your own model “{0}”.")
        return text.format(Path(weights.run).name)
    published = state.published
    if published is None:
        return translate("start", "Starts from random numbers.")
    if published.url is None:
        return translate("start", "Starts from the weights that come with the program.")
    if here:
        return translate("start", "Starts from the published weights, which are on this computer.")
    text = translate(
        "start",
        "Starts from the published weights. They are downloaded once ({0}), now or when training "
        "starts; without the internet, choose a file that you have.",
    )
    return text.format(megabytes(published.bytes))


def variant_words(weights: Weights, here: bool) -> str:
    """One line to tell sets of weights apart: "IMAGENET1K_V2: 80.9 %, 103 MB, BSD-3-Clause"."""
    parts = [megabytes(weights.bytes), weights.licence]
    if weights.top1 is not None:
        parts.insert(0, f"{weights.top1:.1f}\u00a0%")
    if not weights.commercial:
        parts.append(translate("start", "not for commercial use"))
    if here:
        parts.append(translate("start", "on this computer"))
    return f"{weights.name}: {', '.join(parts)}"


def facts(state: WizardState) -> tuple[tuple[str, str], ...]:
    """(what, fact) pairs about the network that is chosen, and what it starts from."""
    entry, weights = state.backbone, state.meant
    return (
        (translate("start", "Learnt from"), _source(state)),
        (translate("start", "Accuracy"), _accuracy(state)),
        (translate("start", "Work"), _work(weights, state.size)),
        (translate("start", "Network"), _network(entry)),
        (translate("start", "Licence"), _licence(state)),
        (translate("start", "Paper"), f"{entry.paper} ({entry.year})"),
    )


def _source(state: WizardState) -> str:
    weights, published = state.weights, state.published
    if weights.run is not None:
        own = translate("start", "pictures of yours, as “{0}”").format(Path(weights.run).name)
        if published is None:
            return own
        return translate("start", "{0}; before that {1}").format(own, published.data)
    if published is not None:
        return published.data
    if weights.source == "scratch":
        return translate("start", "nothing yet")
    return translate("start", "what whoever made your file had")


def _accuracy(state: WizardState) -> str:
    weights = state.published
    if weights is None or state.weights.run is not None:
        return translate("start", "not known for everyday photographs")
    if weights.top1 is None:
        return translate(
            "start", "not measured on ImageNet, so it can't be compared with the others here"
        )
    text = translate("start", "{0} % of ImageNet's validation pictures get the right name")
    sentence = text.format(f"{weights.top1:.1f}")
    if weights.top5 is None:
        return sentence
    more = translate("start", "; for {0} % it is among the first five")
    return sentence + more.format(f"{weights.top5:.1f}")


def _work(weights: Weights, size: int) -> str:
    crop = weights.preprocessing.crop
    gflops = weights.gflops * (size / crop) ** 2
    number = f"{gflops:,.{2 if gflops < 1 else 1}f}"
    if size == crop:
        return translate("start", "{0} GFLOPs for one picture").format(number)
    return translate("start", "about {0} GFLOPs for one picture").format(number)


def _network(entry: Backbone) -> str:
    text = translate("start", "{0} million parameters in {1} blocks")
    return text.format(f"{entry.parameters / 1e6:,.1f}", len(entry.stages))


def _licence(state: WizardState) -> str:
    weights = state.published
    if weights is None:
        return translate("start", "that of your file") if state.weights.file else "–"
    if weights.commercial:
        return translate("start", "{0}; commercial use is allowed").format(weights.licence)
    return translate("start", "{0}; not for commercial use").format(weights.licence)


def size_words(own: int, size: int) -> str:
    """What another input size means."""
    if size == own:
        return translate(
            "start",
            "What its weights were made for. Larger shows finer detail, and work and memory grow "
            "with the area.",
        )
    factor = (size / own) ** 2
    number = f"{factor:.1f}" if factor >= 1 else f"{factor:.2f}"
    text = translate("start", "{0} times the work and memory of {1} × {1} pixels.")
    more = (
        translate("start", "It sees finer detail.")
        if size > own
        else translate("start", "It sees less detail.")
    )
    return f"{text.format(number, own)} {more}"
