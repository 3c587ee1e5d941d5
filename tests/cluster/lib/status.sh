# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

NOT_READY=3

status() {
  if ! own_cluster_is_meant; then
    check_other_cluster
    return
  fi
  print_processes
  if own_cluster_is_ready; then
    echo "ready: $(kubectl get node "$NODE_NAME" --no-headers), $(kubectl get pods -A --no-headers | wc -l) pods"
    echo "kubeconfig: $OWN_KUBECONFIG"
  else
    echo "not ready"
    return "$NOT_READY"
  fi
}

print_processes() {
  local name doing
  for name in "${PROCESSES[@]}"; do
    doing=stopped
    if is_running "$name"; then
      doing="running, process $(cut -d' ' -f1 "$(record_of "$name")")"
    elif [ -f "$(record_of "$name")" ]; then
      doing="ended unasked, see $STATE/log/$name.log"
    fi
    printf '%-24s %s\n' "$name" "$doing"
  done
}
