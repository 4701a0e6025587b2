"""Every heavy task says in a sentence that memory did not suffice."""

from __future__ import annotations

import pytest
import torch

from tlstudio.engine.runner import task_for
from tlstudio.errors import TLStudioError
from tlstudio.evaluation import evaluate, predict
from tlstudio.jobs import EvaluateJob, Job, PredictJob
from tlstudio.tasks import Task


def _too_large(_job: object) -> Task[None]:
    torch.empty(2**55)
    yield from ()


@pytest.mark.parametrize(
    "job", [EvaluateJob(run="a run"), PredictJob(model="a run", inputs=("a picture",))]
)
def test_a_lack_of_memory_while_a_model_is_used_is_a_sentence(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "evaluate", _too_large)
    monkeypatch.setattr(predict, "predict", _too_large)
    with pytest.raises(TLStudioError, match="not enough memory"):
        next(task_for(job))
