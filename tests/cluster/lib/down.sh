# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# down [--purge]
down() {
  if ! own_cluster_is_meant; then
    say "KUBECONFIG is set to another cluster, which is left alone; unset it to stop the test cluster"
    return
  fi
  require_root
  take_lock
  stop_own_cluster
  if [ "${1:-}" = --purge ]; then forget_own_cluster; fi
}

# The kubelet first, or it would start the pods again.
stop_own_cluster() {
  stop kubelet
  stop_pods
  stop volume-provisioner
  stop kube-proxy
  stop containerd
  kill_leftovers
  stop kube-scheduler
  stop kube-controller-manager
  stop kube-apiserver
  stop etcd
  unmount_all
  remove_network
  remove_cgroup
  remove_log_links
  release_network
  say "the test cluster is stopped"
}

# The kubelet links logs from there whatever it is told about their folder.
remove_log_links() {
  [ ! -d /var/log/containers ] || find /var/log/containers -type l -lname "$STATE/*" -delete
}

forget_own_cluster() {
  if grep -q " $STATE/" /proc/mounts; then fail "something is still mounted under $STATE; nothing was removed"; fi
  forget_network
  rm -rf --one-file-system "$STATE" "$STATE.lock"
  say "its objects and volumes are forgotten; what was built stays in $CACHE"
}
