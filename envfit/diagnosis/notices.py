"""Warnings of Python code that tell of the future or of speed, and break nothing now."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, sign_of
from envfit.knowledge.symptom import SymptomRank

__all__ = ["SIGNS"]

_CAUSE = (
    "A package warns of what it uses and what will be removed or changed in a later release ({what}). It is "
    "harmless: nothing fails of it now."
)

SIGNS: tuple[Sign, ...] = (
    sign_of(
        m.LEFT_ALONE,
        r"(?:FutureWarning|DeprecationWarning|PendingDeprecationWarning|VisibleDeprecationWarning): "
        r"(?P<what>[^\n]{0,160})",
        r"UserWarning: (?P<what>[^\n]{0,120}(?:is deprecated|are deprecated|slated for removal|will be "
        r"removed)[^\n]{0,60})",
        r"DeprecatedWarning: (?P<what>[^\n]{0,160})",
        cause=_CAUSE,
        remedies=("Nothing; a newer release of the package that warns mostly ends it.",),
        rank=SymptomRank.HARMLESS,
    ),
    sign_of(
        m.LEFT_ALONE,
        r"TensorFloat32 tensor cores[^\n]{0,80}available but not enabled[^\n]*",
        r"set_float32_matmul_precision\('medium' \| 'high'\)[^\n]*",
        r"You are using a CUDA device \('[^'\n]+'\) that has Tensor Cores[^\n]*",
        cause="torch tells of a setting that would make it faster (TensorFloat32). It is harmless.",
        rank=SymptomRank.HARMLESS,
    ),
    sign_of(
        m.LEFT_ALONE,
        r"Failed to launch Triton kernels, likely due to missing CUDA toolkit[^\n]*",
        cause=(
            "whisper cannot use its Triton kernels (no CUDA toolkit or no Triton that fits) and takes a "
            "slower way for "
            "the times of words. It is harmless."
        ),
        rank=SymptomRank.HARMLESS,
    ),
    sign_of(
        m.LEFT_ALONE,
        r"oneDNN custom operations are on[^\n]*",
        r"[^\n]{0,40}resume_download` is deprecated[^\n]*",
        r"Special tokens have been added in the vocabulary[^\n]*",
        r"The attention mask and the pad token id were not set[^\n]*",
        r"Some weights of \w+ were not initialized from the model checkpoint[^\n]*",
        cause="A notice of how a program works, which breaks nothing. It is harmless.",
        rank=SymptomRank.HARMLESS,
    ),
)
