"""The commands: each parses its options, calls one function and reports. Nothing else exits."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labspec import __version__
from labspec.errors import LabspecError
from labspec.people import People

app = typer.Typer(
    help="One YAML spec of a tracing lab in a service mesh, compiled to everything that runs it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Form(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


Spec = Annotated[str, typer.Argument(metavar="SPEC", help="The spec; - is standard input.", show_default=False)]
Output = Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="The folder that the lab is written into.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print findings only.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labspec {__version__}")
        raise typer.Exit


@app.callback()
def _labspec(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def build(
    spec: Spec,
    output: Output = "out",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where the folder is not what the spec gives.")
    ] = False,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Print the lab's Kubernetes objects as one stream; write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also overwrite generated files that somebody changed.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Compile a spec into a folder: manifests, the mesh's settings, scripts and a guide."""
    from labspec import building

    with _errors():
        if check and (stdout or force):
            raise typer.BadParameter("--check only compares: it goes with neither --stdout nor --force")
        if not output:
            raise typer.BadParameter("-o needs the name of a folder; . is this one")
        folder = Path(output)
        people = People(_say, quiet=quiet, colour=_colour())
        if stdout:
            raise typer.Exit(building.to_stream(spec, people))
        if check:
            raise typer.Exit(building.compare(spec, folder, people))
        raise typer.Exit(building.to_folder(spec, folder, people, force=force))


@app.command()
def check(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="The specs; - is standard input.", show_default=False)
    ],
    form: Annotated[
        Form, typer.Option("--format", help="Findings for people (on stderr) or as JSON (on stdout).")
    ] = Form.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show all findings of one or more specs."""
    from labspec import building

    with _errors():
        people = People(_say, quiet=quiet, colour=_colour())
        raise typer.Exit(building.check(specs, people, as_json=form is Form.JSON, strict=strict))


@app.command()
def explain(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", help="The name in a finding's brackets; `all` lists them.", show_default=False),
    ],
) -> None:
    """Explain a finding: why, an example, the fix, the source."""
    from labspec.explain import explained, explanations
    from labspec.finding import alternatives

    known = explanations()
    if rule == "all":
        width = max(map(len, known))
        typer.echo("\n".join(f"{name:{width}}  {found.severity:7}  {found.summary}" for name, found in known.items()))
    elif rule in known:
        typer.echo(explained(rule, known[rule]), nl=False)
    else:
        _say(f'error: no rule "{rule}"{alternatives(rule, list(known))}\n  help: labspec explain all lists them')
        raise typer.Exit(2)


@app.command()
def schema(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file that --check looks at.")] = Path(
        "schema.json"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Fail where FILE is not the schema; print the difference.")
    ] = False,
) -> None:
    """Print the JSON schema of the language, for editors."""
    from labspec.schema import schema_text

    if not check:
        typer.echo(schema_text(), nl=False)
        return
    from labspec.building import compare_text

    with _errors():
        raise typer.Exit(compare_text(file, schema_text(), People(_say)))


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _colour() -> bool:
    import os

    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except LabspecError as error:
        _say(f"error: {error}")
        raise typer.Exit(error.exit_code) from None
