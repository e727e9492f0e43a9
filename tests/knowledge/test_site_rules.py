"""Rules that a site adds to what envfit knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.errors import KnowledgeError
from envfit.knowledge.files import read_files
from envfit.knowledge.load import load_files

CONSTRAINTS = Path(__file__).parents[2] / "constraints"
RULE = """
[[rule]]
id = "torch/our-driver"
constrains = ["__cuda_driver>=580.65.06"]
severity = "warns"
why = "Our nodes are slow with older drivers."
evidence = [{ kind = "measured", source = "our nodes", locator = "benchmark of May", checked = 2026-11-27 }]
"""


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Return a small directory of envfit's own."""
    own = tmp_path / "constraints"
    (own / "packages").mkdir(parents=True)
    (own / "axes").symlink_to(CONSTRAINTS / "axes")
    (own / "hardware").symlink_to(CONSTRAINTS / "hardware")
    (own / "packages" / "torch.toml").write_text(
        'schema = 1\npackage = "torch"\ngpu_builds = true\nimports = ["torch"]\n'
    )
    return own


def site(folder: Path, text: str, place: str = "torch.toml") -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"schema = 1\n{text}")
    return folder


@pytest.mark.parametrize("place", ["torch.toml", "packages/torch.toml"])
def test_they_join_what_is_known(shipped: Path, tmp_path: Path, place: str) -> None:
    rules = site(tmp_path / "rules", f'package = "torch"\ncuda_choice = "__torch_cuda"\n{RULE}', place)
    base = load_files(read_files(shipped, rules))
    (rule,) = base.rules
    assert rule.id == "torch/our-driver"
    assert rule.file == (rules / place).as_posix()
    assert base.packages["torch"].gpu_builds
    assert base.packages["torch"].imports == ("torch",)
    assert base.packages["torch"].cuda_choice == "__torch_cuda"


def test_the_digest_has_no_paths(shipped: Path, tmp_path: Path) -> None:
    one, other = (site(tmp_path / name, f'package = "torch"\n{RULE}') for name in ("one", "other"))
    digests = [read_files(shipped, folder).digest for folder in (one, other)]
    assert digests[0] == digests[1] != read_files(shipped).digest
    site(other, f'package = "torch"\n{RULE}\n# changed')
    assert read_files(shipped, other).digest != digests[0]
    assert read_files(shipped, one, other).digest != read_files(shipped, other, one).digest


@pytest.mark.parametrize(
    ("text", "place", "fault"),
    [
        (f'package = "other"\n{RULE}', "other.toml", "does not begin with other/"),
        ("", "axes/pythons.toml", "axes are envfit's own"),
        ('package = "torch"\ncolour = "red"', "torch.toml", "colour: is not a known key"),
    ],
)
def test_faults_name_their_file(shipped: Path, tmp_path: Path, text: str, place: str, fault: str) -> None:
    rules = site(tmp_path / "rules", text, place)
    with pytest.raises(KnowledgeError) as caught:
        load_files(read_files(shipped, rules))
    assert f"{rules / place}: " in caught.value.message
    assert fault in caught.value.message


def test_ids_of_two_sites_do_not_clash(shipped: Path, tmp_path: Path) -> None:
    folders = [site(tmp_path / name, f'package = "torch"\n{RULE}') for name in ("one", "other")]
    with pytest.raises(KnowledgeError) as caught:
        load_files(read_files(shipped, *folders))
    assert f"is the id of another rule, in {folders[0] / 'torch.toml'}" in caught.value.message


def test_a_folder_that_is_not_there(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError) as caught:
        load_files(read_files(shipped, tmp_path / "none"))
    assert "there is no such folder" in caught.value.message
