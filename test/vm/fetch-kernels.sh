#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unpacks Debian kernels for virtual machines: fetch-kernels.sh DIRECTORY SERIES...
#
# SERIES is a version such as 6.1 or 6.12, or `newest` for the highest version in the archive. Each ends up as
#   DIRECTORY/SERIES/{release,vmlinuz,modules/RELEASE/}
# and is left alone if it is there already. The packages come from the archive that this machine uses itself, by apt
# with a configuration of its own; nothing is installed.
set -euo pipefail

directory=$(realpath -m "${1:?directory}")
shift
wanted=()
for series in "$@"; do [ -e "$directory/$series/release" ] || wanted+=("$series"); done
[ ${#wanted[@]} -gt 0 ] || exit 0

say() { printf 'kernels: %s\n' "$*" >&2; }
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/archive.sh"
mkdir -p "$directory"
archive_open "$directory/apt" bookworm trixie trixie-backports bookworm-security

# The packages of the newest kernel of a series. From 7.0 on an image is split into binary, modules and base.
packages() {
  local pattern version
  case $1 in
    6.1) pattern='6\.1\.0-[0-9]+' ;;
    newest) pattern='[0-9.]+\+deb13' ;;
    *) pattern="${1//./\\.}(\.[0-9]+)*\+deb13" ;;
  esac
  version=$(apt-cache pkgnames linux- | sed -nE "s/^linux-(image|binary)-($pattern)-amd64\$/\2/p" | sort -uV | tail -1)
  [ -n "$version" ] || { say "the archive has no kernel $1"; return 1; }
  if apt-cache show "linux-binary-$version-amd64" >/dev/null 2>&1; then
    printf "linux-%s-$version-amd64 " binary modules base
  else
    printf 'linux-image-%s-amd64' "$version"
  fi
}

for series in "${wanted[@]}"; do
  names=$(packages "$series")
  say "fetching $names"
  # The kernel's own files are put in place by one rename, so an interrupted run leaves nothing half done.
  work=$directory/.$series.$$
  mkdir -p "$work/debs" "$work/root" "$work/kernel"
  trap 'rm -rf "$work"' EXIT
  # shellcheck disable=SC2086 # several names
  (cd "$work/debs" && apt-get download -qq $names >/dev/null)
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
  for modules in "$work"/root/{usr/lib,lib}/modules/*; do [ -d "$modules/kernel" ] && break; done
  release=${modules##*/}
  for image in "$work/root/boot/vmlinuz-$release" "$modules/vmlinuz"; do [ -e "$image" ] && break; done
  cp "$image" "$work/kernel/vmlinuz"
  [ -e "$work/root/lib" ] || ln -s usr/lib "$work/root/lib"
  depmod -b "$work/root" "$release" # done by the packages' scripts otherwise
  mkdir "$work/kernel/modules"
  mv "$modules" "$work/kernel/modules/"
  echo "$release" >"$work/kernel/release"
  mv -T "$work/kernel" "$directory/$series"
  rm -rf "$work"
  say "$series is $release"
done
