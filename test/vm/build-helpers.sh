#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds helpers-kmod for an unpacked kernel: build-helpers.sh KERNEL_DIRECTORY BTF SOURCES
#
# KERNEL_DIRECTORY is what fetch-kernels.sh made, BTF the kernel's /sys/kernel/btf/vmlinux, SOURCES the helpers-kmod
# directory. Leaves KERNEL_DIRECTORY/tna_helpers.ko. The headers come from the archive as the kernel did; nothing is installed.
set -euo pipefail

kernel=$(realpath "${1:?kernel directory}")
btf=$(realpath "${2:?BTF}")
sources=$(realpath "${3:?sources}")
release=$(cat "$kernel/release")
series=$(cut -d . -f 1,2 <<<"$release")
export APT_CONFIG=${kernel%/*}/apt/apt.conf

say() { printf 'helpers: %s\n' "$*" >&2; }
headers=$kernel/headers
work=$kernel/.helpers.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/debs" "$work/root" "$work/build"
if [ ! -e "$headers/$release" ]; then
  say "fetching the headers of $release"
  version=$(apt-cache show "linux-headers-$release" | sed -n 's/^Version: //p' | head -1)
  [ -n "$version" ] || { say "the archive has no headers for $release any more: npm run test:vm -- --fetch"; exit 1; }
  (cd "$work/debs" && apt-get download -qq "linux-headers-$release" "linux-headers-${release%-amd64}-common" \
    "linux-kbuild-$series=$version" >/dev/null)
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
  # They name each other by absolute paths below /usr.
  [ -e "$work/root/lib" ] || ln -s usr/lib "$work/root/lib"
  sed -i "s#/usr/src/#$headers/usr/src/#" "$work/root/usr/src/linux-headers-$release/Makefile"
  ln -s "usr/src/linux-headers-$release" "$work/root/$release"
  rm -rf "$headers"
  mv -T "$work/root" "$headers"
fi
build=$work/build
cp "$sources"/* "$build"
say "building for $release"
make -s -C "$build" KVER="$release" KDIR="$headers/$release" BTF="$btf" >"$build/log" 2>&1 || { cat "$build/log" >&2; exit 1; }
mv "$build/tna_helpers.ko" "$kernel/tna_helpers.ko"
