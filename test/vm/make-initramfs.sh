#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the initramfs of a kernel unpacked by fetch-kernels.sh: make-initramfs.sh DIRECTORY > FILE
# It holds busybox, guest/init and the modules that mount the host's file system.
set -euo pipefail

kernel=$(realpath "${1:?directory of the kernel}")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
modules=$kernel/modules/$(cat "$kernel/release")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,modules,proc,dev,host,layer,own,root}
cp "$(command -v busybox)" "$tree/bin/busybox"
cp "$here/guest/init" "$tree/init"
chmod 755 "$tree/init"

unpacked() {
  case $1 in
    *.xz) xz -dc "$1" ;;
    *.zst) zstd -qdc "$1" ;;
    *.gz) gzip -dc "$1" ;;
    *) cat "$1" ;;
  esac
}

# Copies a module and what it depends on. One that modules.dep does not list is built in.
add() {
  local line file name
  line=$(grep -E "(^|/)$1\.ko(\.[a-z]+)?:" "$modules/modules.dep") || return 0
  # modules.dep lists dependencies in reverse order of loading.
  for file in $(tr ' ' '\n' <<<"${line#*:}" | tac) "${line%%:*}"; do
    name=$(basename "$file" | sed -E 's/\.(xz|zst|gz)$//')
    [ -e "$tree/modules/$name" ] && continue
    unpacked "$modules/$file" >"$tree/modules/$name"
    echo "$name" >>"$tree/modules/order"
  done
}
touch "$tree/modules/order"
for module in virtio_pci 9pnet_virtio 9p overlay; do add "$module"; done
cd "$tree"
find . | cpio --create --format newc --quiet
