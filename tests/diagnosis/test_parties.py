"""Who called whom, and the libraries that symbols are of."""

from __future__ import annotations

import pytest

from envfit.diagnosis.parties import called_in_line, caller_before, named
from envfit.diagnosis.scene import Scene
from envfit.diagnosis.symbols import library_of_symbol, library_of_version
from envfit.knowledge.log_text import LogText

SITE = "/v/lib/python3.11/site-packages"


def scene(code: str, *files: str, before: str = "") -> Scene:
    frames = "".join(f'  File "{file}", line 3, in f\n    {code}\n' for file in files)
    log = LogText.of(f"{before}Traceback (most recent call last):\n{frames}TypeError: it failed\n")
    made = Scene.of(log, {"pytorch_lightning": "pytorch-lightning"})
    return made.at(made.chains[0].raised[0].first)


def test_what_a_line_calls_is_known_by_its_alias():
    assert (
        called_in_line(scene("t = pl.Trainer(gpus=1)", "/w/a.py"), "Trainer.__init__") == "pytorch-lightning"
    )
    assert called_in_line(scene("t = mine.Trainer(gpus=1)", "/w/a.py"), "Trainer.__init__") is None
    assert called_in_line(scene("t = np.mean(Trainer.x)", "/w/a.py"), "Trainer.__init__") is None


def test_the_caller_is_the_package_before_and_never_the_users_code():
    assert caller_before(scene("x", f"{SITE}/ray/a.py", f"{SITE}/vllm/b.py")) == "ray"
    assert caller_before(scene("x", "/w/a.py", f"{SITE}/vllm/b.py")) is None


def test_a_version_is_named_where_the_log_names_one():
    assert named(scene("x", "/w/a.py", before="accelerate==1.3.0\n"), "accelerate") == "accelerate (1.3.0)"
    both = scene("x", "/w/a.py", before="accelerate==1.3.0\naccelerate-0.9.1\n")
    assert named(both, "accelerate") == "accelerate"


@pytest.mark.parametrize(
    ("symbol", "namespace", "library"),
    [
        ("SSL_get1_peer_certificate", "", "OpenSSL"),
        ("ffi_type_pointer", "", "libffi"),
        ("_ZN2cv3MatC1Ev", "cv", "OpenCV"),
        ("u_strToUTF8_70", "", "ICU"),
        ("foo_bar", "", None),
    ],
)
def test_symbols_of_common_libraries_are_known(symbol: str, namespace: str, library: str | None):
    assert library_of_symbol(symbol, namespace) == library


def test_versions_of_symbols_are_known():
    assert library_of_version("LIBFFI_BASE_7.0") == "libffi"
    assert library_of_version("OTHER_1") is None
