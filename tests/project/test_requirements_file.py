"""Requirements files, in the form that pip reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.errors import FileError, ProjectError
from envfit.project.requirements_file import join_lines, read_requirements_file


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> str:
    with pytest.raises(ProjectError) as caught:
        read_requirements_file(path)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a\n\n# c\nb", [(1, "a"), (4, "b")]),
        ("a # c\nb#c", [(1, "a"), (2, "b#c")]),
        ("a \\\n  >=1\nb", [(1, "a   >=1"), (3, "b")]),
        ("a \\\n# c\nb", [(1, "a"), (3, "b")]),
        ("a \\", [(1, "a")]),
        ("  # c\n\n\n  a  ", [(4, "a")]),
    ],
)
def test_lines(text: str, lines: list[tuple[int, str]]) -> None:
    assert list(join_lines(text)) == lines


def test_everything_that_a_file_may_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "base.txt", "numpy\n-c bounds.txt\n")
    write(tmp_path / "more" / "bounds.txt", "numpy<3\n")
    path = write(
        tmp_path / "requirements.txt",
        "\ufeff# made by hand\r\n"
        "-r more/base.txt\r\n"
        "--index-url https://me:${TOKEN}@index.example/simple --pre\r\n"
        "--extra-index-url=https://other.example/simple\r\n"
        'torch >=2.4 ; sys_platform == "linux"  # the usual\r\n'
        "einops==0.8.0 \\\r\n"
        "    --hash=sha256:aa \\\r\n"
        "    --hash=sha256:bb\r\n",
    )
    project = read_requirements_file(path)
    assert [(one.text, one.where) for one in project.requirements] == [
        ("numpy", f"{tmp_path}/more/base.txt line 1"),
        ('torch >=2.4 ; sys_platform == "linux"', f"{path} line 5"),
        ("einops==0.8.0", f"{path} line 6"),
    ]
    assert [(one.text, one.where) for one in project.constraints] == [
        ("numpy<3", f"{tmp_path}/more/bounds.txt line 1")
    ]
    assert project.settings.index_url == "https://me:s3cret@index.example/simple"
    assert project.settings.extra_index_urls == ("https://other.example/simple",)
    assert project.settings.pre
    assert project.notes == (
        (
            f"{path}: the hashes of 1 requirement are not used; "
            "the lock records those of the files that it chooses"
        ),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-e .", "-e"),
        ("./torch", "'./torch' is a path at which there is nothing"),
        ("--find-links wheels", "--find-links is not supported yet"),
        ("-f wheels", "--find-links is not supported yet"),
        ("--no-binary :all:", "--no-binary is not supported yet"),
        ("--hash=sha256:aa", "--hash is not supported yet"),
        ("torch --config-settings x=y", "--config-settings is not supported yet"),
        ("-r https://files.example/more.txt", "--requirement with an address is not supported yet"),
        ("-r", "--requirement names nothing"),
        ("--pre numpy", "a word that belongs to no option is not supported yet"),
        ("--index-url 'https://x", "a quotation mark is not closed"),
        ("--index-url ../wheels", "the value of --index-url is not an address"),
        ("torch=2", "'torch=2' is not a requirement"),
        ("torch==${ENVFIT_TEST_UNSET}", "the environment variable ENVFIT_TEST_UNSET is not set"),
    ],
)
def test_what_cannot_be_honoured_is_named_by_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "requirements.txt", f"numpy\n{line}\n")
    message = faults(path)
    assert message.startswith(f"{path} line 2: ")
    assert says in message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "x y\n")
    path = write(tmp_path / "a.txt", "-e .\nnumpy\n-r b.txt\n--no-index\n")
    message = faults(path)
    assert message.startswith(f"{path} has 3 faults:\n")
    assert [line.partition(":")[0].strip() for line in message.splitlines()[1:]] == [
        f"{path} line 1",
        f"{tmp_path}/b.txt line 1",
        f"{path} line 4",
    ]


def test_a_file_of_another_kind_does_not_fill_the_screen(tmp_path: Path) -> None:
    message = faults(write(tmp_path / "a.txt", "".join(f"line {number}\n" for number in range(99))))
    assert "has 99 faults" in message
    assert message.endswith("and 49 more")
    assert len(message.splitlines()) == 52


def test_a_cycle_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "-r b.txt")
    write(tmp_path / "b.txt", "numpy\n-ra.txt")
    assert faults(path) == f"{tmp_path}/b.txt line 2: {path} includes itself"


def test_a_file_included_on_two_ways_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "-r b.txt\n-r c.txt")
    write(tmp_path / "b.txt", "-r c.txt")
    write(tmp_path / "c.txt", "numpy")
    assert [one.text for one in read_requirements_file(path).requirements] == ["numpy"]


@pytest.mark.parametrize(
    ("text", "says"), [("numpy[x]<2", "has no extras"), ("-r a.txt", "cannot bring in requirements")]
)
def test_constraints_only_bound(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path / "c.txt", text)
    assert says in faults(write(tmp_path / "a.txt", "-c c.txt"))


def test_a_value_of_the_environment_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    path = write(
        tmp_path / "a.txt", "torch @ ftp://${TOKEN}@x.example/t.whl\n--index-url ${TOKEN}\nx ${TOKEN}"
    )
    message = faults(path)
    assert "3 faults" in message
    assert "s3cret" not in message


def test_two_indexes_of_one_kind_are_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "-i https://a.example\n-i https://b.example\n")
    assert "line 2: --index-url is given a second time" in faults(path)


def test_a_missing_file_names_the_line_that_asks_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "numpy\n-r gone.txt")
    with pytest.raises(FileError) as caught:
        read_requirements_file(path)
    assert caught.value.message == (
        f"cannot read {tmp_path}/gone.txt: no such file or directory (named at {path} line 2)"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"numpy\ncaf\xe9\n", "line 2 is not UTF-8 text"),
        ("numpy".encode("utf-16"), "it is UTF-16 text"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read_requirements_file(path)
    assert caught.value.message == f"cannot read {path}: {says}"


def test_a_folder_and_a_giant_are_no_requirements_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a directory"):
        read_requirements_file(tmp_path)
    path = tmp_path / "a.txt"
    path.write_bytes(b"#" * (8 * 1024 * 1024 + 1))
    with pytest.raises(ProjectError, match="larger than 8 MiB"):
        read_requirements_file(path)


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # root reads everything, so the mode alone proves nothing
    with pytest.raises(FileError, match=r"cannot read .*a\.txt: permission denied"):
        read_requirements_file(tmp_path / "a.txt")
