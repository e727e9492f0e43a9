"""A matrix as data, for ``--json`` and for the page: what cells share is written once."""

from __future__ import annotations

from typing import Any

from envfit.matrix.model import Matrix, MatrixReason

__all__ = ["matrix_data"]

SCHEMA = 1


def matrix_data(matrix: Matrix) -> dict[str, Any]:
    """Return a matrix as plain values; cells name their reasons and remarks by position."""
    reasons: dict[MatrixReason, int] = {}
    remarks: dict[str, int] = {}

    def said(texts: tuple[str, ...]) -> list[int]:
        return [remarks.setdefault(text, len(remarks)) for text in texts]

    cells = []
    for cell in matrix.cells:
        data: dict[str, Any] = {
            "package": cell.package,
            "gpu": cell.gpu,
            "driver": cell.driver,
            "outcome": cell.outcome.value,
            "version": cell.version,
            "reasons": [reasons.setdefault(reason, len(reasons)) for reason in cell.reasons],
        }
        if cell.built:
            data["built"] = True
        for key, texts in (
            ("warnings", cell.warnings),
            ("unproved", cell.unproved),
            ("better", cell.better),
        ):
            if texts:
                data[key] = said(texts)
        cells.append(data)
    return {
        "schema": SCHEMA,
        "day": matrix.day,
        "python": matrix.python,
        "glibc": matrix.glibc,
        "knowledge": matrix.knowledge_version,
        "packages": [
            {"requirement": package.requirement, "name": package.name, "newest": package.newest}
            for package in matrix.packages
        ],
        "gpus": [
            {
                "name": gpu.name,
                "capability": gpu.capability,
                "architecture": gpu.architecture,
                "platform": gpu.platform,
            }
            for gpu in matrix.gpus
        ],
        "drivers": [
            {
                "name": driver.name,
                "version": driver.version,
                "cuda": driver.cuda,
                "supported": driver.supported,
            }
            for driver in matrix.drivers
        ],
        "reasons": [
            {
                "about": reason.about,
                "why": reason.why,
                "rule": reason.rule,
                "evidence": list(reason.evidence),
            }
            for reason in reasons
        ],
        "remarks": list(remarks),
        "cells": cells,
    }
