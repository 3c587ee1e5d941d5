# shellcheck shell=bash disable=SC2034 # read by the other parts
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Where things are, which addresses they have. Versions stand in go/*/go.mod and images/list.txt.

DEFAULT_STATE=/var/tmp/community.che/cluster
STATE=${CHE_TEST_CLUSTER_DIR:-$DEFAULT_STATE}
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/community.che
BIN=$CACHE/bin
OWN_KUBECONFIG=$STATE/admin.conf
NODE_NAME=node1

# A second cluster beside the default one has a network of its own: 10.200 to 10.230.
cluster_number() {
  if [ "$STATE" = "$DEFAULT_STATE" ]; then
    echo 231
  else
    echo $((200 + $(printf %s "$STATE" | cksum | cut -d' ' -f1) % 31))
  fi
}
NUMBER=$(cluster_number)
ID=che-test-$NUMBER # names the network namespace, the host's link (15 characters at most) and the cgroup

CLUSTER_RANGE=10.$NUMBER.0.0/16
POD_RANGE=10.$NUMBER.0.0/24
SERVICE_RANGE=10.$NUMBER.16.0/20
API_SERVICE=10.$NUMBER.16.1
DNS_SERVICE=10.$NUMBER.16.10
HOST_ADDRESS=10.$NUMBER.255.1
NODE_ADDRESS=10.$NUMBER.255.2
API_SERVER=https://$NODE_ADDRESS:6443
CONTAINERD_SOCKET=$STATE/containerd.sock

# A proxy for the outside is no way to the cluster.
export NO_PROXY="${NO_PROXY:-${no_proxy:-}},127.0.0.1,$CLUSTER_RANGE"
export no_proxy=$NO_PROXY

own_cluster_is_meant() {
  [ -z "${KUBECONFIG:-}" ] || [ "$KUBECONFIG" = "$OWN_KUBECONFIG" ]
}

kubeconfig_path() {
  if own_cluster_is_meant; then echo "$OWN_KUBECONFIG"; else echo "$KUBECONFIG"; fi
}

# Our own kubectl, whatever the caller's environment says.
kubectl() {
  "$BIN/kubectl" --kubeconfig="$OWN_KUBECONFIG" "$@"
}

# fill FILE: the file with the settings put in for @NAME@.
fill() {
  local text name
  text=$(<"$1")
  for name in STATE ID NODE_NAME NODE_ADDRESS POD_RANGE SERVICE_RANGE DNS_SERVICE CONTAINERD_SOCKET SNAPSHOTTER; do
    text=${text//@$name@/${!name:-}}
  done
  printf '%s\n' "$text"
}

# digest_of FILE...: twelve characters that change with any of the files.
digest_of() {
  cat -- "$@" | sha256sum | cut -c1-12
}
