# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# What a cluster has from its installer: DNS and a default storage class.

apply_manifests() {
  local manifest applied=$STATE/run/manifests key
  key=$(digest_of "$HERE"/manifests/*.yaml)
  [ "$(cat "$applied" 2>/dev/null)" != "$key" ] || return 0
  for manifest in "$HERE"/manifests/*.yaml; do
    fill "$manifest" | kubectl apply -f - >>"$STATE/log/manifests.log" 2>&1 ||
      fail "applying $manifest failed, see $STATE/log/manifests.log"
  done
  echo "$key" >"$applied"
}

# Asked from this machine, through the Service: so pods, Services and DNS work.
dns_answers() { busybox nslookup kubernetes.default.svc.cluster.local "$DNS_SERVICE"; }

default_service_account_exists() { kubectl get serviceaccount default --namespace default; }

start_addons() {
  apply_manifests
  wait_for 90 "DNS in the cluster to answer" dns_answers
  wait_for 30 "the default service account" default_service_account_exists
}
