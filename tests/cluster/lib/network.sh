# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# The cluster lives in a network namespace of its own, tied to this machine by one link. So its ports, packet
# filter rules and forwarding touch nothing of the machine's, a firewall here (Docker's, ufw) can't part its pods,
# and as the namespace has no default route, nothing in it can reach beyond this machine.

in_network() { nsenter --net="/run/netns/$ID" "$@"; }

# The route into it is made last, so it stands for all the rest.
network_exists() { in_network true 2>/dev/null && [ -n "$(ip -4 route show "$CLUSTER_RANGE" dev "$ID" 2>/dev/null)" ]; }

make_network() {
  if network_exists; then return; fi
  refuse_a_taken_range
  remove_network
  # While there is no link, traffic for the cluster ends here instead of leaving by the default route.
  ip route replace unreachable "$CLUSTER_RANGE" metric 65535
  ip netns add "$ID"
  ip link add "$ID" type veth peer name eth0 netns "$ID"
  make_node_side
  ip addr add "$HOST_ADDRESS/30" dev "$ID"
  ip link set "$ID" up
  ip route replace "$CLUSTER_RANGE" via "$NODE_ADDRESS"
}

make_node_side() {
  in_network ip link set lo up
  in_network ip addr add "$NODE_ADDRESS/30" dev eth0
  in_network ip link set eth0 up
  # Programs on the node reach Services too (webhooks): the packet filter rewrites what has a route.
  in_network ip route add "$SERVICE_RANGE" dev eth0 src "$NODE_ADDRESS"
  in_network sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward"
}

refuse_a_taken_range() {
  local route
  route=$(ip -4 route show root "$CLUSTER_RANGE" | grep -v -e "dev $ID" -e '^unreachable' || true)
  [ -z "$route" ] || fail "the network $CLUSTER_RANGE is in use on this machine: $route." \
    "Set CHE_TEST_CLUSTER_DIR to another folder: it takes another network"
}

remove_network() {
  ip link del "$ID" 2>/dev/null || true
  ip netns del "$ID" 2>/dev/null || true
}

forget_network() {
  remove_network
  ip route del unreachable "$CLUSTER_RANGE" metric 65535 2>/dev/null || true
}
