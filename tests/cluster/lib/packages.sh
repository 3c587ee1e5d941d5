# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# A command counts as well as its package: Docker's containerd.io, for one, replaces Debian's containerd.
is_installed() {
  local package=$1 proof=$2
  case "$proof" in
    package) [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ;;
    /*) [ -e "$proof" ] ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$proof" >/dev/null ;;
  esac
}

missing_packages() {
  local package proof
  while read -r package proof; do
    is_installed "$package" "$proof" || echo "$package"
  done < <(grep -v '^#' "$HERE/packages.txt")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

update_package_lists() {
  as_root apt-get update -q >"$CACHE/log/apt.log" 2>&1 || fail "apt-get update failed; see $CACHE/log/apt.log"
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "this machine has no apt-get; install these first: ${missing[*]}"
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "packages are missing, and installing them needs root or sudo: apt-get install ${missing[*]}"
  fi
  say "      installing ${missing[*]}"
  # Tests start PostgreSQL's programs on data of their own; Debian would start a server of the machine's besides.
  as_root mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/che-tests.conf >/dev/null
  # Neither is a machine to be opened to the network as tests start an sshd of their own; Debian's looks for this file.
  if [[ " ${missing[*]} " = *" openssh-server "* ]]; then
    as_root mkdir -p /etc/ssh
    as_root touch /etc/ssh/sshd_not_to_be_run
  fi
  update_package_lists
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" \
    >>"$CACHE/log/apt.log" 2>&1 || fail "apt-get install ${missing[*]} failed; see $CACHE/log/apt.log"
}
