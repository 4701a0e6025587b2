"""Owns which function does which job, importing each only when it is asked for."""

from __future__ import annotations

from typing import Any

from tlstudio.jobs import (
    CloserLook,
    DoctorJob,
    DownloadWeights,
    EstimateJob,
    EvaluateJob,
    ExportJob,
    FinishRun,
    IdentifyWeights,
    Job,
    LabelsJob,
    PackWeights,
    PredictJob,
    PreviewJob,
    ResumeRun,
    SampleJob,
    ScanJob,
    TrainRun,
    UnpackWeights,
)
from tlstudio.tasks import Task


def task_for(job: Job) -> Task[Any]:
    """The generator that does `job`. A scan must not wait for torch, so imports are local."""
    if isinstance(job, ScanJob | PreviewJob | LabelsJob | SampleJob | DoctorJob):
        return _light_task(job)
    if isinstance(job, IdentifyWeights | DownloadWeights | PackWeights | UnpackWeights):
        return _weights_task(job)
    if isinstance(job, EstimateJob | TrainRun | ResumeRun | FinishRun):
        return _heavy(_training_task(job))
    return _heavy(_model_task(job))


def _light_task(job: ScanJob | PreviewJob | LabelsJob | SampleJob | DoctorJob) -> Task[Any]:
    if isinstance(job, ScanJob):
        from tlstudio.datasets.scan import scan

        return scan(job)
    if isinstance(job, PreviewJob):
        from tlstudio.datasets.preview import preview

        return preview(job)
    if isinstance(job, LabelsJob):
        from tlstudio.datasets.label_table import write_labels

        return write_labels(job)
    if isinstance(job, SampleJob):
        from tlstudio.datasets.sample import draw_sample

        return draw_sample(job)
    from tlstudio.engine.doctor import examine

    return examine(job)


def _weights_task(
    job: IdentifyWeights | DownloadWeights | PackWeights | UnpackWeights,
) -> Task[Any]:
    if isinstance(job, IdentifyWeights):
        from tlstudio.backbones.identify import identify

        return identify(job)
    if isinstance(job, DownloadWeights):
        from tlstudio.backbones.weights import download_weights

        return download_weights(job)
    from tlstudio.backbones.packs import pack, unpack

    return pack(job) if isinstance(job, PackWeights) else unpack(job)


def _training_task(job: EstimateJob | TrainRun | ResumeRun | FinishRun) -> Task[Any]:
    if isinstance(job, EstimateJob):
        from tlstudio.training.estimating import measure_for

        return measure_for(job)
    from tlstudio.training import train

    if isinstance(job, FinishRun):
        return train.finish(job)
    task = train.train(job) if isinstance(job, TrainRun) else train.resume(job)
    return _awake(task) if job.keep_awake else task


def _awake(task: Task[Any]) -> Task[Any]:
    from tlstudio.training.awake import kept_awake

    with kept_awake():
        return (yield from task)


def _model_task(job: CloserLook | EvaluateJob | PredictJob | ExportJob) -> Task[Any]:
    if isinstance(job, CloserLook):
        from tlstudio.evaluation.closer_look import closer_look

        return closer_look(job)
    if isinstance(job, EvaluateJob):
        from tlstudio.evaluation.evaluate import evaluate

        return evaluate(job)
    if isinstance(job, PredictJob):
        from tlstudio.evaluation.predict import predict

        return predict(job)
    from tlstudio.exporting.export import export

    return export(job)


def _heavy(task: Task[Any]) -> Task[Any]:
    """Runs a task of the network: memory is kept between its batches, and a lack of it said."""
    from tlstudio.training.devices import keep_freed_memory, memory_errors

    keep_freed_memory()
    with memory_errors("Close other programs, or choose the CPU as the device."):
        return (yield from task)
