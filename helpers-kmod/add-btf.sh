#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# add-btf.sh MODULE.ko [BASE]: gives the module its BTF, made against the kernel's (BASE), unless the kernel's build has
# done so. Debian's headers for 6.1, for example, lack what that takes: the kernel's BTF and a tool.
set -eu
module=$1
base=${2-}
here=$(dirname "$0")

has() { readelf -SW "$module" | grep -q "\] \\$1 "; }
fail() { echo "add-btf: $*" >&2; exit 1; }

if has .BTF; then exit 0; fi
[ -n "$base" ] || fail "the headers have no vmlinux: BTF=FILE must name the BTF of the kernel that the module is for"
[ -r "$base" ] || fail "$base: no BTF of the kernel there (CONFIG_DEBUG_INFO_BTF)"
command -v pahole >/dev/null || fail "pahole is not installed (Debian: apt install dwarves)"
# What the kernel's parser does not know yet must not be in it. These are flags of pahole 1.24, which 6.1 is built with.
pahole -J --btf_gen_floats --skip_encoding_btf_enum64 --btf_base "$base" "$module" 2>/dev/null ||
  pahole -J --btf_gen_floats --btf_base "$base" "$module"
has .BTF || fail "pahole made no BTF: was the module compiled with debug information?"
"$here/resolve-ids" "$module" "$base"
