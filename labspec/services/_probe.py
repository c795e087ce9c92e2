"""How Kubernetes sees that a container is ready: its part of a spec."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from labspec.finding import alternatives, listed
from labspec.model import URL_PATH, url_path, wrong
from labspec.shell import literal_for_kubernetes
from labspec.yamlvalues import describe

_FORMS = "write a path, {grpc: true}, {tcp: true} or {exec: [COMMAND, ARGUMENT]}"
_WAYS = ("grpc", "tcp", "exec")


def _checked(value: object) -> str | dict[str, Any]:
    if isinstance(value, str):
        return url_path(value)
    if not isinstance(value, dict):
        raise wrong("wrong-type", f"a path or a map belongs here, not {describe(value)}", _FORMS)
    for way, how in value.items():
        if way not in _WAYS:
            raise wrong("unknown-key", f'no key "{way}" here{alternatives(way, _WAYS)}', _FORMS, (way,), at_key=True)
        if way == "exec":
            _check_command(how)
        elif how is not True:
            raise wrong(
                "wrong-type",
                f"true belongs here, not {'false' if how is False else describe(how)}",
                f"write {way}: true, or leave it out",
                (way,),
            )
    if len(value) != 1:
        problem = f"{listed(value)} are {len(value)} probes, and a container has one" if value else "nothing is probed"
        more = f"; a layer takes away what lies below by null: {next(iter(value))}: null" if value else ""
        raise wrong("wrong-type" if value else "missing-key", problem, _FORMS + more)
    return value


def _check_command(words: object) -> None:
    advice = "write [COMMAND, ARGUMENT]"
    if not isinstance(words, list) or not words:
        shown = "an empty list" if words == [] else describe(words)
        raise wrong("wrong-type", f"a list of a command and its arguments belongs here, not {shown}", advice, ("exec",))
    for index, word in enumerate(words):
        if not isinstance(word, str):
            raise wrong("wrong-type", f"a string belongs here, not {describe(word)}", "quote it", ("exec", index))


def readiness(probe: str | Mapping[str, Any], port_name: str, port: int) -> dict[str, Any]:
    """The readinessProbe of a container that answers on a port."""
    if isinstance(probe, str):
        return {"httpGet": {"path": probe, "port": port_name}}
    if "grpc" in probe:
        # It takes no name of a port.
        return {"grpc": {"port": port}}
    if "tcp" in probe:
        return {"tcpSocket": {"port": port_name}}
    # The kubelet expands $(NAME) here, too.
    return {"exec": {"command": [literal_for_kubernetes(word) for word in probe["exec"]]}}


def needs_port(probe: str | Mapping[str, Any] | None) -> bool:
    """Whether it asks a port."""
    return probe is not None and (isinstance(probe, str) or "exec" not in probe)


def in_words(probe: str | Mapping[str, Any]) -> str:
    """`/ready`, `grpc`, `exec cat /tmp/ready`."""
    if isinstance(probe, str):
        return probe
    ((way, how),) = probe.items()
    command: Sequence[str] = how if way == "exec" else ()
    return " ".join((way, *command))


if TYPE_CHECKING:
    Probe = str | Mapping[str, Any]
else:
    Probe = Annotated[
        Any,
        AfterValidator(_checked),
        WithJsonSchema(
            {
                "type": ["string", "object"],
                "pattern": f"^{URL_PATH}$",
                "properties": {
                    "grpc": {"const": True, "description": "By gRPC's health protocol."},
                    "tcp": {"const": True, "description": "It is ready when the port takes a connection."},
                    "exec": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                        "description": "A command in the container, and its arguments: it is ready when that ends with 0.",
                    },
                },
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "examples": ["/healthz"],
            }
        ),
    ]
