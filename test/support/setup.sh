#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what a bare Debian 12 lacks, then builds. Quick when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'setup: %s\n' "$*" >&2; }

node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  { say "Node >= 20.19 is needed, this is $(node --version)"; exit 1; }

# What is needed, and the Debian package that brings it.
missing=()
need() { [ -e "$1" ] || command -v "$1" >/dev/null || missing+=("$2"); }
need clang clang
need llvm-strip llvm
need g++ g++
need make make
need python3 python3-minimal
need /usr/include/bpf/libbpf.h libbpf-dev
need /usr/sbin/bpftool bpftool
need /usr/sbin/ip iproute2
need /usr/sbin/nft nftables
need /usr/sbin/ethtool ethtool
need iperf3 iperf3
need tcpdump tcpdump
need ping iputils-ping
need setpriv util-linux
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] || { say "these Debian packages are missing and only root can install them: ${missing[*]}"; exit 1; }
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say "installing the npm packages"
  # Not `npm ci`: it insists on lock entries for other platforms' optional packages.
  npm install --no-save --silent
  touch node_modules/.package-lock.json
fi

stamp=dist/.built
if [ ! -e "$stamp" ] || [ -n "$(find src rules fpm test package.json tsconfig.json tsconfig.base.json \
  \( -name node_modules -o -name dist -o -name build -o -name '*.md' \) -prune -o -type f -newer "$stamp" -print -quit)" ]; then
  say "building"
  mkdir -p dist
  started=$(date +%s)
  touch dist/.building
  npm run --silent build
  mv dist/.building "$stamp"
  say "built in $(($(date +%s) - started)) s"
fi
