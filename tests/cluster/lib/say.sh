# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Messages go to stderr, so that stdout holds only what a command was asked for.

say() { printf '%s\n' "$*" >&2; }

fail() {
  printf 'test cluster: %s\n' "$*" >&2
  exit 1
}

STEPS=6
step=0
next_step() {
  step=$((step + 1))
  say "[$step/$STEPS] $*"
}

# with_heartbeat WHAT COMMAND...: says every 30 seconds that a long command still runs, as long as we do:
# a process in the background does not see Ctrl-C.
with_heartbeat() {
  local what=$1 beat result=0 began=$SECONDS
  shift
  while sleep 30 >/dev/null 2>&1 9>&- && kill -0 $$; do
    say "      still $what: $(((SECONDS - began) / 60)) min $(((SECONDS - began) % 60)) s"
  done &
  beat=$!
  "$@" || result=$?
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  return "$result"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. A recorded process that dies meanwhile ends the wait.
wait_for() {
  local limit=$1 what=$2 began=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    fail_if_a_process_died "$what"
    if [ $((SECONDS - began)) -ge "$limit" ]; then
      fail "$what: not within $limit s. Logs: $STATE/log"
    fi
    sleep 0.3
  done
}
