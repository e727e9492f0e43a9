"""Answers for packages and machines -> the matrix, in which each cell knows whether it is the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from envfit.matrix.answer import Answer
from envfit.matrix.model import (
    Matrix,
    MatrixCell,
    MatrixDriver,
    MatrixGpu,
    MatrixPackage,
    MatrixReason,
    Outcome,
)

__all__ = ["build_matrix"]

_HELD = MatrixReason(
    why="no single reason keeps the newer releases out: together with what they require they fit nothing here"
)


def build_matrix(
    packages: Sequence[tuple[str, str]],
    gpus: Sequence[MatrixGpu],
    drivers: Sequence[MatrixDriver],
    answers: Mapping[tuple[str, str, str], Answer],
    *,
    python: str,
    glibc: str,
    day: str,
    knowledge_version: str,
    solved: int = 0,
    requests: int = 0,
    received: int = 0,
) -> Matrix:
    """Put answers, by requirement, GPU and driver, in their places.

    ``packages`` are requirements as they were written, each with the name of its package.
    The newest release of one is the newest that any answer speaks of.
    """
    shown, cells = [], []
    for requirement, name in packages:
        own = [answers[requirement, gpu.name, driver.name] for gpu in gpus for driver in drivers]
        spoken_of = [one for answer in own for one in (answer.version, answer.newer) if one is not None]
        newest = max((Version(one.public) for one in spoken_of), default=None)
        shown.append(
            MatrixPackage(requirement=requirement, name=name, newest=str(newest) if newest else None)
        )
        for gpu in gpus:
            for driver in drivers:
                answer = answers[requirement, gpu.name, driver.name]
                cells.append(_cell(answer, requirement, gpu.name, driver.name, newest))
    return Matrix(
        packages=tuple(shown),
        gpus=tuple(gpus),
        drivers=tuple(drivers),
        cells=tuple(cells),
        python=python,
        glibc=glibc,
        day=day,
        knowledge_version=knowledge_version,
        solved=solved,
        requests=requests,
        received=received,
    )


def _cell(answer: Answer, package: str, gpu: str, driver: str, newest: Version | None) -> MatrixCell:
    reasons, version = answer.reasons, answer.version
    outcome = answer.refusal or Outcome.NEWEST
    if version is not None and newest is not None and Version(version.public) < newest:
        outcome = Outcome.OLDER
        reasons = reasons or (_HELD,)
    return MatrixCell(
        package=package,
        gpu=gpu,
        driver=driver,
        outcome=outcome,
        version=str(version) if version is not None else None,
        built=answer.built,
        reasons=reasons,
        warnings=answer.warnings,
        unproved=answer.unproved,
        better=answer.better,
    )
