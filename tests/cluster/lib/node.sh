# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# The node: container runtime, kubelet, service proxy, volumes.

# One in each hierarchy: there are many with cgroup v1, one with v2, and both kinds on a machine that mixes them.
cgroup_folders() { awk -v id="$ID" '$3 ~ /^cgroup2?$/ {print $2 "/" id}' /proc/mounts; }

# A cgroup of our own: a kubelet removes pods that it doesn't know from the one that it is given,
# and another kubelet of this machine uses the root.
make_cgroup() {
  local folder controller
  for folder in $(cgroup_folders); do mkdir -p "$folder"; done
  [ -f /sys/fs/cgroup/cgroup.controllers ] || return 0
  for controller in $(</sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
  done
}

remove_cgroup() {
  local folder
  for folder in $(cgroup_folders); do
    [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

containerd_answers() { ctr --address "$CONTAINERD_SOCKET" version; }

start_containerd() {
  local SNAPSHOTTER=overlayfs
  # One overlay on another is not possible, as inside a container.
  # shellcheck disable=SC2034 # fill puts it in
  [ "$(stat -f -c %T "$STATE")" != overlayfs ] || SNAPSHOTTER=native
  mkdir -p "$STATE/config/cni" "$STATE/config/registries/_default"
  fill "$HERE/config/containerd.toml" >"$STATE/config/containerd.toml"
  fill "$HERE/config/registries.toml" >"$STATE/config/registries/_default/hosts.toml"
  fill "$HERE/config/cni.conflist" >"$STATE/config/cni/10-pods.conflist"
  start containerd containerd --config "$STATE/config/containerd.toml"
  wait_for 60 "containerd to answer" containerd_answers
}

# Asked of the kubelet itself too, as the API server still tells what it knew before the last stop.
kubelet_is_healthy() {
  in_network timeout 2 bash -c '
    exec 3<>/dev/tcp/127.0.0.1/10248
    printf "GET /healthz HTTP/1.0\r\n\r\n" >&3
    grep -q "200 OK" <&3'
}

node_is_ready() {
  kubelet_is_healthy &&
    kubectl wait --for=condition=Ready "node/$NODE_NAME" --timeout=1s
}

start_kubelet() {
  mkdir -p "$STATE/kubelet" "$STATE/log/pods"
  make_cgroup
  fill "$HERE/config/kubelet.yaml" >"$STATE/config/kubelet.yaml"
  start kubelet "$BIN/kubelet" --config="$STATE/config/kubelet.yaml" --kubeconfig="$STATE/pki/kubelet.conf" \
    --hostname-override="$NODE_NAME" --node-ip="$NODE_ADDRESS" --root-dir="$STATE/kubelet"
}

start_proxy() {
  start kube-proxy "$BIN/kube-proxy" --kubeconfig="$STATE/pki/proxy.conf" --proxy-mode=nftables \
    --hostname-override="$NODE_NAME" --cluster-cidr="$POD_RANGE" \
    --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249 \
    --conntrack-max-per-core=0 --conntrack-min=0 \
    --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}

start_volume_provisioner() {
  mkdir -p "$STATE/volumes"
  chmod 755 "$STATE/volumes"
  start volume-provisioner "$BIN/volume-provisioner" --kubeconfig="$STATE/pki/admin.conf" \
    --folder="$STATE/volumes" --node="$NODE_NAME"
}

start_node() {
  start_kubelet
  start_proxy
  start_volume_provisioner
  wait_for 180 "the node to be ready" node_is_ready
}

stop_pods() {
  containerd_answers >/dev/null 2>&1 || return 0
  "$BIN/pod-stopper" --endpoint="unix://$CONTAINERD_SOCKET" >"$STATE/log/pod-stopper.log" 2>&1 ||
    say "      not every pod ended by itself, see $STATE/log/pod-stopper.log"
}

# What outlives its pod, or its containerd: found by our cgroup and by our socket in the command line.
kill_leftovers() {
  local folder pid
  for folder in $(cgroup_folders); do
    [ -d "$folder" ] || continue
    find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null
  done | sort -u | while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done
  for pid in /proc/[0-9]*; do
    case "$({ tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null)" in
      *containerd-shim*" -address $CONTAINERD_SOCKET"*) kill -KILL "${pid#/proc/}" 2>/dev/null || true ;;
    esac
  done
}

unmount_all() {
  awk -v under="$STATE/" 'index($2, under) == 1 {print $2}' /proc/mounts | sort -r | while read -r folder; do
    umount -l "$folder" || true
  done
}
