# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# One certificate authority and a certificate per program, in $STATE/pki; a kubeconfig per program beside.

make_authority() {
  openssl genrsa -out sa.key 2048 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 \
    -subj "/CN=community.che test cluster" 2>/dev/null
}

# make_certificate NAME SUBJECT: signed by our authority, valid for every address of the API server and the node.
make_certificate() {
  local names=IP:$NODE_ADDRESS,IP:$API_SERVICE,IP:127.0.0.1,DNS:localhost,DNS:$NODE_NAME
  names=$names,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names") 2>/dev/null
  rm "$1.csr"
}

make_kubeconfig() {
  cat <<YAML
apiVersion: v1
kind: Config
clusters:
  - name: $ID
    cluster: {server: "$API_SERVER", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
  - name: $1
    user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}
contexts:
  - name: $ID
    context: {cluster: $ID, user: $1}
current-context: $ID
YAML
}

# The administrator's kubeconfig is written last: it stands for all of them.
make_pki() {
  [ ! -f "$OWN_KUBECONFIG" ] || return 0
  (
    umask 077
    mkdir -p "$STATE/pki"
    cd "$STATE/pki"
    make_authority
    make_certificate apiserver /CN=kube-apiserver
    make_certificate kubelet "/O=system:nodes/CN=system:node:$NODE_NAME"
    make_certificate controller-manager /CN=system:kube-controller-manager
    make_certificate scheduler /CN=system:kube-scheduler
    make_certificate proxy /CN=system:kube-proxy
    make_certificate admin /O=system:masters/CN=admin
    for user in kubelet controller-manager scheduler proxy admin; do make_kubeconfig "$user" >"$user.conf"; done
    cp admin.conf "$OWN_KUBECONFIG.new"
    mv "$OWN_KUBECONFIG.new" "$OWN_KUBECONFIG"
  ) || fail "making certificates failed; see whether openssl works"
}
