#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unpacks Debian's FRR and the libraries that it needs below DIRECTORY: fetch-frr.sh DIRECTORY. What is there already is left
# alone. Nothing is installed, so that no routing daemon starts on this host.
set -euo pipefail

directory=$(realpath -m "${1:?directory}")
[ ! -e "$directory/root" ] || exit 0
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../vm/archive.sh"
work=$directory/.fetch.$$
mkdir -p "$work"/{debs,root}
trap 'rm -rf "$work"' EXIT

archive_open "$directory/apt" bookworm bookworm-security
(cd "$work/debs" && apt-get download -qq frr libyang2 libc-ares2 libjson-c5 libreadline8 libcap2 libpcre2-8-0 libtinfo6 \
  libpam0g libcrypt1 >/dev/null)
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
mv -T "$work/root" "$directory/root"
