"""The commands: each parses its options, calls one function and reports. Nothing else exits."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labspec import __version__
from labspec.terminal_io import Drawing, Findings, Form, errors, on_stderr, on_stdout, save, say, told_next

app = typer.Typer(
    help="One YAML spec of a tracing lab in a service mesh, compiled to everything that runs it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Graph(StrEnum):
    """Who calls whom in a spec that is made."""

    CHAIN = "chain"
    STAR = "star"
    TREE = "tree"
    MESH = "mesh"


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
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the lab.")] = "lab",
    graph: Annotated[
        Graph | None,
        typer.Option("--graph", help="Instead: services s1 to sN that call each other so.", show_default=False),
    ] = None,
    services: Annotated[
        int | None,
        typer.Option("--services", metavar="N", min=2, max=10_000, help="With --graph: how many.  [default: 5]"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="S", min=0, help="With --graph mesh: each number gives another one.  [default: 1]"
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Write it there; - is standard output.")
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Also overwrite a file that is there already.")] = False,
) -> None:
    """Write a spec to start from: a small lab that explains its keys, or a graph of any size."""
    from labspec.starting import graph_text, lab_text

    with errors():
        if graph is None and services is not None:
            raise typer.BadParameter("--services goes with --graph: the small lab has three services")
        if graph is not Graph.MESH and seed is not None:
            raise typer.BadParameter("--seed goes with --graph mesh: nothing else is left to chance")
        text = (
            lab_text(name)
            if graph is None
            else graph_text(name, graph.value, services or 5, 1 if seed is None else seed)
        )
        if output == "-":
            on_stdout().tell(text)
        else:
            save(output, text, force=force)
            on_stderr().mention(f"  + {output}\n{told_next(output)}")


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
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="With --stdout: the objects of this variant.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also overwrite generated files that somebody changed.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Compile a spec into a folder: manifests, the mesh's settings, scripts and a guide."""
    from labspec import building

    with errors():
        if check and (stdout or force):
            raise typer.BadParameter("--check only compares: it goes with neither --stdout nor --force")
        if variant is not None and not stdout:
            raise typer.BadParameter("--variant goes with --stdout: a folder holds all variants")
        folder = _folder(output)
        people = on_stderr(quiet=quiet)
        if stdout:
            raise typer.Exit(building.to_stream(spec, variant, people))
        if check:
            raise typer.Exit(building.compare(spec, folder, people))
        raise typer.Exit(building.to_folder(spec, folder, people, force=force))


@app.command()
def check(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="The specs; - is standard input.", show_default=False)
    ],
    form: Annotated[
        Findings,
        typer.Option(
            "--format", help="Findings for people (on stderr), as JSON or as GitHub's annotations (both on stdout)."
        ),
    ] = Findings.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show all findings of one or more specs."""
    from labspec import building

    with errors():
        people = on_stderr(quiet=quiet)
        page = on_stdout() if form is Findings.GITHUB else None
        raise typer.Exit(building.check(specs, people, as_json=form is Findings.JSON, strict=strict, annotations=page))


@app.command()
def predict(
    spec: Spec,
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="This variant of the lab instead of the lab itself.")
    ] = None,
    form: Annotated[
        Drawing, typer.Option("--format", help="For people, as a Mermaid sequence diagram, or as JSON; on stdout.")
    ] = Drawing.TEXT,
) -> None:
    """Show what each request will do before anything runs: spans, headers and log lines."""
    from labspec.predicting import predict as predicted

    with errors():
        people = on_stderr()
        raise typer.Exit(predicted(spec, variant, form.value, people, on_stdout()))


@app.command()
def rehearse(
    spec: Spec,
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="This variant of the lab instead of the lab itself.")
    ] = None,
    requests: Annotated[
        int, typer.Option("--requests", metavar="N", min=1, max=100_000, help="How often each request is sent.")
    ] = 20,
    envoy: Annotated[
        str | None, typer.Option("--envoy", metavar="PATH", help="This Envoy instead of the one that is found.")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write all that was seen as a page, one HTML file.")
    ] = None,
    spans: Annotated[
        str | None,
        typer.Option(
            "--spans", metavar="FILE", help="Write the spans as Zipkin JSON, for the pages of Zipkin and Jaeger."
        ),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="For people or as JSON; on stdout.")] = Form.TEXT,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up afterwards, until Ctrl-C; print the addresses.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run the lab here, on real Envoys without a cluster, and compare what they do with the prediction."""
    from labspec.rehearsing import Wanted
    from labspec.rehearsing import rehearse as rehearsed

    with errors():
        people = on_stderr(quiet=quiet)
        wanted = Wanted(spec, variant, requests, envoy, report, spans, form is Form.JSON, keep, quiet)
        raise typer.Exit(rehearsed(wanted, people, on_stdout()))


@app.command()
def diff(
    spec: Spec,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="DIR", help="The folder to compare with.  [default: out]")
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option("--variant", metavar="NAME", help="This variant with the lab itself; twice: one with another."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="For people or as JSON; on stdout.")] = Form.TEXT,
) -> None:
    """Show what a build would change in a folder, or how variants differ: by meaning, then file by file."""
    from labspec import diffing

    with errors():
        if variants and output is not None:
            raise typer.BadParameter("--variant compares forms of the lab with each other: it does not go with -o")
        if variants and len(variants) > 2:
            raise typer.BadParameter("--variant goes at most twice: one form is compared with one other")
        people, as_json = on_stderr(), form is Form.JSON
        if variants:
            raise typer.Exit(diffing.between(spec, variants, people, on_stdout(), as_json=as_json))
        folder = _folder("out" if output is None else output)
        raise typer.Exit(diffing.against_folder(spec, folder, people, on_stdout(), as_json=as_json))


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
        say(f'error: no rule "{rule}"{alternatives(rule, list(known))}\n  help: labspec explain all lists them')
        raise typer.Exit(2)


@app.command()
def schema(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file that --check looks at.")] = Path("schema.json"),
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

    with errors():
        raise typer.Exit(compare_text(file, schema_text(), on_stderr()))


def _folder(name: str) -> Path:
    if not name:
        raise typer.BadParameter("-o needs the name of a folder; . is this one")
    return Path(name)
