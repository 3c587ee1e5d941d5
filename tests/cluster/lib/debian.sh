# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Layers with Debian packages come from where this machine's own apt gets them, whatever its release:
# only bookworm has PostgreSQL 15 and Python 3.11.
DEBIAN_SUITE=bookworm
DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# No documentation; dpkg needn't wait for the disk; and /run keeps the folders that customize made there.
DEBIAN_OPTIONS=(--variant=essential --format=tar --skip=cleanup/run --dpkgopt=force-unsafe-io
  --dpkgopt=path-exclude=/usr/share/{doc,man,info,locale,lintian}/*)

# apt_archive LABEL: the first address over HTTP that this machine's apt uses for the archive with that label.
apt_archive() {
  # shellcheck disable=SC2016 # apt fills these in
  apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' |
    awk -F'|' -v wanted="Packages|Debian|$1|main" \
      '$1 "|" $2 "|" $3 "|" $4 == wanted && $5 ~ /^http/ {print $5; exit}'
}

# apt knows who is behind an address only once it has been there.
debian_sources() {
  local main security
  main=$(apt_archive Debian)
  [ -n "$main" ] || update_package_lists
  main=$(apt_archive Debian)
  security=$(apt_archive Debian-Security)
  echo "deb [signed-by=$DEBIAN_KEYRING] ${main:-http://deb.debian.org/debian} $DEBIAN_SUITE main"
  [ -z "$security" ] || echo "deb [signed-by=$DEBIAN_KEYRING] $security $DEBIAN_SUITE-security main"
}

# This machine's apt settings that decide how an archive is reached: proxies, checks of dates.
apt_options() {
  apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date|Retries|ForceIPv[46])\b.* ".+";$' || true
}

# make_debian_layer IMAGE TAR
make_debian_layer() {
  local image=$1 tar=$2 option arguments=()
  say "      assembling Debian packages for the image $image: about 1.5 min, then cached"
  while read -r option; do arguments+=(--aptopt="$option"); done < <(apt_options)
  debian_sources >"$CACHE/log/$image.list"
  with_heartbeat "assembling $image" run_mmdebstrap "$image" "$tar" "${arguments[@]}" ||
    fail "assembling the image $image failed, see $CACHE/log/$image.log"
}

# run_mmdebstrap IMAGE TAR ARGUMENT...
run_mmdebstrap() {
  local image=$1 tar=$2
  shift 2
  mmdebstrap --quiet "${DEBIAN_OPTIONS[@]}" --include="$(paste -sd, "$HERE/images/$image/debian.txt")" \
    --customize-hook="$HERE/images/$image/customize" "$@" "$DEBIAN_SUITE" "$tar" "$CACHE/log/$image.list" \
    >"$CACHE/log/$image.log" 2>&1
}
