"""Requirements files, in the form that pip reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envfit.errors import FileError, ProjectError
from envfit.project import Settings
from envfit.project.faults import Faults
from envfit.project.requirements_file import Lines, read_overrides, read_requirements_file
from envfit.reference import DirectReference, ReferenceKind


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run in the directory of this project, which a path could mean."""
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> str:
    with pytest.raises(ProjectError) as caught:
        read_requirements_file(path)
    return caught.value.message


def test_everything_that_a_file_may_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    (tmp_path / "more" / "tool").mkdir(parents=True)
    write(tmp_path / "more" / "tool" / "pyproject.toml", "")
    write(
        tmp_path / "more" / "base.txt",
        "numpy\n-c bounds.txt\n-e ./tool[GPU] ; python_version > '3'\n-f tool\n",
    )
    write(tmp_path / "more" / "bounds.txt", f"numpy<3 --hash=sha256:{'c' * 64}\n")
    path = write(
        tmp_path / "requirements.txt",
        "\ufeff# made by hand\r\n"
        "-r more/base.txt\r\n"
        "--index-url https://me:${TOKEN}@index.example/simple --pre\r\n"
        "--extra-index-url=https://other.example/simple\r\n"
        'torch >=2.4 ; sys_platform == "linux"  # the usual\r\n'
        "einops==0.8.0 \\\r\n"
        f"    --hash=sha256:{'a' * 64} \\\r\n"
        f"    --hash sha256:{'B' * 64}\r\n"
        "git+https://${TOKEN}@git.example/tool@v1#egg=tool\r\n"
        "more/tool\r\n"
        f"-c file://{tmp_path}/more/bounds.txt\r\n"
        "--require-hashes\r\n"
        "-f https://files.example/page.html --no-index\r\n"
        "--no-binary :all: --only-binary=torch,Num_Py\r\n",
    )
    project = read_requirements_file(path)
    assert [(one.text, one.where) for one in project.requirements] == [
        ("numpy", f"{tmp_path}/more/base.txt line 1"),
        ("-e ./tool[GPU] ; python_version > '3'", f"{tmp_path}/more/base.txt line 3"),
        ('torch >=2.4 ; sys_platform == "linux"', f"{path} line 5"),
        ("einops==0.8.0", f"{path} line 6"),
        ("git+https://${TOKEN}@git.example/tool@v1#egg=tool", f"{path} line 9"),
        ("more/tool", f"{path} line 10"),
    ]
    editable, plain = project.requirements[1], project.requirements[5]
    assert editable.extras == {"gpu"}
    assert editable.direct == DirectReference(
        kind=ReferenceKind.DIRECTORY, url=(tmp_path / "more" / "tool").as_uri(), editable=True
    )
    assert plain.direct == replace(editable.direct, editable=False)
    repository = project.requirements[4]
    assert repository.name == "tool"
    assert repository.direct is not None
    assert repository.direct.credentials == ("s3cret", "")
    assert project.requirements[3].hashes == {"a" * 64, "b" * 64}
    assert [(one.text, one.where, one.hashes) for one in project.constraints] == [
        ("numpy<3", f"{tmp_path}/more/bounds.txt line 1", {"c" * 64})
    ]
    assert project.settings == Settings(
        index_url="https://me:s3cret@index.example/simple",
        extra_index_urls=("https://other.example/simple",),
        find_links=((tmp_path / "more" / "tool").as_uri(), "https://files.example/page.html"),
        no_index=True,
        pre=True,
        require_hashes=True,
        no_binary=(":all:",),
        only_binary=("torch", "num-py"),
    )
    assert project.notes == ()


@pytest.mark.parametrize("option", ["--prefer-binary", "--trusted-host a.example", "--use-feature fast-deps"])
def test_an_option_that_changes_no_lock_is_noted(tmp_path: Path, option: str) -> None:
    path = write(tmp_path / "requirements.txt", f"{option}\nnumpy\n")
    project = read_requirements_file(path)
    assert [one.text for one in project.requirements] == ["numpy"]
    (note,) = project.notes
    assert note.startswith(f"{path} line 1: {option.split(maxsplit=1)[0]} has no effect: ")


def test_all_releases_of_all_packages_are_pre_releases(tmp_path: Path) -> None:
    assert read_requirements_file(write(tmp_path / "a.txt", "--all-releases :all:")).settings.pre


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-e .", "'.' is a directory without pyproject.toml and setup.py"),
        ("-e", "--editable names nothing"),
        ("--editable=./gone", "'./gone' is a path at which there is nothing"),
        ("-e git+https://git.example/x#egg=x", "is a repository, so it cannot be editable"),
        (f"-e ./tool --hash=sha256:{'a' * 64}", "a directory has no hash"),
        ("-e ./tool --config-settings x=y", "--config-settings is not supported here"),
        ("--pre -e ./tool", "--editable is not supported here"),
        ("./torch", "'./torch' is a path at which there is nothing"),
        ("hg+https://hg.example/x", "is a hg repository; git is the only kind"),
        ("--find-links wheels", "--find-links: 'wheels' is a path at which there is nothing"),
        ("-fwheels", "--find-links: 'wheels' is a path at which there is nothing"),
        ("-f ftp://files.example", "--find-links: this is not an address that begins with https://"),
        ("-f", "--find-links names nothing"),
        ("--no-binary", "--no-binary names nothing"),
        ("--no-binary a,b/c", "--no-binary: 'b/c' is not the name of a package, :all: or :none:"),
        ("--only-binary ,", "--only-binary: '' is not the name of a package"),
        ("--hash=sha256:aa", "--hash is not supported here"),
        ("torch --hash=sha256:aa", "'aa' is not a sha256, 64 hexadecimal digits"),
        ("torch --hash=md5:aa", "the hash 'md5:aa' is not by sha256"),
        ("torch --hash", "the hash '' is not by sha256"),
        ("torch --config-settings x=y", "--config-settings is not supported here"),
        ("torch -C x=y", "--config-settings is not supported here"),
        ("torch --global-option=x", "--global-option is not supported here"),
        ("torch --pre", "--pre is not supported here"),
        ("torch --hash=sha256:'x", "a quotation mark is not closed"),
        ("--all-releases torch", "--all-releases is not supported here"),
        ("--only-final :all:", "--only-final is not supported here"),
        ("--no-require-hashes", "--no-require-hashes is not supported here"),
        ("--process-dependency-links", "--process-dependency-links is unknown"),
        ("--no-indx", "--no-indx is unknown; did you mean --no-index?"),
        ("-Z", "-Z is unknown"),
        ("-r https://files.example/more.txt", "--requirement with an address is not supported yet"),
        ("-c https://files.example/more.txt", "--constraint with an address is not supported yet"),
        ("-r", "--requirement names nothing"),
        ("-r -", "standard input is for the command line to name"),
        ("-r ../pyproject.toml", "pyproject.toml is no requirements file"),
        ("-c environment.yml", "environment.yml is no requirements file"),
        ("--pre numpy", "a word that belongs to no option"),
        ("--index-url 'https://x", "a quotation mark is not closed"),
        ("--index-url ../wheels", "the value of --index-url is not an address"),
        ("--pypi-url=", "--index-url names nothing"),
        ("torch=2", "'torch=2' is not a requirement"),
        ("torch==${ENVFIT_TEST_UNSET}", "the environment variable ENVFIT_TEST_UNSET is not set"),
    ],
)
def test_what_cannot_be_honoured_is_named_by_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "tool").mkdir()
    write(tmp_path / "tool" / "setup.py", "")
    path = write(tmp_path / "requirements.txt", f"numpy\n{line}\n")
    message = faults(path)
    assert message.startswith(f"{path} line 2: ")
    assert says in message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "x y\n")
    path = write(tmp_path / "a.txt", "-e .\nnumpy\n-r b.txt\n--no-build\n")
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
    ("text", "says"),
    [
        ("numpy[x]<2", "line 1: a constraint has no extras, unlike 'numpy[x]<2'"),
        ("git+https://git.example/x", "a constraint begins with a name"),
        ("-e .", "a constraint is not editable"),
        ("-r a.txt", "cannot bring in requirements"),
    ],
)
def test_constraints_only_bound(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path / "c.txt", text)
    write(tmp_path / "setup.py", "")
    assert says in faults(write(tmp_path / "a.txt", "-c c.txt"))


def test_a_value_of_the_environment_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    path = write(
        tmp_path / "a.txt", "torch @ ftp://${TOKEN}@x.example/t.whl\n--index-url ${TOKEN}\nx ${TOKEN}"
    )
    message = faults(path)
    assert "3 faults" in message
    assert "s3cret" not in message


def test_a_fault_has_a_way_out_where_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        read_requirements_file(write(tmp_path / "a.txt", "-r https://x.example/b.txt\n--only-final :all:\n"))
    assert caught.value.hints == (
        "download that file, and name the copy",
        "--only-final: leave it out: pre-releases are taken only where a range names one",
    )


def test_a_path_is_relative_to_the_file_or_to_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip and uv look where one is; the file alone can be read from anywhere."""
    for folder in ("files/beside", "here"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder / "setup.py", "")
    monkeypatch.chdir(tmp_path)
    path = write(Path("files/requirements.txt"), "-e ./beside\n./here\n-f beside\n-f here\n")
    project = read_requirements_file(path)
    assert [str(one.direct) for one in project.requirements] == [
        (tmp_path / "files" / "beside").as_uri(),
        (tmp_path / "here").as_uri(),
    ]
    assert project.settings.find_links == (
        (tmp_path / "files" / "beside").as_uri(),
        (tmp_path / "here").as_uri(),
    )
    (tmp_path / "beside").mkdir()
    write(tmp_path / "beside" / "setup.py", "")
    with pytest.raises(ProjectError) as caught:
        read_requirements_file(path)
    assert "requirements.txt line 1: './beside' is in two places: file:" in caught.value.message
    assert caught.value.hints[0].startswith("write an absolute path")


def test_overrides_take_the_place_of_requirements(tmp_path: Path) -> None:
    path = write(tmp_path / "overrides.txt", "--pre\nnumpy<3\n-c bounds.txt\n")
    write(tmp_path / "bounds.txt", "torch<3")
    project = read_overrides(path)
    assert project.requirements == ()
    assert [one.text for one in project.settings.override_dependencies] == ["numpy<3"]
    assert [one.text for one in project.constraints] == ["torch<3"]
    assert project.settings.pre
    with pytest.raises(ProjectError, match=r"line 1: an override needs a name"):
        read_overrides(write(path, "git+https://git.example/x"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(alphabet="-erfci= a./[]:;'\"\\#@+${}Thsq\n", max_size=25)
        | st.sampled_from(
            ["--hash=", "-e ", "--find-links ", "--no-binary=", "-r", "://", "git+https://", "\n"]
        ),
        max_size=6,
    ).map("".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    faults = Faults(Path("a.txt"))
    lines = Lines(faults)
    try:
        lines.read_text(text, path=Path("/nowhere/a.txt"), place=lambda number: f"a.txt line {number}")
        faults.raise_any()
    except FileError as error:
        assert "(named at a.txt line " in error.message
    except ProjectError as error:
        assert "a.txt line " in error.message
    assert all(one.where.startswith("a.txt line ") for one in lines.project().requirements)


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
