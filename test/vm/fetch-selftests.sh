#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unpacks the kernel's own network selftests and the programs that they call: fetch-selftests.sh DIRECTORY RELEASE
#
#   DIRECTORY/RELEASE/selftests/net/...   from Debian's source package of the kernel that RELEASE (uname -r) names
#   DIRECTORY/RELEASE/layer/usr/...       iproute2 as new as that kernel, mausezahn, jq, ... with their libraries,
#                                         to be laid over a root file system
#
# What this script has made already is left alone. Nothing is installed.
set -euo pipefail

directory=$(realpath -m "${1:?directory}")
release=${2:?release of the kernel}
target=$directory/$release
stamp=$(sha256sum "${BASH_SOURCE[0]}" | cut -d' ' -f1)
[ "$(cat "$target/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

say() { printf 'selftests: %s\n' "$*" >&2; }
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/archive.sh"
work=$directory/.$release.$$
mkdir -p "$work"/{debs,root,new/layer/usr}
trap 'rm -rf "$work"' EXIT

archive_open "$directory/apt" bookworm bookworm-security trixie trixie-backports
upstream=${release%%[-+]*}
package=linux-source-$(cut -d. -f1,2 <<<"$upstream")
version=$(apt-cache madison "$package" | awk '{ print $3 }' | grep -m1 -F "$upstream-") ||
  { say "the archive has no $package $upstream (any more); fetch the kernels again"; exit 1; }
say "fetching $package $version"
(cd "$work/debs" && apt-get download -qq "$package=$version" >/dev/null)
dpkg-deb --fsys-tarfile "$work"/debs/linux-source*.deb |
  tar -xO --wildcards '*.tar.xz' |
  tar -xJ -C "$work/new" --strip-components=3 --wildcards \
    '*/tools/testing/selftests/net' '*/tools/testing/selftests/kselftest' '*/tools/testing/selftests/lib.mk'
rm "$work"/debs/*
# The one program of theirs that is made of C and that scripts of routers need.
(cd "$work/new/selftests/net" && cc -O2 -w -o nettest nettest.c)

# Selftests of a kernel want the iproute2 of that kernel, which only the development suite has.
archive_open "$directory/apt-programs" sid
say "fetching programs"
(cd "$work/debs" && apt-get install -qq -y --download-only --no-install-recommends -o Dir::Cache::archives="$work/debs" \
  iproute2 jq netsniff-ng tcpdump ethtool iputils-ping iputils-arping ndisc6 smcroute libteam-utils \
  traceroute socat ipv6toolkit bc dc >/dev/null)
for deb in "$work"/debs/*.deb; do
  # Dependencies for a package's installation, or for programs that the host has.
  case ${deb##*/} in perl* | libperl* | systemd_* | debconf* | gcc-* | openssl-provider* | libc-gconv*) continue ;; esac
  dpkg-deb -x "$deb" "$work/root"
done
# As on the host, /bin, /sbin and /lib are links into /usr.
for part in bin sbin lib lib64; do
  [ -L "$work/root/$part" ] || [ ! -d "$work/root/$part" ] || cp -a "$work/root/$part" "$work/root/usr/"
done
for part in bin sbin lib lib64; do
  [ ! -e "$work/root/usr/$part" ] || cp -a "$work/root/usr/$part" "$work/new/layer/usr/"
done
# Alternatives, which the packages' scripts would install.
for program in traceroute traceroute6; do ln -sf "$program.db" "$work/new/layer/usr/bin/$program"; done
echo "$stamp" >"$work/new/stamp"
rm -rf "$target"
mv -T "$work/new" "$target"
say "ready: $target"
