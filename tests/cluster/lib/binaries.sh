# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything written in Go is built from the modules that go/*/go.mod and go.sum pin.

KUBERNETES_COMMANDS=(kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubelet kubectl
  volume-provisioner pod-stopper)

BUILD_FLAGS=(-mod=readonly -trimpath -buildvcs=false)

# pinned_version TOOL: the version of the module that go/TOOL/go.mod requires.
pinned_version() {
  sed -n "s|^\(require \)\?\s*[^ ]*/${1%-oldest} \(v[^ ]*\)\$|\2|p" "$HERE/go/$1/go.mod" | head -n 1
}

needed_go() {
  sed -n 's/^go \([0-9.]*\)$/\1/p' "$HERE"/go/*/go.mod | sort -V | tail -n 1
}

# Go can fetch a newer one of itself, unless GOTOOLCHAIN forbids it.
check_go() {
  local needed have
  needed=$(needed_go)
  command -v go >/dev/null || fail "Go $needed or later is needed to build the cluster, and there is none on PATH." \
    "Install it from https://go.dev/dl/ or from Debian's backports, or set KUBECONFIG to a cluster that exists"
  have=$(GOTOOLCHAIN=local go env GOVERSION)
  have=${have#go}
  if [ "$(printf '%s\n' "$needed" "$have" | sort -V | head -n 1)" = "$needed" ]; then return; fi
  case "$(go env GOTOOLCHAIN)" in
    local | path)
      fail "Go $needed or later is needed to build the cluster; this is Go $have, and GOTOOLCHAIN keeps it" \
        "from fetching a newer one. Install a newer Go, or run: GOTOOLCHAIN=auto $HERE/cluster up" ;;
    *) say "      Go $have is older than $needed: it will fetch that version of itself" ;;
  esac
}

# The version of Go is left out: a newer one is no reason to build for minutes again.
tool_key() {
  digest_of "$HERE/go/$1"/go.mod "$HERE/go/$1"/go.sum "$HERE/go/$1"/*.go <(echo "${BUILD_FLAGS[@]}")
}

tool_path() { echo "$CACHE/tools/$1-$(tool_key "$1")/$1"; }

package_of() {
  if [ -f "$HERE/go/$1/main.go" ]; then echo .; else sed -n 's/^import _ "\(.*\)"$/\1/p' "$HERE/go/$1/tool.go"; fi
}

linker_flags() {
  local version=$2 minor setting
  printf -- '-s -w'
  [ "$1" = kubernetes ] || return 0
  minor=$(cut -d. -f2 <<<"$version")
  for setting in gitVersion="$version" gitMajor=1 gitMinor="$minor"; do
    printf -- ' -X k8s.io/component-base/version.%s' "$setting"
  done
}

go_build() {
  local tool=$1 output=$2
  cd "$HERE/go/$tool" || return
  CGO_ENABLED=0 GOWORK=off GOOS='' GOARCH='' go build "${BUILD_FLAGS[@]}" \
    -ldflags "$(linker_flags "$tool" "$(pinned_version "$tool")")" -o "$output" "$(package_of "$tool")"
}

# build_tool NAME MINUTES: the minutes that the first build takes on two cores.
build_tool() {
  local tool=$1 minutes=$2 path
  path=$(tool_path "$tool")
  touch -c "$(dirname "$path")"
  [ ! -x "$path" ] || return 0
  [ -n "${go_checked:-}" ] || check_go
  go_checked=yes
  say "      building $tool $(pinned_version "$tool"): the first time about $minutes min on two cores, then cached"
  mkdir -p "$(dirname "$path")"
  (with_heartbeat "building $tool" go_build "$tool" "$path.$$") || fail "building $tool failed, see above"
  mv "$path.$$" "$path"
}

# link_tool NAME COMMAND...: the commands in $BIN lead to the tool; ln -sfn into place, as they may be running.
link_tool() {
  local path command
  path=$(tool_path "$1")
  shift
  mkdir -p "$BIN"
  for command in "$@"; do
    [ "$(readlink "$BIN/$command")" = "$path" ] || ln -sfn "$path" "$BIN/$command"
  done
}

# restic, now and as old as is supported, what it runs in Jobs, and the servers that it is tested with outside of the
# cluster.
build_restic_tools() {
  build_tool restic 3
  build_tool restic-oldest 3
  build_tool rest-server 1
  build_tool versitygw 3
  build_tool rclone 2
  link_tool restic restic
  link_tool restic-oldest restic-oldest
  link_tool rest-server rest-server
  link_tool versitygw versitygw
  link_tool rclone rclone
}

build_all() {
  build_tool kubernetes 12
  link_tool kubernetes "${KUBERNETES_COMMANDS[@]}"
  build_tool coredns 4
  link_tool coredns coredns
  build_restic_tools
}

tools_folder() {
  mkdir -p "$CACHE"
  build_restic_tools
  echo "$BIN"
}
