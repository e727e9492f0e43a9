"""A guard put into effect: the files in an environment by which pip and uv hold to its constraints.

pip reads ``pip.conf`` in the environment that it works on, activated or not.  uv reads no file
there, so the activation names the constraints in ``UV_CONSTRAINT``; ``uv pip install --python``
from outside is not held to them.  An index, a mirror or another setting is nobody's concern here.
"""

from __future__ import annotations

from pathlib import Path

from envfit.errors import FileError
from envfit.install.activation import extended, read_file, write_file
from envfit.install.guard import CONSTRAINTS

__all__ = ["has_guard", "remove_guard", "write_guard"]

_SECTION = """\
# Written by envfit: pip holds to the constraints of this environment.
[global]
constraint = {address}
"""
_MARK = "# envfit: uv holds to the constraints of this environment, as pip does by its pip.conf"
_POSIX = f"""
{_MARK}
_ENVFIT_OLD_CONSTRAINT="${{UV_CONSTRAINT-}}"
UV_CONSTRAINT="$VIRTUAL_ENV/{CONSTRAINTS}${{UV_CONSTRAINT:+ $UV_CONSTRAINT}}"
export UV_CONSTRAINT
"""
_POSIX_BACK = """\
    if [ -n "${_ENVFIT_OLD_CONSTRAINT+x}" ] ; then
        UV_CONSTRAINT="$_ENVFIT_OLD_CONSTRAINT"
        export UV_CONSTRAINT
        [ -n "$UV_CONSTRAINT" ] || unset UV_CONSTRAINT
        unset _ENVFIT_OLD_CONSTRAINT
    fi
"""
_FISH = f"""
{_MARK}
set -g _ENVFIT_OLD_CONSTRAINT $UV_CONSTRAINT
set -gx UV_CONSTRAINT (string join ' ' "$VIRTUAL_ENV/{CONSTRAINTS}" $UV_CONSTRAINT)
"""
_FISH_BACK = """\
    if set -q _ENVFIT_OLD_CONSTRAINT
        set -e UV_CONSTRAINT
        test -z "$_ENVFIT_OLD_CONSTRAINT"; or set -gx UV_CONSTRAINT $_ENVFIT_OLD_CONSTRAINT
        set -e _ENVFIT_OLD_CONSTRAINT
    end
"""
#: By script: what is added at its end, and what is added where it deactivates.
_SCRIPTS = {"activate": (_POSIX, _POSIX_BACK), "activate.fish": (_FISH, _FISH_BACK)}


def write_guard(environment: Path, text: str) -> None:
    """Hold later installations into an environment to constraints; raises FileError.

    ``environment`` is the directory itself, not a link that may later point to another one.
    """
    settings = environment / "pip.conf"
    if settings.exists() and not has_guard(environment):
        raise FileError(
            f"{settings} is there already, and not of envfit's making",
            hints=[f"add to its section [global]: constraint = {environment / CONSTRAINTS}"],
        )
    constraints = environment / CONSTRAINTS
    write_file(constraints, text)
    # An address, since pip takes blanks in this setting as the end of a path.
    write_file(settings, _SECTION.format(address=constraints.absolute().as_uri()))
    if any(character.isspace() for character in str(environment)):
        return  # uv takes blanks so, and knows no addresses here
    for name, (end, back) in _SCRIPTS.items():
        script = environment / "bin" / name
        if script.exists() and _MARK not in (written := read_file(script)):
            added = extended(written, name, end=end, back=back)
            if added is not None:
                write_file(script, added)


def remove_guard(environment: Path) -> None:
    """Hold an environment to nothing any more; raises FileError."""
    guarded = [environment / "pip.conf"] if has_guard(environment) else []
    try:
        for path in (*guarded, environment / CONSTRAINTS):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot remove {error.filename}: {error.strerror}") from error
    for name, (end, back) in _SCRIPTS.items():
        script = environment / "bin" / name
        if script.exists() and _MARK in (written := read_file(script)):
            write_file(script, written.replace(f"\n{end}", "\n").replace(back, ""))


def has_guard(environment: Path) -> bool:
    """Tell whether later installations are held to constraints of envfit's."""
    settings = environment / "pip.conf"
    return settings.exists() and _SECTION.splitlines()[0] in read_file(settings)
