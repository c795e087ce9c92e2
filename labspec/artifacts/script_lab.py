"""scripts/lab.sh: every step of the lab."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._script import VARIANT, YES, Settings, only, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Runs every step of the lab in turn and stops at the first that fails.
Usage: scripts/lab.sh [VARIANT] [--yes]      --yes: for install.sh, on a mesh that this lab did not install
"""

_STEPS = r"""
step() { # NUMBER SCRIPT [OPTION...]
  local number=$1 name=$2 status=0
  shift 2
  printf '\n== %s/6 %s\n' "$number" "$name"
  "$out/scripts/$name.sh" "$@" || status=$?
  if [[ $status -ne 0 ]]; then
    complain error "step $number, $name, failed" "when its cause is gone, run it again: $out/scripts/$name.sh $*" "or all steps: $out/scripts/lab.sh$chosen"
    exit "$status"
  fi
}

step 1 preflight "$variant"
step 2 install ${yes[@]+"${yes[@]}"} "$variant"
step 3 deploy "$variant"
step 4 traffic "$variant"
step 5 logs "$variant"
step 6 ui --check "$variant"
"""

_END = r"""
printf '\nThe lab runs.\n'
"""

_TRACES = r"""
printf 'To see the traces: %s\n' "$out/scripts/ui.sh$chosen"
"""

_CLEAN = r"""
printf 'To clean up:       %s\n' "$out/scripts/teardown.sh"
"""


def _files(plan: Plan) -> Iterator[File]:
    collects = [form.collector is not None for form in plan.forms]

    def settings(form: Plan) -> Settings:
        return (
            {"COLLECTOR": form.collector.kind if form.collector else ""} if any(collects) and not all(collects) else {}
        )

    traces = only(plan, lambda form: form.collector is not None, "-n $COLLECTOR", _TRACES)
    clean = _CLEAN if any(collects) else _CLEAN.replace("up:       ", "up: ")
    ending = "".join(part.lstrip() for part in (_END, traces, clean))
    yield script(plan, "lab", _ABOUT, settings, YES, VARIANT, _STEPS, ending)


ARTIFACT = Files(_files)
