# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# Images are put together here from layers and imported under the names that users get from registries.

each_image() {
  local action=$1 folder name layers
  while read -r folder name layers; do
    # shellcheck disable=SC2086 # several layers
    "$action" "$folder" "$name" $layers
  done < <(grep -v '^#' "$HERE/images/list.txt")
}

make_layers() {
  local folder=$1 layer
  shift 2
  for layer in "$@"; do make_layer "$folder" "$layer"; done
}

# imported_key: what tells that the image in the cluster is the one that these files describe.
import_image() {
  local folder=$1 name=$2 layer paths=() key
  shift 2
  for layer in "$@"; do paths+=("$(layer_path "$folder" "$layer")"); done
  key=$(digest_of "$HERE/images/oci_image.py" "$HERE/images/$folder/config.json" <(echo "$name" "${paths[@]}"))
  [ "$(cat "$STATE/images/$folder" 2>/dev/null)" != "$key" ] || return 0
  python3 "$HERE/images/oci_image.py" "$name" "$HERE/images/$folder/config.json" "${paths[@]}" |
    ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io images import - >>"$STATE/log/images.log" 2>&1 ||
    fail "importing the image $name failed, see $STATE/log/images.log"
  echo "$key" >"$STATE/images/$folder"
}

import_images() {
  mkdir -p "$STATE/images"
  each_image import_image
}
