"""A Kubernetes cluster as a process of this machine, for the tests of the real tier."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import Run

FOREIGN = "labspec-test/foreign"
# What controllers make of other objects, and what changes by itself.
DERIVED = {"Endpoints", "EndpointSlice", "Event", "Lease", "Pod", "ReplicaSet", "ControllerRevision", "PodMetrics"}

# What every namespace has from Kubernetes and Istio, some time after it was made.
EVERYWHERE = {"default", "kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl"}

Body = dict[str, Any]
Key = tuple[str, str, str]

# How lists merge kubectl knows of Kubernetes' own kinds; to read it in the server's schema takes 0.1 s for each object.
_PREFERENCES = """\
apiVersion: kubectl.config.k8s.io/v1beta1
kind: Preference
defaults:
- command: apply
  options:
  - {name: openapi-patch, default: "false"}
"""


class Cluster:
    """The API server, through kubectl."""

    def __init__(self, folder: Path, kubectl: str) -> None:
        self.folder = folder
        self.kubectl = kubectl
        # A cache of the cluster's kinds lies in HOME.
        self.environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder)}
        self.environment.pop("KUBE_CONTEXT", None)
        self._version = ""
        (folder / ".kube").mkdir(exist_ok=True)
        (folder / ".kube" / "kuberc").write_text(_PREFERENCES)

    def call(self, *arguments: str, given: str | None = None) -> Run:
        """kubectl with these arguments, whatever it says."""
        done = subprocess.run(
            [self.kubectl, *arguments],
            env=self.environment,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def do(self, *arguments: str, given: str | None = None) -> str:
        """kubectl with these arguments, which must succeed."""
        done = self.call(*arguments, given=given)
        assert done.code == 0, (arguments, done.out, done.err)
        return done.out

    def get(self, *arguments: str) -> list[Body]:
        """The objects that `kubectl get` finds."""
        found = json.loads(self.do("get", "--output=json", *arguments))
        items: list[Body] = found.get("items", [found])
        return items

    def apply(self, *bodies: Body) -> None:
        """Puts these objects there."""
        self.do("apply", "--filename=-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)}))

    def foreign(self, kind: str, name: str, namespace: str, **parts: Any) -> Body:
        """Puts an object there that is of no lab; gives it as it is there then."""
        group = {"Deployment": "apps/v1"}.get(kind, "v1")
        metadata = {"name": name, "namespace": namespace, "labels": {FOREIGN: "yes"}}
        self.apply({"apiVersion": group, "kind": kind, "metadata": metadata, **parts})
        return self.get(kind, name, f"--namespace={namespace}")[0]

    def version(self) -> str:
        """Of Kubernetes, like v1.37.2."""
        self._version = self._version or json.loads(self.do("version", "--output=json"))["serverVersion"]["gitVersion"]
        return self._version

    def settle(self) -> None:
        """Waits until every Deployment is rolled out, to the end of what its controllers write."""
        for namespace in sorted(
            {body["metadata"]["namespace"] for body in self.get("deployments", "--all-namespaces")}
        ):
            self.do("rollout", "status", "deployment", f"--namespace={namespace}", "--timeout=60s")

    def listing(self) -> dict[Key, Body]:
        """Every object in any namespace, the namespaces and the webhooks, but for what controllers make."""
        kinds = self.do("api-resources", "--namespaced", "--verbs=list,create", "--output=name").split()
        kinds = sorted({*kinds, "namespaces", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"})
        found = self.get(",".join(kinds), "--all-namespaces")
        return {_key(body): _lasting(body) for body in found if not _by_itself(body)}

    def restore(self, before: dict[Key, Body]) -> None:
        """Makes the cluster what the listing `before` says."""
        now = self.listing()
        extra = [now[key] for key in now.keys() - before.keys()]
        lost = [before[key] for key in before.keys() - now.keys()]
        changed = [before[key] for key in before.keys() & now.keys() if before[key] != now[key]]
        # What is in a namespace goes before it, and comes after it.
        extra.sort(key=lambda body: body["kind"] == "Namespace")
        lost.sort(key=lambda body: body["kind"] != "Namespace")
        self._change("delete", extra, "--ignore-not-found")
        self._change("create", lost)
        self._change("replace", changed)

    def _change(self, verb: str, bodies: list[Body], *options: str) -> None:
        if bodies:
            items = [{**body, "metadata": _asked(body["metadata"])} for body in bodies]
            self.do(
                verb, "--filename=-", *options, given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            )


def _asked(metadata: Body) -> Body:
    """What a client may ask for."""
    return {name: value for name, value in metadata.items() if name not in {"uid", "generation", "creationTimestamp"}}


def _key(body: Body) -> Key:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _by_itself(body: Body) -> bool:
    """Whether controllers made it, of other objects, in every namespace, or to choose a leader."""
    kind, namespace, name = _key(body)
    leads = any(note.startswith("control-plane.") for note in body["metadata"].get("annotations", {}))
    return kind in DERIVED or leads or bool(namespace and name in EVERYWHERE)


def _lasting(body: Body) -> Body:
    """An object without what changes by itself; its uid stays, so that a new object of the same name is another."""
    changing = {"resourceVersion", "managedFields"}
    metadata = {name: value for name, value in body["metadata"].items() if name not in changing}
    return {**{name: value for name, value in body.items() if name != "status"}, "metadata": metadata}


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Waits until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(0.1)


@contextmanager
def held(
    command: list[str], log: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with this block, and with this process should that be killed: its shell waits on a pipe from here."""
    shell = '"$@" >"$LOG" 2>&1 & cat; kill $! && wait $!'
    process = subprocess.Popen(
        ["sh", "-c", shell, "sh", *command],
        stdin=subprocess.PIPE,
        cwd=folder,
        env={**environment, "LOG": str(log)},
        start_new_session=True,  # Ctrl-C is for the tests, which then end it
    )
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=30)


@contextmanager
def running_cluster(testcluster: str, kubectl: str, folder: Path) -> Iterator[Cluster]:
    """A cluster with nothing in it."""
    said = folder / "said"
    with held([testcluster, str(folder)], said, folder, os.environ):
        until(lambda: said.exists() and said.read_text().endswith("\n"), 120)
        assert said.read_text() == "READY\n", (folder / "log").read_text()[-2000:]
        yield Cluster(folder, kubectl)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody has."""
    with_all_open = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in with_all_open]
    for one in with_all_open:
        one.close()
    return ports


@pytest.fixture(scope="session")
def cluster(tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster; each test leaves it as it was."""
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(tool("testcluster"), tool("kubectl"), folder) as found:
        yield found
    shutil.rmtree(folder)  # 130 MB
