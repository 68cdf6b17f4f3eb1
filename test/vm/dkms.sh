#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Takes helpers-kmod through DKMS as a user would, in trees of its own: dkms.sh KERNEL_DIRECTORY BTF SOURCES [DKMS]
#
# KERNEL_DIRECTORY is what fetch-kernels.sh made, with headers by build-helpers.sh; BTF the kernel's /sys/kernel/btf/vmlinux; DKMS
# the program, if it is not installed. Checks add, build, install, the refusal of a kernel that needs no module, and remove.
# Leaves KERNEL_DIRECTORY/tna_helpers.dkms.ko, the module as installed. Nothing outside is touched.
set -euo pipefail

kernel=$(realpath "${1:?kernel directory}")
btf=$(realpath "${2:?BTF}")
sources=$(realpath "${3:?sources}")
program=${4:-dkms}
release=$(cat "$kernel/release")
work=$kernel/.dkms.$$
trap 'rm -rf "$work"' EXIT
package=$(sed -n 's/^PACKAGE_NAME="\(.*\)"/\1/p' "$sources/dkms.conf")
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$sources/dkms.conf")
mkdir -p "$work"/{tree,install/"$release"/kernel} "$work/src"
cp -r "$sources" "$work/src/$package-$version"
for list in order builtin builtin.modinfo; do touch "$work/install/$release/modules.$list"; done

fail() { echo "dkms: $*" >&2; exit 1; }
run() {
  local command=$1
  shift
  "$program" "$command" "$package/$version" --dkmstree "$work/tree" --sourcetree "$work/src" \
    --installtree "$work/install" --no-depmod "$@" >"$work/log" 2>&1
}
for_kernel() {
  run "$1" -k "$2" --kernelsourcedir "$kernel/headers/$release" --arch x86_64
}
state() { "$program" status --dkmstree "$work/tree" --sourcetree "$work/src"; }

run add || { cat "$work/log" >&2; fail "add"; }
# Another kernel than the running one, without BTF in its headers: a message instead of a module that does nothing.
if [ "$release" != "$(uname -r)" ] && for_kernel build "$release"; then fail "built without BTF"; fi
grep -q "BTF=FILE must name the BTF" "$work/tree/$package/$version/build/make.log" || fail "no hint at the missing BTF"
BTF=$btf for_kernel build "$release" || { cat "$work/tree/$package/$version/build/make.log" >&2; fail "build"; }
BTF=$btf for_kernel install "$release" || { cat "$work/log" >&2; fail "install"; }
state | grep -q "$release.*installed" || fail "not installed: $(state)"
code=0
for_kernel build 6.12.1-amd64 || code=$?
[ $code -eq 77 ] || fail "built for a kernel that needs no module (exit code $code)"
installed=$(find "$work/install" -name 'tna_helpers.ko*')
[ -n "$installed" ] || fail "no module below the install tree"
case $installed in *.xz) xz -dc "$installed" ;; *.zst) zstd -qdc "$installed" ;; *) cat "$installed" ;; esac >"$kernel/tna_helpers.dkms.ko"
modinfo -F vermagic "$kernel/tna_helpers.dkms.ko" | grep -q "^$release " || fail "made for another kernel"
run remove --all || { cat "$work/log" >&2; fail "remove"; }
[ -z "$(state)" ] || fail "left behind: $(state)"
echo "dkms: add, build, install, remove of $package/$version for $release: ${installed#"$work/install/"}"
