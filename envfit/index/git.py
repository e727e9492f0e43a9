"""Git repositories: which commit a revision means, and its files.

Git itself does the work.  A repository is kept in the cache as a bare clone, with
all its branches and tags, because build back ends derive versions from them.
Credentials go to git through its environment only, so that neither the clone nor
the list of processes holds them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from envfit.address import without_credentials
from envfit.errors import SourceError
from envfit.reference import DirectReference

__all__ = ["Repositories"]

_LINES = 5  # of git's that are passed on, at most


class Repositories:
    """Clones under one directory."""

    def __init__(
        self,
        directory: Path,
        *,
        environ: Mapping[str, str],
        offline: bool = False,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._directory = directory
        self._environ = environ
        self._offline = offline
        self._notify = notify

    def check_out(self, reference: DirectReference, tree: Path) -> DirectReference:
        """Put the files of a revision into ``tree``, and return the reference with its commit.

        Raises SourceError where the repository cannot be reached or has no such revision.
        """
        clone = self._clone(reference)
        commit = reference.commit or self._commit(clone, reference)
        if not self._has(reference, clone, commit):
            raise SourceError(f"{reference} has no commit {commit}", details={"address": reference.url})
        self._git(reference, "clone", "--quiet", "--shared", "--no-checkout", str(clone), str(tree))
        self._git(
            reference, "-C", str(tree), "-c", "advice.detachedHead=false", "checkout", "--quiet", commit
        )
        if (tree / ".gitmodules").is_file():
            # A clone of a clone would look for submodules beside the copy in the cache.
            self._git(reference, "-C", str(tree), "remote", "set-url", "origin", reference.url)
            self._git(reference, "-C", str(tree), "submodule", "--quiet", "update", "--init", "--recursive")
        return replace(reference, commit=commit)

    def describe(self, reference: DirectReference, tree: Path) -> str:
        """Return a commit by the nearest tag before it: what versions are derived from, and tags may move."""
        found = self._run(reference, "-C", str(tree), "describe", "--tags", "--long", "--always")
        return found.stdout.strip()

    def _clone(self, reference: DirectReference) -> Path:
        """Return the clone of a repository, brought up to date where a new commit may be meant."""
        key = hashlib.sha256(reference.url.encode()).hexdigest()
        clone = self._directory / key[:2] / key
        if clone.is_dir():
            fixed = reference.commit is not None and self._has(reference, clone, reference.commit)
            if not fixed and not self._offline:
                self._git(reference, "-C", str(clone), "fetch", "--quiet", "--prune", "--force", "origin")
            return clone
        if self._offline:
            raise SourceError(
                f"offline, and {reference.url} is not in the cache",
                hints=["run once without --offline to fill the cache"],
            )
        self._notify(f"cloning {reference.url}")
        clone.parent.mkdir(parents=True, exist_ok=True)
        temporary = clone.with_name(f".{clone.name}.{os.getpid()}")
        try:
            self._git(reference, "clone", "--quiet", "--mirror", reference.url, str(temporary))
            temporary.replace(clone)
        except OSError:
            if not clone.is_dir():  # else somebody else was faster
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return clone

    def _commit(self, clone: Path, reference: DirectReference) -> str:
        revision = reference.revision or "HEAD"
        # A branch before a tag of the same name, as git itself asks for neither with "origin/".
        for candidate in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            found = self._run(
                reference, "-C", str(clone), "rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}"
            )
            if found.returncode == 0:
                return found.stdout.strip()
        raise SourceError(f"{reference.url} has no revision {revision!r}", details={"address": reference.url})

    def _has(self, reference: DirectReference, clone: Path, commit: str) -> bool:
        return (
            self._run(reference, "-C", str(clone), "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0
        )

    def _git(self, reference: DirectReference, *arguments: str) -> None:
        ended = self._run(reference, *arguments)
        if ended.returncode == 0:
            return
        lines = [line for line in ended.stderr.splitlines() if line.strip()][-_LINES:]
        said = "\n".join(f"  {without_credentials(line)}" for line in lines)
        refused = "terminal prompts disabled" in said or "Authentication failed" in said
        raise SourceError(
            f"git could not fetch {reference.url}:\n{said}",
            details={"address": reference.url},
            hints=["it asks for credentials: git's own settings serve, such as a credential helper"]
            if refused
            else [],
        )

    def _run(self, reference: DirectReference, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**self._environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
        # Of a repository around the current directory, as inside a hook.
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            environ.pop(name, None)
        environ.update(_authorization(reference, environ))
        try:
            return subprocess.run(
                ["git", *arguments],  # noqa: S607 - the git that the user has on the path
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            raise SourceError(
                f"{reference} needs git, and there is none",
                hints=["install git, or name a release on an index"],
            ) from error


def _authorization(reference: DirectReference, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return git's settings for the credentials of a repository, as variables after those that are there."""
    if reference.credentials is None:
        return {}
    token = base64.b64encode(":".join(reference.credentials).encode()).decode()
    there = environ.get("GIT_CONFIG_COUNT", "")
    number = int(there) if there.isdecimal() else 0
    return {
        "GIT_CONFIG_COUNT": str(number + 1),
        f"GIT_CONFIG_KEY_{number}": f"http.{reference.url}.extraHeader",
        f"GIT_CONFIG_VALUE_{number}": f"Authorization: Basic {token}",
    }
