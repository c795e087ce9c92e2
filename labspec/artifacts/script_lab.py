"""scripts/lab.sh: every step of the lab."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._script import VARIANT, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Runs every step of the lab in turn and stops at the first that fails.
Usage: scripts/lab.sh [VARIANT] [--yes]      --yes: for install.sh, on a mesh that this lab did not install
"""

_OPTIONS = r"""
install=()
for argument in "$@"; do
  shift
  if [[ $argument == --yes ]]; then install=(--yes); else set -- "$@" "$argument"; fi
done
"""

_STEPS = r"""
step() { # NUMBER SCRIPT [OPTION...]
  local number=$1 name=$2 status=0
  shift 2
  printf '\n== %s/6 %s\n' "$number" "$name"
  "$out/scripts/$name.sh" "$@" || status=$?
  if [[ $status -ne 0 ]]; then
    complain error "step $number, $name, failed" "when its cause is gone, run it again: $out/scripts/$name.sh $*" "or all steps: $out/scripts/lab.sh"
    exit "$status"
  fi
}

step 1 preflight "$variant"
step 2 install ${install[@]+"${install[@]}"} "$variant"
step 3 deploy "$variant"
step 4 traffic "$variant"
step 5 logs "$variant"
step 6 ui --check "$variant"
"""

_END = r"""
printf '\nThe lab runs.\n'
printf 'To see the traces: %s/scripts/ui.sh\n' "$out"
printf 'To clean up:       %s/scripts/teardown.sh\n' "$out"
"""
_END_WITHOUT = r"""
printf '\nThe lab runs.\n'
printf 'To clean up: %s/scripts/teardown.sh\n' "$out"
"""


def _files(plan: Plan) -> Iterator[File]:
    yield script(plan, "lab", _ABOUT, {}, _OPTIONS, VARIANT, _STEPS, _END if plan.collector else _END_WITHOUT)


ARTIFACT = Files(_files)
