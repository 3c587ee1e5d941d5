# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# What a cluster has from its installer: DNS and a default storage class.

manifests_key() { digest_of "$HERE"/manifests/*.yaml; }

manifests_are_current() { [ "$(cat "$STATE/run/manifests" 2>/dev/null)" = "$(manifests_key)" ]; }

apply_manifests() {
  local manifest
  if manifests_are_current; then return; fi
  for manifest in "$HERE"/manifests/*.yaml; do
    fill "$manifest" | kubectl apply -f - >>"$STATE/log/manifests.log" 2>&1 ||
      fail "applying $manifest failed, see $STATE/log/manifests.log"
  done
  manifests_key >"$STATE/run/manifests"
}

# Asked from this machine, through the Service: so pods, Services and DNS work.
dns_answers() { busybox nslookup kubernetes.default.svc.cluster.local "$DNS_SERVICE"; }

default_service_account_exists() { kubectl get serviceaccount default --namespace default; }

start_addons() {
  apply_manifests
  wait_for 180 "DNS in the cluster to answer" dns_answers
  wait_for 30 "the default service account" default_service_account_exists
}
