# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Layers of images: tar files in the cache, named by a digest of what they are made from.

# layer_key IMAGE LAYER
layer_key() {
  local folder=$HERE/images/$1 rest
  case "$2" in
    busybox) digest_of /bin/busybox ;;
    binary:*) rest=${2#binary:}; digest_of <(tool_key "${rest%%:*}") <(echo "$2") ;;
    debian) digest_of "$folder/debian.txt" "$folder/customize" <(echo "$DEBIAN_SUITE" "${DEBIAN_OPTIONS[@]}") ;;
    files) (cd "$folder/files" && find . -type f -print0 | sort -z | xargs -0 sha256sum | digest_of -) ;;
    *) fail "images/list.txt: there is no kind of layer named $2" ;;
  esac
}

layer_path() {
  local name=${2//[:\/]/-}
  case "$2" in
    debian | files) name=$1-$2 ;;
  esac
  echo "$CACHE/layers/$name-$(layer_key "$1" "$2").tar"
}

# pack FOLDER TAR [OPTION...]
pack() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "${@:3}" -C "$1" -cf "$2" .; }

make_busybox_root() {
  local root=$1 applet
  mkdir -p "$root"/{bin,etc,home,root,tmp,usr/bin,var}
  chmod 1777 "$root/tmp"
  install -m 755 /bin/busybox "$root/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
}

# What no start has used for a month goes: each change of a version leaves the former one behind.
prune_cache() {
  find "$CACHE/tools" "$CACHE/layers" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
}

# make_layer IMAGE LAYER
make_layer() {
  local image=$1 layer=$2 path work tool
  path=$(layer_path "$image" "$layer")
  touch -c "$path"
  [ ! -f "$path" ] || return 0
  mkdir -p "$(dirname "$path")"
  work=$(mktemp -d)
  case "$layer" in
    busybox) make_busybox_root "$work" && pack "$work" "$path.new" ;;
    binary:*)
      tool=${layer#binary:}
      install -D -m 755 "$(tool_path "${tool%%:*}")" "$work/${tool#*:}" && pack "$work" "$path.new" ;;
    debian) make_debian_layer "$image" "$path.new" ;;
    # Whatever the umask of the checkout was.
    files) pack "$HERE/images/$image/files" "$path.new" --mode=a+rX,go-w ;;
  esac || fail "making the layer $layer of the image $image failed"
  rm -rf "$work"
  mv "$path.new" "$path"
}
