"""A finding of each kind in a prefix made for it, and none where nothing is wrong."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from envfit.api import TargetRequest, check_prefix
from envfit.api.checking_prefix import current_prefix
from envfit.api.knowing import load_knowledge
from envfit.api.promised import promised
from envfit.doctor.finding import Finding, Severity, Stage
from envfit.doctor.kinds import KINDS
from envfit.doctor.report import Answer, Report
from envfit.errors import InputError, TargetError
from envfit.install.record import Overridden, Record, write_record
from envfit.installed.read import read_environment
from envfit.knowledge.hardware import named_target
from envfit.knowledge.query import Query
from envfit.lock.refusal import Unproved
from envfit.target import FactState
from tests.installed.prefixes import conda, put, site, system, venv

#: The stages that read; the Python of these prefixes is none that could be run.
READING = frozenset({Stage.FILES, Stage.METADATA, Stage.KNOWLEDGE})
FLASH = {"flash_attn/__init__.py": b"import flash_attn_2_cuda\n"}
EXTENSION = {"flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so": b"\x7fELF"}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return venv(tmp_path / "env")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "ENVFIT_CACHE_DIR": str(tmp_path / "cache"), "PATH": "/usr/bin"}


def report(
    prefix: Path, environ: dict[str, str], *gpus: str, driver: str | None = None, quick: bool = False
) -> Report:
    target = TargetRequest(gpus=gpus or ("none",), driver=driver)
    return check_prefix(prefix, target=target, environ=environ, quick=quick, stages=READING)


def codes(found: Report) -> list[str]:
    return [finding.kind.code for finding in found.findings]


def only(found: Report) -> Finding:
    assert len(found.findings) == 1, [str(finding) for finding in found.findings]
    return found.findings[0]


def test_a_clean_environment_has_no_findings(prefix, environ):
    put(
        site(prefix), "app", requires=["lib>=1", 'backport; python_version < "3.9"', 'extra; extra == "more"']
    )
    put(site(prefix), "lib", "1.2", installer="uv")
    put(site(prefix), "part-one", files={"space/one/__init__.py": b"", "LICENSE": b"1"})
    put(
        site(prefix),
        "part-two",
        files={"space/two/__init__.py": b"", "tests/__init__.py": b"", "LICENSE": b"2"},
    )
    put(site(prefix), "part-three", files={"tests/__init__.py": b"other"})
    found = report(prefix, environ)
    assert found.findings == ()
    assert found.answer is Answer.YES
    assert found.stages == (Stage.FILES, Stage.METADATA, Stage.KNOWLEDGE)
    assert report(prefix, environ, quick=True).findings == ()


def test_the_same_file_with_the_same_contents_is_shared_without_harm(prefix, environ):
    put(site(prefix), "nvidia-one", files={"nvidia/__init__.py": b"", "nvidia/one/__init__.py": b""})
    put(site(prefix), "nvidia-two", files={"nvidia/__init__.py": b"", "nvidia/two/__init__.py": b""})
    assert report(prefix, environ).findings == ()


# -- files --------------------------------------------------------------------


def test_what_an_interrupted_pip_left(prefix, environ):
    (site(prefix) / "~orch").mkdir()
    finding = only(report(prefix, environ))
    assert (finding.kind.code, finding.severity) == ("half-removed", Severity.WARNS)
    (remedy,) = finding.remedies
    assert remedy.is_reversible
    assert remedy.moves == (str(site(prefix) / "~orch"),)


def test_doubled_metadata_and_whose_files_are_there(prefix, environ):
    put(site(prefix), "demo", "1.0", files={"demo/__init__.py": b"old"})
    put(site(prefix), "demo", "2.0", files={"demo/__init__.py": b"new!"})
    finding = only(report(prefix, environ))
    assert finding.kind.code == "doubled-metadata"
    assert finding.text == "demo is there twice, as 1.0 and 2.0; the files are those of 2.0."
    assert finding.remedies[0].moves == (str(site(prefix) / "demo-1.0.dist-info"),)
    quick = only(report(prefix, environ, quick=True))
    assert "was not compared" in quick.text
    assert not any(remedy.moves for remedy in quick.remedies)


def test_metadata_without_record_and_without_metadata(prefix, environ):
    (put(site(prefix), "one") / "RECORD").unlink()
    (put(site(prefix), "two") / "METADATA").unlink()
    found = report(prefix, environ)
    # That METADATA is missing is told once, and not as a missing file too.
    assert codes(found) == ["no-record", "no-metadata"]
    assert found.answer is Answer.YES


def test_a_package_whose_metadata_alone_is_damaged_is_installed_again(prefix, environ):
    for name in ("one", "two"):
        put(site(prefix), name, files={f"{name}/__init__.py": b""}, installer="uv")
    (site(prefix) / "one-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00")
    shutil.rmtree(site(prefix) / "two")
    (site(prefix) / "two-1.0.dist-info" / "METADATA").unlink()
    found = [finding for finding in report(prefix, environ).findings if finding.kind.code == "no-metadata"]
    assert [finding.subject for finding in found] == [("one 1.0",), ("two 1.0",)]
    whole, rest = (finding.remedies[0] for finding in found)
    assert whole.commands[0][-2:] == ("one", "one==1.0")
    assert not whole.moves
    assert rest.moves == (str(site(prefix) / "two-1.0.dist-info"),)


def test_pip_is_to_remove_nothing_whose_record_is_gone(prefix, environ):
    put(site(prefix), "pip", installer="pip")
    (put(site(prefix), "one", installer="pip") / "RECORD").unlink()
    (command,) = only(report(prefix, environ)).remedies[0].commands
    assert command[-3:] == ("--ignore-installed", "--no-deps", "one==1.0")


def test_an_environment_whose_python_is_gone(prefix, environ):
    put(site(prefix), "one")
    (prefix / "bin" / "python").unlink()
    (prefix / "bin" / "python").symlink_to("/nowhere/python")
    there = report(prefix, environ)
    assert codes(there) == ["no-interpreter"]
    assert there.answer is Answer.UNKNOWN  # of the machine that is named, nobody knows what is there
    here = check_prefix(prefix, environ=environ, quick=True, stages=READING)
    assert only(here).measured == (f"{prefix}/bin/python: it leads to /nowhere/python",)
    assert here.answer is Answer.NO


def test_an_environment_whose_python_does_not_start(prefix, environ):
    (prefix / "bin" / "python").write_text("#!/bin/sh\necho no encodings >&2\nexit 1\n")
    (prefix / "bin" / "python").chmod(0o755)
    found = check_prefix(prefix, environ=environ, stages=frozenset({Stage.IMPORTS}))
    assert "does not start: no encodings" in only(found).text
    assert found.answer is Answer.NO
    assert [item.stage for item in found.skipped] == [Stage.IMPORTS]


def test_an_environment_whose_python_was_replaced_by_another_version(prefix, environ):
    put(site(prefix), "one", files={"one/__init__.py": b""})
    (prefix / "bin" / "python").write_text("#!/bin/sh\necho 3.12\n")
    (prefix / "bin" / "python").chmod(0o755)
    found = check_prefix(prefix, environ=environ, stages=frozenset({Stage.IMPORTS}))
    assert "is Python 3.12 by now, and what is installed is for 3.11" in only(found).text
    assert found.answer is Answer.NO


def test_a_record_and_a_pth_file_that_are_damaged(prefix, environ):
    (put(site(prefix), "one") / "RECORD").write_text(f"{'a' * 300_000},,\n")
    (site(prefix) / "x.pth").write_text("b" * 5000)
    assert codes(report(prefix, environ)) == ["dead-path"]


def test_a_missing_root_breaks_and_a_missing_document_warns(prefix, environ):
    files = {"demo/__init__.py": b"", "demo/deep/part.py": b"", "demo/notes.txt": b""}
    for name in ("demo", "other"):
        put(site(prefix), name, files={path.replace("demo", name): data for path, data in files.items()})
    (site(prefix) / "demo/__init__.py").unlink()
    (site(prefix) / "other/notes.txt").unlink()
    found = report(prefix, environ)
    assert codes(found) == ["missing-files", "missing-files"]
    assert [(item.severity, item.text) for item in found.findings] == [
        (Severity.BREAKS, "One file of demo 1.0 is missing: demo/__init__.py."),
        (Severity.WARNS, "One file of other 1.0 is missing: other/notes.txt."),
    ]
    assert found.answer is Answer.NO


def test_altered_files_are_named(prefix, environ):
    put(site(prefix), "demo", files={"demo/__init__.py": b"a = 1", "demo/b.py": b"b"})
    (site(prefix) / "demo/__init__.py").write_bytes(b"a = 2")
    finding = only(report(prefix, environ))
    assert (finding.kind.code, finding.measured) == ("altered-files", ("demo/__init__.py",))
    assert report(prefix, environ, quick=True).findings == ()


def test_two_packages_with_the_same_files_and_the_rule_about_them(prefix, environ):
    put(site(prefix), "opencv-python", "5.0.0.93", files={"cv2/__init__.py": b"gui"})
    put(site(prefix), "opencv-python-headless", "5.0.0.93", files={"cv2/__init__.py": b"none"})
    finding = only(report(prefix, environ))
    assert finding.kind.code == "shared-files"
    assert "both install cv2, with other contents; what is there is opencv-python-headless's" in finding.text
    assert finding.because is not None and finding.because.rule == "opencv-python/one-opencv"
    keep, other = finding.remedies
    assert keep.text == "Keep opencv-python-headless, and remove opencv-python."
    assert [str(change) for change in keep.changes] == [
        "- opencv-python 5.0.0.93",
        "- opencv-python-headless 5.0.0.93\n+ opencv-python-headless 5.0.0.93",
    ]
    assert other.text == "Keep opencv-python, and remove opencv-python-headless."


def test_of_two_packages_the_one_that_is_required_is_kept(prefix, environ):
    put(site(prefix), "s3prl", "0.4.18", files={"s3prl/__init__.py": b"1"})
    put(site(prefix), "espnet-s3prl", "2026.5.14", files={"s3prl/__init__.py": b"2"})
    put(site(prefix), "recipe", requires=["s3prl"])
    put(site(prefix), "torchaudio", "2.8.0")
    finding = only(report(prefix, environ))
    assert [remedy.text for remedy in finding.remedies] == ["Keep s3prl, and remove espnet-s3prl."]


def test_a_module_and_a_package_of_one_name(prefix, environ):
    put(site(prefix), "one", files={"same.py": b""})
    put(site(prefix), "two", files={"same/__init__.py": b""})
    finding = only(report(prefix, environ))
    assert (finding.kind.code, finding.measured) == ("shared-files", ("same.py",))


def test_editable_project_gone_is_told_once(prefix, environ, tmp_path):
    folder = put(site(prefix), "demo", files={"demo.pth": f"{tmp_path}/src/demo\n".encode()})
    url = (tmp_path / "src").as_uri()
    (folder / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))
    found = report(prefix, environ)
    assert codes(found) == ["editable-gone"]
    assert found.answer is Answer.NO


def test_a_pth_file_that_points_nowhere(prefix, environ, tmp_path):
    (site(prefix) / "easy.pth").write_text(f"{tmp_path}/nowhere\n")
    finding = only(report(prefix, environ))
    assert finding.kind.code == "dead-path"
    assert finding.remedies[0].moves == (str(site(prefix) / "easy.pth"),)
    (site(prefix) / "easy.pth").write_text(f"{tmp_path}/nowhere\nimport os\n")
    assert only(report(prefix, environ)).remedies[0].commands == ()


def test_a_package_of_the_user_that_hides_that_of_the_environment(environ, tmp_path):
    prefix = conda(tmp_path / "kept")
    own = Path(environ["HOME"], ".local/lib/python3.11/site-packages")
    own.mkdir(parents=True)
    put(site(prefix), "numpy", "2.0.0")
    put(own, "numpy", "1.26.4")
    finding = only(report(prefix, environ))
    assert finding.kind.code == "shadowed"
    assert finding.text.startswith("numpy 1.26.4 in ")
    assert "PYTHONNOUSERSITE=1" in finding.remedies[0].text
    assert report(prefix, {**environ, "PYTHONNOUSERSITE": "1"}).findings == ()


def test_a_directory_without_code(prefix, environ):
    (site(prefix) / "flash_attn/__pycache__").mkdir(parents=True)
    assert only(report(prefix, environ)).kind.code == "hollow-package"


# -- metadata -----------------------------------------------------------------


def test_missing_and_wrong_requirements(prefix, environ):
    put(site(prefix), "app", requires=["lib>=2", "gone[fast]~=1.0", "numpy<2"])
    put(site(prefix), "lib", "1.0")
    put(site(prefix), "numpy", "2.4.0")
    put(site(prefix), "other", requires=["numpy>=1.20"])
    found = report(prefix, environ)
    assert [finding.text for finding in found.findings] == [
        "gone is not installed, and app 1.0 requires gone[fast]~=1.0.",
        "lib 1.0 is installed, and app 1.0 requires lib>=2.",
        "numpy 2.4.0 is installed, and app 1.0 requires numpy<2.",
    ]
    assert codes(found) == ["missing-requirement", "wrong-version", "wrong-version"]
    assert found.answer is Answer.NO
    assert found.findings[0].remedies[0].commands[0][-1] == "gone[fast]~=1.0"
    install = found.findings[2].remedies[0]
    # What all ask for, together.
    assert install.commands[0][-1] == "numpy>=1.20,<2"
    assert str(install.changes[0]) == "- numpy 2.4.0\n+ numpy >=1.20,<2"


def test_what_is_asked_for_from_an_address_is_not_taken_from_an_index(prefix, environ):
    put(site(prefix), "app", requires=["lib @ https://index.example/lib-1.0.tar.gz"])
    first = only(report(prefix, environ)).remedies[0]
    assert first.commands == ()
    assert "https://index.example/lib-1.0.tar.gz" in first.text


def test_extras_count_where_somebody_asks_for_them(prefix, environ):
    put(site(prefix), "app", requires=["lib[fast]"])
    put(site(prefix), "lib", extras={"fast": ["speed"], "slow": ["nothing"]})
    finding = only(report(prefix, environ))
    assert (finding.kind.code, finding.subject) == ("missing-requirement", ("speed",))


def test_markers_are_those_of_the_environments_python(environ, tmp_path):
    old = venv(tmp_path / "old", python="3.8.18")
    put(site(old), "app", requires=['backport; python_version < "3.9"'])
    assert codes(report(old, environ)) == ["missing-requirement"]


def test_a_package_for_another_python(prefix, environ):
    put(site(prefix), "app", requires_python=">=3.12")
    finding = only(report(prefix, environ))
    assert finding.kind.code == "wrong-python"
    assert finding.text == "app 1.0 requires Python >=3.12, and this is 3.11.9."
    assert finding.remedies[0].is_reversible


def test_a_bound_on_patches_says_nothing_where_only_the_minor_version_is_known(environ, tmp_path):
    prefix = system(tmp_path / "python")
    put(site(prefix), "app", requires_python=">=3.11.4")
    assert report(prefix, environ).findings == ()


def test_metadata_that_is_malformed(prefix, environ):
    text = b"Metadata-Version: 2.1\nName: demo\nVersion: final!\nRequires-Dist: not a requirement\n"
    put(site(prefix), "demo", metadata=text)
    found = report(prefix, environ)
    assert codes(found) == ["bad-metadata", "bad-metadata"]
    assert found.answer is Answer.YES


# -- knowledge ----------------------------------------------------------------


def test_flash_attn_without_its_extension(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.3", files=FLASH)
    put(site(prefix), "pip", "25.0")
    found = report(prefix, environ, "V100")
    # That it would not run on a V100 in any case is another finding.
    assert codes(found) == ["missing-extension", "cannot-work"]
    finding = found.findings[0]
    assert finding.severity is Severity.BREAKS
    assert "without its compiled extension flash_attn_2_cuda" in finding.text
    assert any("py3-none-any" in line for line in finding.measured)
    assert finding.because is not None and "flash_attn-2.8.3.post2.tar.gz" in " ".join(
        finding.because.evidence
    )
    removal, forgetting = finding.remedies
    assert removal.commands == (
        (str(prefix / "bin/python"), "-m", "pip", "uninstall", "--yes", "flash-attn"),
    )
    assert forgetting.commands[0][-3:] == ("cache", "remove", "flash_attn")
    assert report(prefix, environ, "V100", quick=True).findings == found.findings


def test_flash_attn_with_its_extension(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.3", files={**FLASH, **EXTENSION}, tags="cp311-cp311-linux_x86_64")
    assert "missing-extension" not in codes(report(prefix, environ, "H100"))


def test_what_others_require_is_not_simply_removed(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.3", files=FLASH)
    put(site(prefix), "app", requires=["flash-attn"])
    finding = report(prefix, environ, "H100").findings[0]
    assert finding.kind.code == "missing-extension"
    assert finding.remedies[0].commands == ()
    assert "required by app 1.0" in finding.remedies[0].text


def test_a_package_that_needs_a_gpu_is_open_unless_somebody_says_that_there_is_none(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.3", files={**FLASH, **EXTENSION})
    found = report(prefix, environ, "none")
    assert [finding.text for finding in found.findings] == [
        "flash-attn 2.8.3: it needs a GPU, and the target has none."
    ]
    assert found.answer is Answer.NO


def test_where_no_gpu_is_named_and_none_is_here_it_is_open(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.2", files={**FLASH, **EXTENSION})
    put(site(prefix), "plain")
    # conda's way to say that there is none, so that this test needs no certain machine.
    found = check_prefix(prefix, environ={**environ, "CONDA_OVERRIDE_CUDA": ""}, stages=READING)
    finding = only(found)
    assert (finding.kind.code, finding.severity) == ("gpu-unknown", Severity.OPEN)
    assert finding.subject == ("flash-attn 2.8.2",)
    assert any("capability 8.0 and newer" in line for line in finding.measured)
    assert found.answer is Answer.UNKNOWN
    shutil.rmtree(site(prefix) / "flash_attn-2.8.2.dist-info")
    again = check_prefix(prefix, environ={**environ, "CONDA_OVERRIDE_CUDA": ""}, stages=READING)
    assert again.findings == ()


def test_gpu_code_that_nobody_has_read_is_open_in_a_quick_check(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.2", files={**FLASH, **EXTENSION})
    finding = only(report(prefix, environ, "H100", quick=True))
    assert (finding.kind.code, finding.severity) == ("code-unread", Severity.OPEN)


def test_what_works_badly_is_a_warning(prefix, environ):
    put(site(prefix), "triton", "3.4.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    found = report(prefix, environ, "V100")
    assert codes(found) == ["works-badly"]
    assert found.answer is Answer.YES


def test_two_packages_that_a_rule_keeps_apart(prefix, environ):
    put(site(prefix), "s3prl", "0.4.18", files={"s3prl/__init__.py": b""})
    put(site(prefix), "torchaudio", "2.11.0", tags="cp311-cp311-manylinux_2_28_x86_64")
    found = report(prefix, environ)
    finding = next(item for item in found.findings if item.because and item.because.rule)
    assert finding.kind.code == "cannot-work"
    assert finding.because is not None and finding.because.rule.startswith("s3prl/")
    assert finding.because.evidence


def test_of_several_that_must_agree_with_torch_the_one_that_does_not_is_blamed(prefix, environ):
    files = {"torch/__init__.py": b"", "torch/version.py": b"cuda: Optional[str] = '12.8'\n"}
    tags = "cp311-cp311-manylinux_2_28_x86_64"
    put(site(prefix), "torch", "2.8.0", files=files, tags=tags)
    put(site(prefix), "torchvision", "0.23.0", tags=tags)
    put(site(prefix), "torchaudio", "2.11.0", tags=tags)
    blamed = {text for finding in report(prefix, environ, "H100").findings for text in finding.subject}
    assert blamed == {"torchaudio 2.11.0"}


def test_torch_and_a_driver_that_is_too_old_for_its_cuda_runtime(prefix, environ):
    files = {
        "torch/__init__.py": b"",
        "torch/version.py": b"__version__ = '2.8.0'\ncuda: Optional[str] = '12.8'\n",
    }
    put(site(prefix), "torch", "2.8.0", files=files, tags="cp311-cp311-manylinux_2_28_x86_64")
    found = report(prefix, environ, "A100", driver="470.57.02")
    finding = only(found)
    assert finding.because is not None and finding.because.rule == "cuda/12-driver"
    assert finding.remedies[0].text.startswith("Install an NVIDIA driver >=525.60.13")
    assert report(prefix, environ, "A100", driver="580.65.06").findings == ()


def test_a_build_without_cuda_is_told_by_torchs_own_file(prefix, environ):
    files = {"torch/__init__.py": b"", "torch/version.py": b"cuda: Optional[str] = None\n"}
    put(site(prefix), "torch", "2.8.0", files=files, tags="cp311-cp311-manylinux_2_28_x86_64")
    finding = only(report(prefix, environ, "A100"))
    assert finding.because is not None and finding.because.rule == "torch/no-gpu-code"
    assert report(prefix, environ, "none").findings == ()


def test_a_rule_that_is_switched_off(prefix, environ):
    put(site(prefix), "flash-attn", "2.8.2", files={**FLASH, **EXTENSION})
    target = TargetRequest(gpus=("V100",))
    rule = "flash-attn/ampere-or-newer"
    loud = check_prefix(prefix, target=target, environ=environ, quick=True)
    quiet = check_prefix(prefix, target=target, environ=environ, quick=True, ignore_rules=[rule])
    assert rule in {item.because.rule for item in loud.findings if item.because}
    assert rule not in {item.because.rule for item in quiet.findings if item.because}


def test_a_driver_without_a_gpu_is_refused(prefix, environ):
    with pytest.raises(TargetError, match="--driver describes a named target"):
        check_prefix(prefix, target=TargetRequest(driver="535"), environ=environ)


LOCK = """\
lock-version = "1.0"
created-by = "envfit"
[[packages]]
name = "kept"
version = "1.0"
wheels = [{ url = "https://index.example/kept-1.0-py3-none-any.whl", hashes = { sha256 = "00" } }]
[[packages]]
name = "swapped"
version = "1.0"
wheels = [{ url = "https://index.example/swapped-1.0-py3-none-any.whl", hashes = { sha256 = "00" } }]
[[packages]]
name = "dropped"
version = "1.0"
wheels = [{ url = "https://index.example/dropped-1.0-py3-none-any.whl", hashes = { sha256 = "00" } }]
"""


def test_what_changed_since_envfit_installed_it(environ, tmp_path):
    version = venv(tmp_path / ".asr.envfit" / "0001")
    (version / "pylock.toml").write_text(LOCK)
    (tmp_path / "asr").symlink_to(".asr.envfit/0001")
    put(site(version), "kept", installer="uv")
    put(site(version), "swapped", "2.0", installer="pip")
    put(site(version), "new", installer="pip")
    finding = only(report(tmp_path / "asr", environ))
    assert finding.kind.code == "changed-since-install"
    assert (
        finding.text
        == "Since envfit installed this environment: removed dropped 1.0; replaced swapped 1.0 by 2.0, by pip; added new 1.0, by pip."
    )
    assert finding.measured == (
        "removed dropped 1.0",
        "replaced swapped 1.0 by 2.0, by pip",
        "added new 1.0, by pip",
    )
    assert finding.remedies[0].commands[0][:2] == ("envfit", "install")


def test_what_was_overridden_and_what_was_open_when_envfit_installed_it(environ, tmp_path):
    version = venv(tmp_path / ".asr.envfit" / "0001")
    wheel = "nvidia_cublas-13.2.1.1-py3-none-manylinux_2_27_x86_64.whl"
    lock = LOCK.partition("[[packages]]")[0] + (
        '[[packages]]\nname = "nvidia-cublas"\nversion = "13.2.1.1"\n'
        f'wheels = [{{ url = "https://index.example/{wheel}", hashes = {{ sha256 = "{"0" * 64}" }} }}]\n'
    )
    (version / "pylock.toml").write_text(lock)
    (tmp_path / "asr").symlink_to(".asr.envfit/0001")
    put(site(version), "nvidia-cublas", "13.2.1.1", installer="uv")
    reason = Overridden(packages=("nvidia-cublas 13.2.1.1",), why="It has no code for it.", rule="a/rule")
    waits = Unproved(fact="GPU", state=FactState.ABSENT, bounds="capability 7.5 to 12.0")
    write_record(version, Record(conditions=(waits,), overridden=(reason,)))
    found = report(tmp_path / "asr", environ, "V100", driver="580.95.05")
    by_code = {finding.kind.code: finding for finding in found.findings}
    forced = by_code["installed-by-force"]
    assert forced.severity is Severity.WARNS
    assert forced.measured == ("nvidia-cublas 13.2.1.1: It has no code for it. [a/rule]",)
    note = "refuted here, and open when it was installed (GPU absent): capability 7.5 to 12.0"
    assert note in found.notes
    # The rule that refutes it is told once: by itself where something else has not told it yet.
    rules = [finding.because.rule for finding in found.findings if finding.because is not None]
    assert sorted(rules) == sorted(set(rules))
    assert found.answer is Answer.NO
    query = Query(load_knowledge(), named_target(load_knowledge(), ["V100"], driver="580.95.05"))
    refuted = promised(read_environment(tmp_path / "asr", environ), query, told=()).findings
    assert {finding.kind.code for finding in refuted} == {"condition-refuted", "installed-by-force"}


def test_a_version_that_another_program_made_anew_is_named(environ, tmp_path):
    version = venv(tmp_path / ".asr.envfit" / "0001")  # no lock in it
    (tmp_path / "asr").symlink_to(".asr.envfit/0001")
    put(site(version), "new", installer="uv")
    finding = only(report(tmp_path / "asr", environ))
    assert finding.kind.code == "made-anew"
    assert f"envfit install LOCK --prefix {tmp_path / 'asr'}" in finding.remedies[0].text
    other = venv(tmp_path / ".asr.envfit" / "mine")
    assert report(other, environ).findings == ()


# -- whose tool ---------------------------------------------------------------


def test_remedies_are_in_the_words_of_the_tool_that_installed(environ, tmp_path):
    by_uv = venv(tmp_path / "by-uv")
    put(site(by_uv), "app", requires=["lib>=2"], installer="uv")
    put(site(by_uv), "lib", installer="uv")
    assert only(report(by_uv, environ)).remedies[0].commands == (
        ("uv", "pip", "install", "--python", str(by_uv / "bin/python"), "lib>=2"),
    )
    by_conda = conda(tmp_path / "by-conda", revisions=4)
    put(site(by_conda), "app", requires=["lib>=2"], installer="conda")
    put(site(by_conda), "lib", installer="conda")
    remedy = only(report(by_conda, environ)).remedies[0]
    assert remedy.commands == (("conda", "install", "--prefix", str(by_conda), "--yes", "lib>=2"),)
    assert remedy.undo == (("conda", "install", "--prefix", str(by_conda), "--yes", "--revision", "3"),)
    put(site(by_conda), "pip", "25.0", installer="conda")
    shutil.rmtree(site(by_conda) / "lib-1.0.dist-info")
    put(site(by_conda), "lib", "1.1", installer="pip")
    remedy = only(report(by_conda, environ)).remedies[0]
    assert remedy.commands[0][:4] == (str(by_conda / "bin/python"), "-m", "pip", "install")


def test_what_a_system_owns_is_left_to_a_person(environ, tmp_path):
    prefix = system(tmp_path / "usr", managed=True)
    put(site(prefix), "app", requires=["lib"])
    finding = only(report(prefix, environ))
    assert [remedy.commands for remedy in finding.remedies] == [()] * len(finding.remedies)


def test_every_kind_is_shown_by_a_test_and_has_a_cause_and_a_remedy():
    text = Path(__file__).read_text(encoding="utf-8")
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind.cause.endswith(".") and kind.remedy.endswith(".")
        if kind.stage in {Stage.FILES, Stage.METADATA, Stage.KNOWLEDGE}:
            assert f'"{kind.code}"' in text, kind.code


def test_a_gpu_that_cannot_be_read_leaves_it_open_and_says_why(prefix, environ, monkeypatch):
    from dataclasses import replace

    import envfit.detect
    from envfit.target import CUDA, Fact, FactState

    machine = envfit.detect.detect(environ={**environ, "CONDA_OVERRIDE_CUDA": ""})
    hidden = Fact(name=CUDA, state=FactState.UNKNOWN, source="NVML may not be read")
    facts = (hidden, *(fact for fact in machine.target.facts if fact.name != CUDA))
    found = replace(machine.target, facts=facts)
    monkeypatch.setattr(envfit.detect, "detect", lambda **_: replace(machine, target=found))
    put(site(prefix), "flash-attn", "2.8.2", files={**FLASH, **EXTENSION})
    report_of_it = check_prefix(prefix, environ=environ, stages=READING)
    text = " ".join(finding.text for finding in report_of_it.findings)
    assert "the GPU of this machine cannot be read (NVML may not be read)" in text
    assert report_of_it.answer is Answer.UNKNOWN


def test_the_current_environment_is_the_active_one_and_never_envfits_own(tmp_path):
    own = Path(sys.prefix)
    active = venv(tmp_path / "active")
    assert current_prefix({"VIRTUAL_ENV": str(active), "CONDA_PREFIX": "/other"}) == active
    assert current_prefix({"CONDA_PREFIX": str(active)}) == active
    on_path = venv(tmp_path / "on-path")
    (on_path / "bin" / "python3").write_bytes(b"\x7fELF")
    (on_path / "bin" / "python3").chmod(0o755)
    assert current_prefix({"PATH": f"{own / 'bin'}:{on_path / 'bin'}"}) == on_path
    with pytest.raises(InputError, match="no environment is active"):
        current_prefix({"PATH": str(own / "bin")})


def test_a_shim_is_asked_where_its_python_is(tmp_path):
    shim = tmp_path / "shims" / "python3"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "{tmp_path}/real"\n')
    shim.chmod(0o755)
    assert current_prefix({"PATH": f"{shim.parent}:/usr/bin:/bin"}) == tmp_path / "real"


def test_an_environment_here_that_is_not_active_is_named(tmp_path, monkeypatch):
    venv(tmp_path / ".venv")
    active = venv(tmp_path / "active")
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    environ = {"VIRTUAL_ENV": str(active), "HOME": str(tmp_path), "PATH": "/usr/bin"}
    report = check_prefix(None, environ=environ, stages=frozenset({Stage.METADATA}), notify=told.append)
    assert Path(report.subject) == active
    assert "the environment that is active is checked, and .venv is not: envfit check .venv" in told
