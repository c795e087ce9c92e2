"""The bare stack: a typer app of two commands, one pydantic model, one line through ruamel.yaml.

What the libraries of labspec cost before labspec does anything; start_up.py measures against it.
"""

import typer
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


class Lab(BaseModel):
    """One model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str


@app.command()
def build(name: str) -> None:
    """Read one line and validate it."""
    typer.echo(Lab.model_validate(YAML(typ="safe", pure=True).load(f"name: {name}")).name)


@app.command()
def check(name: str) -> None:
    """Do the same under another name: with one command typer has no command names."""
    build(name)


if __name__ == "__main__":
    app()
