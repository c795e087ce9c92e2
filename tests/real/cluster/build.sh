#!/usr/bin/env bash
# Builds testcluster and kubectl into a folder: build.sh FOLDER
# Both say which Kubernetes they are made of: kubectl and istiod read that version.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.} minor=${minor%%.*}
stamp=k8s.io/component-base/version
flags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor -X $stamp.gitTreeState=clean"
build=(go build -mod=readonly -p "${P:-2}" -trimpath -ldflags "$flags")
"${build[@]}" -o "$folder/testcluster" .
"${build[@]}" -o "$folder/kubectl" k8s.io/kubernetes/cmd/kubectl
