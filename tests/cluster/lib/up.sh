# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

up() {
  if ! own_cluster_is_meant; then
    check_other_cluster
    return
  fi
  require_root
  take_lock
  if own_cluster_is_ready && images_are_current && manifests_are_current; then
    say "the test cluster runs already"
    hint_at_changes
  else
    start_own_cluster
  fi
  say "export KUBECONFIG=$OWN_KUBECONFIG"
}

# On a new machine there is nothing to forget, and nothing yet to do it with.
renew() {
  if own_cluster_is_meant && [ -d "$STATE" ]; then down --purge; fi
  up
}

# With whatever client this machine has: our own one takes minutes to build.
check_other_cluster() {
  local client
  for client in "$(type -P kubectl)" "$BIN/kubectl"; do
    [ -x "$client" ] || continue
    "$client" --request-timeout=20s get --raw /readyz >/dev/null ||
      fail "KUBECONFIG is set to $KUBECONFIG, and that cluster does not answer. Unset it to use the test cluster"
    say "KUBECONFIG is set: that cluster answers and is used as it is; nothing was started"
    return
  done
  fail "KUBECONFIG is set to $KUBECONFIG, but there is no kubectl on PATH to check that cluster with"
}

own_cluster_is_ready() {
  all_running && network_exists && api_is_ready >/dev/null 2>&1 && dns_answers >/dev/null 2>&1
}

# What the running programs were started from. Images and manifests are brought up to date while they run.
source_key() {
  digest_of "$HERE"/lib/{settings,network,control_plane,node}.sh "$HERE"/config/* "$HERE"/go/kubernetes/{go.mod,*.go}
}

hint_at_changes() {
  [ "$(cat "$STATE/run/source" 2>/dev/null)" = "$(source_key)" ] ||
    say "it was started by other versions of these files; to renew it: $HERE/cluster down && $HERE/cluster up"
}

start_own_cluster() {
  local began=$SECONDS import
  make_own_folder "$STATE"
  mkdir -p "$CACHE/log" "$STATE"/{run,log,config}
  forget_the_dead
  next_step "Debian packages"
  install_packages
  next_step "programs: Kubernetes, CoreDNS, restic"
  build_all
  next_step "images"
  each_image make_layers
  next_step "control plane"
  is_running kube-apiserver || source_key >"$STATE/run/source"
  make_pki
  make_network
  start_containerd
  import_images &
  import=$!
  start_control_plane
  next_step "node"
  start_node
  wait "$import" || exit 1 # it has said why
  next_step "DNS and storage"
  start_addons
  prune_cache
  hint_at_changes
  say "the test cluster is ready after $((SECONDS - began)) s"
}
