#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what virtual machines need beyond test/support/setup.sh. Quick when there is nothing to do.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need qemu-system-x86_64 qemu-system-x86
need busybox busybox-static
need cpio cpio
need depmod kmod
need pahole dwarves
need xz xz-utils
need zstd zstd
need dpkg-deb dpkg
[ ${#missing[@]} -gt 0 ] || exit 0

say() { printf 'vm setup: %s\n' "$*" >&2; }
[ "$(id -u)" = 0 ] || { say "these Debian packages are missing and only root can install them: ${missing[*]}"; exit 1; }
say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
