# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# etcd, the API server, the controllers and the scheduler. Apart from the API server they listen on the loopback
# address of the cluster's own network.

start_etcd() {
  # No fsync: a test cluster may lose its last writes when the machine crashes.
  start etcd etcd --name "$NODE_NAME" --data-dir "$STATE/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
}

start_api_server() {
  local pki=$STATE/pki
  start kube-apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
    --bind-address="$NODE_ADDRESS" --advertise-address="$NODE_ADDRESS" --secure-port=6443 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --service-account-key-file="$pki/sa.key" --service-account-signing-key-file="$pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged \
    --service-cluster-ip-range="$SERVICE_RANGE"
}

start_controllers() {
  local pki=$STATE/pki
  start kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig="$pki/controller-manager.conf" \
    --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt"
  start kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$pki/scheduler.conf" \
    --bind-address=127.0.0.1 --leader-elect=false
}

api_is_ready() { kubectl get --raw /readyz; }

start_control_plane() {
  start_etcd
  start_api_server
  wait_for 120 "the API server to be ready" api_is_ready
  start_controllers
}
