# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# One caller at a time starts or stops the cluster. The lock is descriptor 9: whatever outlives the
# caller must be started with 9>&-, or it would hold the lock for ever.
take_lock() {
  make_own_folder "$(dirname "$STATE")"
  exec 9>"$STATE.lock"
  if ! flock -n 9; then
    say "waiting: another run starts or stops this cluster"
    flock -w 3600 9 || fail "another run has held $STATE.lock for an hour"
  fi
  claim_network
}

# Folders' names are hashed to few networks: two clusters must never take each other's pods for their own.
claim_network() {
  local claim=/run/community.che/$ID owner
  mkdir -p /run/community.che
  owner=$(cat "$claim" 2>/dev/null || true)
  if [ -n "$owner" ] && [ "$owner" != "$STATE" ]; then
    fail "the cluster in $owner has the network that $STATE would get; set CHE_TEST_CLUSTER_DIR to yet another folder"
  fi
  echo "$STATE" >"$claim"
}

release_network() { rm -f "/run/community.che/$ID"; }

# Everybody may write in /var/tmp: a folder or link that somebody else put there is not to be followed.
make_own_folder() {
  mkdir -p "$1"
  if [ -L "$1" ] || [ ! -O "$1" ]; then
    fail "$1 belongs to somebody else; set CHE_TEST_CLUSTER_DIR to another folder"
  fi
}

require_root() {
  [ "$(id -u)" = 0 ] || fail "root is needed (network namespaces, mounts, containers): run it with sudo," \
    "or set KUBECONFIG to a cluster that exists (kind, minikube, your own)"
}
