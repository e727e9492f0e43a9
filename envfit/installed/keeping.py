"""Copies of what is about to change in an environment, and the script that puts it back.

The layout, beside what it is about::

    PREFIX/.envfit-undo-2026-11-27T21-55-00.sh     restores the former state
    PREFIX/.envfit-undo-2026-11-27T21-55-00/kept   files of packages that are changed, by their paths
    PREFIX/.envfit-undo-2026-11-27T21-55-00/moved  files and directories that were taken away

Everything is kept and the script is written before the first change, so that it restores the
former state from whatever a crash leaves.  It needs a shell, and neither envfit, pip nor a network.
"""

from __future__ import annotations

import contextlib
import csv
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from envfit.errors import FileError
from envfit.frozen import frozen
from envfit.installed.contents import read_record
from envfit.installed.model import InstalledDistribution

__all__ = ["Kept", "keep"]

_NAME = ".envfit-undo-"


@frozen
class Kept:
    """What was kept of an environment before it is changed."""

    script: Path
    directory: Path
    moves: tuple[tuple[Path, Path], ...]  # what is taken away, and where it goes

    def take_away(self) -> None:
        """Move away what is to go; raises FileError."""
        try:
            for source, place in self.moves:
                place.parent.mkdir(parents=True, exist_ok=True)
                source.rename(place)
        except OSError as error:
            raise FileError(f"{error.filename} cannot be moved: {error.strerror}") from error

    def forget(self) -> None:
        """Remove the copies and the script: nothing was changed."""
        shutil.rmtree(self.directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.script.unlink()


def keep(
    prefix: Path,
    stamp: str,
    *,
    changed: Sequence[InstalledDistribution],
    added: Sequence[str],
    sites: Sequence[Path],
    moves: Sequence[str],
    commands: Sequence[Sequence[str]] = (),
    told: Sequence[str] = (),
) -> Kept:
    """Keep what is about to change, and write the script that takes the changes back.

    ``stamp`` tells one undoing from another; ``changed`` are distributions that are replaced or
    removed, ``added`` the normalized names that come in, into one of ``sites``; ``commands`` are
    run by the script before all else; ``told`` are lines about it.  Raises FileError.
    """
    prefix = prefix.resolve()
    directory = prefix / f"{_NAME}{stamp}"
    script = prefix / f"{_NAME}{stamp}.sh"
    moved = [
        (Path(path).resolve(), directory / "moved" / str(number) / Path(path).name)
        for number, path in enumerate(moves)
    ]
    kept = Kept(script=script, directory=directory, moves=tuple(moved))
    try:
        directory.mkdir()
        (directory / "kept").mkdir()
        for distribution in changed:
            for file in _files(distribution, prefix):
                _copy(file, directory / "kept" / file.relative_to(prefix))
        names = dict.fromkeys((*(item.name for item in changed), *added))
        before = [*(f"#   {line}" for line in told), "set -eu", 'cd "$(dirname "$0")"']
        before += [shlex.join(words) for words in commands]
        tops = {item.name: _directories(item) for item in changed}
        forgotten = [(site.resolve(), name, tops.get(name, ())) for site in sites for name in names]
        with script.open("w", encoding="utf-8") as opened:
            opened.write(_script(kept, prefix, forgotten, before))
            opened.flush()
            os.fsync(opened.fileno())
        script.chmod(0o755)
    except OSError as error:
        kept.forget()
        raise FileError(f"{error.filename or directory} cannot be written: {error.strerror}") from error
    except FileError:
        kept.forget()
        raise
    return kept


def _files(distribution: InstalledDistribution, prefix: Path) -> Iterator[Path]:
    """Yield the files of a distribution that are there; raises FileError where one lies elsewhere."""
    place = distribution.place.resolve()
    found = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    with contextlib.suppress(FileNotFoundError), (place / "RECORD").open(encoding="utf-8") as record:
        found += [
            Path(os.path.normpath(place.parent / row[0])) for row in csv.reader(record) if row and row[0]
        ]
    for path in dict.fromkeys(found):
        if not path.is_relative_to(prefix):
            raise FileError(f"{distribution} has {path}, which lies outside of {prefix}: it is left alone")
        if path.is_file() or path.is_symlink():
            yield path


def _copy(file: Path, place: Path) -> None:
    """Keep a file: by a link, since no installer writes into a file that is there, else by a copy."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        return  # it is another package's too
    try:
        os.link(file, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(file, place, follow_symlinks=False)


_FORGET = r"""
# forget SITE NAME DIRECTORY...: removes the files of a package by its RECORD, and what is empty or byte
# code alone then.  Where there is no RECORD an installer was interrupted, and its directories
# go, unless another package has files in them by now.
forget() {
  site=$1 wanted=$2 found=
  shift 2
  for metadata in "$site"/*.dist-info; do
    [ -d "$metadata" ] || continue
    name=$(basename "$metadata" .dist-info | sed -e 's/-[^-]*$//' -e 's/[-_.][-_.]*/-/g' | tr 'A-Z' 'a-z')
    [ "$name" = "$wanted" ] || continue
    if [ -f "$metadata/RECORD" ]; then
      found=1
      sed -e 's/^"\(.*\)",[^,]*,[^,]*$/\1/' -e t -e 's/,[^,]*,[^,]*$//' "$metadata/RECORD" | tr -d '\r' |
        grep -v -e '^/' -e '\.\./\.\./\.\./\.\./' -e '\.dist-info/RECORD$' > "$list" || :
      (
        cd "$site"
        tr '\n' '\0' < "$list" | xargs -0 rm -f --
        sed -n 's#/[^/]*$##p' "$list" | sort -ur | while IFS= read -r folder; do
          if [ "$(ls -A -- "$folder" 2>/dev/null)" = __pycache__ ]; then rm -rf -- "$folder/__pycache__"; fi
          rmdir -p -- "$folder" 2>/dev/null || :
        done
      )
    fi
    rm -rf -- "$metadata"
  done
  if [ -z "$found" ]; then
    for directory in "$@"; do
      grep -q "^$directory/" "$site"/*.dist-info/RECORD 2>/dev/null || rm -rf -- "$site/$directory"
    done
  fi
}

# Removes what an interrupted pip renamed; what was there before, and is named, stays.
sweep() {
  for left in "$1"/~*; do
    stays=
    for known in "$@"; do
      if [ "${left##*/}" = "$known" ]; then stays=1; fi
    done
    if [ -z "$stays" ]; then rm -rf -- "$left"; fi
  done
}
"""


def _directories(distribution: InstalledDistribution) -> tuple[str, ...]:
    """Return the directories at the top that are a distribution's alone: all in them is in its RECORD."""
    own = {file.path for file in read_record(distribution) or ()}
    tops = sorted({path.partition("/")[0] for path in own if "/" in path and not path.startswith("../")})
    site = distribution.directory
    return tuple(
        top
        for top in tops
        if not top.endswith(".dist-info")
        and all(
            path.suffix == ".pyc" or path.relative_to(site).as_posix() in own
            for path in (site / top).rglob("*")
            if path.is_file() or path.is_symlink()
        )
    )


def _script(
    kept: Kept,
    prefix: Path,
    forgotten: Sequence[tuple[Path, str, Sequence[str]]],
    before: Sequence[str],
) -> str:
    """Return the text of the script; paths in it are relative to the prefix, which may be moved."""
    directory = shlex.quote(kept.directory.name)
    lines = [
        "#!/bin/sh",
        "# Written by envfit: takes back what envfit check --fix did to the environment that this lies in.",
        *before,
    ]
    if forgotten:
        lines += [f'list="$PWD"/{directory}/list', _FORGET.rstrip()]
        for site, name, tops in forgotten:
            lines.append(shlex.join(["forget", str(site.relative_to(prefix)), name, *tops]))
        for site in dict.fromkeys(site for site, _, _ in forgotten):
            known = sorted(path.name for path in site.glob("~*"))
            lines.append(shlex.join(["sweep", str(site.relative_to(prefix)), *known]))
    # What is there may be the very file that was kept, which cp would refuse.
    lines.append(f"(cd {directory}/kept && find . ! -type d -print0) | xargs -0 rm -f --")
    lines.append(f"cp -a {directory}/kept/. .")
    for source, place in kept.moves:
        here, there = (shlex.quote(str(path.relative_to(prefix))) for path in (place, source))
        lines.append(f"if [ -e {here} ]; then mv -- {here} {there}; fi")
    lines.append('echo "the environment is as it was before"')
    return "\n".join(lines) + "\n"
