# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# What we started is known by process id, start time and boot, so that a number used again by
# somebody else's process is never taken for ours.

PROCESSES=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy volume-provisioner)

record_of() { echo "$STATE/run/$1.pid"; }

# identity_of PID: nothing for a process that is gone or a zombie.
identity_of() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -ra fields <<<"${stat##*) }" # the fields after the name, which may hold blanks
  [ "${fields[0]}" = Z ] || echo "$1 ${fields[19]} $(</proc/sys/kernel/random/boot_id)"
}

is_running() {
  local recorded
  recorded=$(cat "$(record_of "$1")" 2>/dev/null) || return 1
  [ -n "$recorded" ] && [ "$(identity_of "${recorded%% *}")" = "$recorded" ]
}

# start NAME COMMAND...: in the cluster's network, in a session of its own.
start() {
  local name=$1 pid
  shift
  if is_running "$name"; then return; fi
  setsid nsenter --net="/run/netns/$ID" "$@" >"$STATE/log/$name.log" 2>&1 </dev/null 9>&- &
  pid=$!
  identity_of "$pid" >"$(record_of "$name")"
}

# stop NAME: asks, and after ten seconds insists.
stop() {
  local name=$1 pid deadline=$((SECONDS + 10))
  if is_running "$name"; then
    read -r pid _ <"$(record_of "$name")"
    kill "$pid" 2>/dev/null || true
    while is_running "$name"; do
      [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$pid" 2>/dev/null || true
      sleep 0.1
    done
  fi
  rm -f "$(record_of "$name")"
}

# A start is to notice what dies from now on, not what an earlier one lost.
forget_the_dead() {
  local name
  for name in "${PROCESSES[@]}"; do
    is_running "$name" || rm -f "$(record_of "$name")"
  done
}

all_running() {
  local name
  for name in "${PROCESSES[@]}"; do is_running "$name" || return 1; done
}

fail_if_a_process_died() {
  local name
  for name in "${PROCESSES[@]}"; do
    if [ -f "$(record_of "$name")" ] && ! is_running "$name"; then
      tail -n 15 "$STATE/log/$name.log" >&2 || true
      fail "$1: $name has ended, its last lines are above, all of them in $STATE/log/$name.log"
    fi
  done
}
