#!/usr/bin/env bash
# Builds kustomize and kustomize-5.5 into a folder: build.sh FOLDER
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

build() { # name, its module's folder: each program says which version it is made of
  local version
  cd "$2"
  version=$(go list -mod=readonly -m -f '{{.Version}}' sigs.k8s.io/kustomize/kustomize/v5)
  go build -mod=readonly -p "${P:-2}" -ldflags "-s -w -X sigs.k8s.io/kustomize/api/provenance.version=$version" \
    -o "$folder/$1" sigs.k8s.io/kustomize/kustomize/v5
}

build kustomize "$here"
build kustomize-5.5 "$here/5.5"
