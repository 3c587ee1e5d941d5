# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Images are put together here from layers and imported under the names that users get from registries.

each_image() {
  local action=$1 folder name layers
  while read -r -u 3 folder name layers; do
    # shellcheck disable=SC2086 # several layers
    "$action" "$folder" "$name" $layers
  done 3< <(grep -v '^#' "$HERE/images/list.txt")
}

make_layers() {
  local folder=$1 layer
  shift 2
  for layer in "$@"; do make_layer "$folder" "$layer"; done
}

image_config() { echo "$HERE/images/$1/config.json"; }

# layer_paths IMAGE LAYER...: one a line
layer_paths() {
  local image=$1 layer
  shift
  for layer in "$@"; do layer_path "$image" "$layer"; done
}

# image_key FOLDER NAME LAYER...: changes with anything that the image is made from.
image_key() {
  local folder=$1 name=$2
  shift 2
  digest_of "$HERE/images/oci_image.py" "$(image_config "$folder")" <(echo "$name") <(layer_paths "$folder" "$@")
}

is_imported() { [ "$(cat "$STATE/images/$1" 2>/dev/null)" = "$(image_key "$@")" ]; }

import_image() {
  local folder=$1 name=$2 paths
  if is_imported "$@"; then return; fi
  mapfile -t paths < <(layer_paths "$folder" "${@:3}")
  python3 "$HERE/images/oci_image.py" "$name" "$(image_config "$folder")" "${paths[@]}" |
    ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io images import - >>"$STATE/log/images.log" 2>&1 ||
    fail "importing the image $name failed, see $STATE/log/images.log"
  image_key "$@" >"$STATE/images/$folder"
}

import_images() {
  mkdir -p "$STATE/images"
  each_image import_image
}

images_are_current() {
  outdated=no
  each_image note_outdated
  [ "$outdated" = no ]
}

note_outdated() { is_imported "$@" || outdated=yes; }
