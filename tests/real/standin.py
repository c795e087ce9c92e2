"""A stand-in for istioctl on an API server whose istiod is a process of this machine, not a pod.

    python standin.py VERSION REAL KUBECTL URL COMMAND...

`version` says VERSION; `install --filename FILE` applies what the real istioctl (REAL) renders of that file, with webhooks that
lead to istiod at URL; `uninstall` takes away what any such file brings. Namespace istio-system stays, as with the real one;
Istio's kinds stay too, which the real one takes: a busy API server can need minutes to remove kinds while istiod watches them.
"""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import yaml

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}


def main(version: str, real: str, kubectl: str, url: str, command: str, *options: str) -> int:
    """One call of it; gives its exit status."""
    if command == "version":
        sys.stdout.write(f"client version: {version}\n")
        return 0
    choice = [option for option in options if option.startswith("--filename=")] or ["--set=profile=demo"]
    rendered = _rendered(real, choice)
    if rendered is None:
        return 1
    texts = [yaml.safe_dump(NAMESPACE), *rendered.split("\n---\n")]
    kinds_are_there = _there(kubectl, "customresourcedefinition/telemetries.telemetry.istio.io")
    if kinds_are_there or command == "uninstall":
        # A megabyte, and the same for every file.
        texts = [text for text in texts if "kind: CustomResourceDefinition\n" not in text]
    if command == "uninstall":
        return _given("\n---\n".join(texts[1:]), kubectl, "delete", "--ignore-not-found", "--wait=true")
    objects = "\n---\n".join(_led_to(url, text) for text in texts)
    return _given(objects, kubectl, "apply", "--server-side", "--force-conflicts")


def _rendered(real: str, choice: list[str]) -> str | None:
    """What the real istioctl renders; of the same settings only once, for as long as the folder HOME is there."""
    said = "".join(Path(option.removeprefix("--filename=")).read_text() for option in choice if "filename" in option)
    known = Path.home() / f"istio-{sha256(said.encode()).hexdigest()[:16]}.yaml"
    if not known.exists():
        done = subprocess.run([real, "manifest", "generate", *choice], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            return None
        known.write_text(done.stdout)
    return known.read_text()


def _there(kubectl: str, name: str) -> bool:
    return subprocess.run([kubectl, "get", name], capture_output=True, check=False).returncode == 0


def _led_to(url: str, text: str) -> str:
    """An object of Istio; a webhook among them leads to `url`."""
    if "WebhookConfiguration" not in text:
        return text
    body = yaml.safe_load(text)
    for hook in body["webhooks"]:
        hook["clientConfig"] = {"url": url + hook["clientConfig"]["service"]["path"]}
        if body["kind"].startswith("Validating"):
            # For objects without a revision istioctl makes a second configuration at install time; here one serves all.
            hook.pop("objectSelector")
    return yaml.safe_dump(body)


def _given(objects: str, kubectl: str, *options: str) -> int:
    done = subprocess.run(
        [kubectl, *options, "--filename=-"], input=objects, stdout=subprocess.DEVNULL, text=True, check=False
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
