"""Which indexes are configured, and which statement wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from envfit.address import credentials, public_address
from envfit.errors import FileError, ProjectError
from envfit.index.configuration import IndexConfiguration, configured_indexes, library_default
from envfit.index.routing import Route


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "deep").mkdir(parents=True)
    return tmp_path / "project"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def configured(
    environ: dict[str, str], home: Path, project: Path, index_url: str | None = None, *extra: str
) -> IndexConfiguration:
    return configured_indexes(
        environ,
        home=home,
        cwd=project / "deep",
        index_url=index_url,
        extra_index_urls=extra,
        system=home.parent / "etc",
    )


def test_nothing_configured_is_the_default_of_the_library(home: Path, project: Path) -> None:
    found = configured({}, home, project)
    assert found.default == library_default()
    assert found.default.endswith("/simple/")
    assert found.search_order == (library_default(),)
    assert found.notes == ()


def test_each_statement_yields_to_the_one_above(home: Path, project: Path) -> None:
    etc = home.parent / "etc"
    write(etc / "pip.conf", "[global]\nindex-url = https://pip-system.test/simple\n")
    assert configured({}, home, project).default == "https://pip-system.test/simple"
    write(home / ".config/pip/pip.conf", "[global]\nindex-url = https://pip-user.test/simple\n")
    assert configured({}, home, project).default == "https://pip-user.test/simple"
    write(etc / "pip.conf", "[install]\nindex-url = https://pip-install.test/simple\n")
    assert configured({}, home, project).default == "https://pip-install.test/simple"
    environ = {"PIP_INDEX_URL": "https://pip-env.test/simple"}
    assert configured(environ, home, project).default == "https://pip-env.test/simple"
    write(etc / "uv/uv.toml", 'index-url = "https://uv-system.test/simple"\n')
    assert configured(environ, home, project).default == "https://uv-system.test/simple"
    write(home / ".config/uv/uv.toml", '[[index]]\nurl = "https://uv-user.test/simple"\ndefault = true\n')
    assert configured(environ, home, project).default == "https://uv-user.test/simple"
    write(project / "pyproject.toml", '[tool.uv]\nindex-url = "https://project.test/simple"\n')
    assert configured(environ, home, project).default == "https://project.test/simple"
    environ["UV_INDEX_URL"] = "https://uv-old.test/simple"
    assert configured(environ, home, project).default == "https://uv-old.test/simple"
    environ["UV_DEFAULT_INDEX"] = "corp=https://uv-new.test/simple"
    assert configured(environ, home, project).default == "https://uv-new.test/simple"
    found = configured(environ, home, project, "https://given.test/simple")
    assert (found.default, found.default_source) == ("https://given.test/simple", "the command line")


def test_extra_indexes_come_first_and_explicit_ones_not_at_all(home: Path, project: Path) -> None:
    write(
        project / "uv.toml",
        '[[index]]\nname = "one"\nurl = "https://one.test/simple"\n'
        '[[index]]\nname = "two"\nurl = "https://two.test/simple"\nexplicit = true\n'
        '[[index]]\nname = "main"\nurl = "https://main.test/simple"\ndefault = true\n',
    )
    # Silenced by the uv.toml beside it.
    write(project / "pyproject.toml", '[tool.uv]\nextra-index-url = ["https://silent.test/simple"]\n')
    environ = {
        "UV_INDEX": "https://a.test/simple b=https://b.test/simple",
        "UV_EXTRA_INDEX_URL": "https://c.test/simple",
        "PIP_EXTRA_INDEX_URL": "https://pip.test/simple https://a.test/simple",
    }
    found = configured(environ, home, project, None, "https://given.test/simple")
    names = [url.removeprefix("https://").partition(".")[0] for url in found.search_order]
    assert names == ["given", "a", "b", "c", "one", "pip", "main"]
    assert len(found.extra) == len(found.extra_sources)


def test_pips_disk_indexes_and_find_links_are_left_out_with_one_note(home: Path, project: Path) -> None:
    write(
        home / ".config/pip/pip.conf",
        "[global]\nfind-links = /srv/wheels\n"
        "extra-index-url = file:///opt/simple\n    file:///more/simple\n    https://user:secret@x.test/simple\n",
    )
    found = configured({}, home, project)
    assert found.extra == ("https://user:secret@x.test/simple",)
    (note,) = found.notes
    assert "file:///opt/simple" in note
    assert "find-links" in note
    assert "secret" not in note


def test_the_command_line_may_name_a_directory(home: Path, project: Path) -> None:
    found = configured({}, home, project, "../mirror/simple", "file:///srv/simple")
    assert found.default == (project / "mirror/simple").resolve().as_uri()
    assert found.extra == ("file:///srv/simple",)


def test_uv_credentials_of_a_named_index(home: Path, project: Path) -> None:
    environ = {
        "UV_INDEX": "my-corp=https://corp.test/simple",
        "UV_INDEX_MY_CORP_USERNAME": "me",
        "UV_INDEX_MY_CORP_PASSWORD": "p@ss",
    }
    (url,) = configured(environ, home, project).extra
    assert credentials(url) == ("me", "p@ss")
    assert configured(environ, home, project).public()[0] == ("https://corp.test/simple", "UV_INDEX")


def test_files_can_be_switched_off(home: Path, project: Path) -> None:
    write(home / ".config/pip/pip.conf", "[global]\nindex-url = https://pip.test/simple\n")
    write(home / ".config/uv/uv.toml", 'index-url = "https://uv.test/simple"\n')
    environ = {"UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": "/dev/null"}
    assert configured(environ, home, project).default == library_default()


def test_a_malformed_file_is_named(home: Path, project: Path) -> None:
    write(project / "uv.toml", "index-url = \n")
    with pytest.raises(FileError, match=r"uv\.toml"):
        configured({}, home, project)


def test_a_public_address_has_no_secrets() -> None:
    assert public_address("https://me:pw@host:8080/a%2Bb?q=1#sha256=0") == "https://host:8080/a%2Bb?q=1"


# -- routes -------------------------------------------------------------------

ROUTES = (
    Route(pattern="corp-*", url="https://corp.test/simple", source="a test"),
    Route(pattern="Corp_Secret", url="https://secret.test/simple", source="a test"),
    Route(pattern="corp-ml-*", url="https://ml.test/simple", source="a test"),
)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("corp-tool", "https://corp.test/simple"),
        ("Corp.Tool", "https://corp.test/simple"),
        ("corp-secret", "https://secret.test/simple"),
        ("corp-secrets", "https://corp.test/simple"),
        ("corp-ml-base", "https://ml.test/simple"),
        ("corporation", None),
        ("torch", None),
    ],
)
def test_a_route_of_a_name_holds_before_one_of_a_prefix(name: str, url: str | None) -> None:
    found = IndexConfiguration(default="https://main.test/simple", find_links=("file:///w",), routes=ROUTES)
    assert found.indexes_for(name) == ((url or "https://main.test/simple"),)
    assert found.find_links_for(name) == (() if url else ("file:///w",))


def test_sources_of_uv_are_routes(home: Path, project: Path) -> None:
    write(
        project / "pyproject.toml",
        '[[tool.uv.index]]\nname = "private"\nurl = "https://private.test/simple"\nexplicit = true\n'
        '[tool.uv.sources]\nTool = { index = "private" }\nhere = { path = "../here" }\n'
        'torch = [{ index = "private", marker = "sys_platform == \'linux\'" }]\n'
        'windows = [{ index = "private", marker = "sys_platform == \'win32\'" }]\n',
    )
    environ = {"UV_INDEX_PRIVATE_USERNAME": "me", "UV_INDEX_PRIVATE_PASSWORD": "secret"}
    found = configured(environ, home, project)
    assert found.indexes_for("tool") == ("https://me:secret@private.test/simple",)
    assert found.indexes_for("torch") == found.indexes_for("tool")
    assert found.indexes_for("windows") == found.indexes_for("here") == found.search_order
    assert found.search_order == (library_default(),)
    assert found.notes == ()
    environ["UV_INDEX"] = "private=https://here.test/simple"
    assert configured(environ, home, project).indexes_for("tool") == ("https://me:secret@here.test/simple",)


def test_two_indexes_of_one_name_are_an_error_unless_one_is_for_linux(home: Path, project: Path) -> None:
    indexes = "".join(
        f'[[tool.uv.index]]\nname = "{name}"\nurl = "https://{name}.test/simple"\nexplicit = true\n'
        for name in ("one", "two")
    )
    source = 'tool = [{{ index = "one", marker = "{}" }}, {{ index = "two", marker = "{}" }}]\n'
    system = source.format("sys_platform != 'linux'", "sys_platform == 'linux'")
    write(project / "pyproject.toml", f"{indexes}[tool.uv.sources]\n{system}")
    assert configured({}, home, project).indexes_for("tool") == ("https://two.test/simple",)
    python = source.format("python_version < '3.12'", "python_version >= '3.12'")
    write(project / "pyproject.toml", f"{indexes}[tool.uv.sources]\n{python}")
    with pytest.raises(ProjectError, match="names several indexes: one, two"):
        configured({}, home, project)


def test_a_source_of_uv_that_names_no_index_is_an_error(home: Path, project: Path) -> None:
    write(project / "pyproject.toml", '[tool.uv.sources]\ntool = { index = "privat" }\n')
    with pytest.raises(ProjectError, match=r"tool\.uv\.sources\.tool: there is no index 'privat'"):
        configured({}, home, project)


def test_find_links_of_uv_are_left_out_with_a_note(home: Path, project: Path) -> None:
    write(project / "uv.toml", 'find-links = ["/srv/wheels"]\n')
    (note,) = configured({"UV_FIND_LINKS": "/opt/more"}, home, project).notes
    assert "uv's find-links (UV_FIND_LINKS, " in note
    assert "uv.toml)" in note


def test_find_links_of_the_command_line_may_be_directories(home: Path, project: Path) -> None:
    found = configured_indexes(
        {}, home=home, cwd=project, find_links=["wheels", "https://links.test/page.html"], system=home
    )
    assert found.find_links == ((project / "wheels").as_uri(), "https://links.test/page.html")
