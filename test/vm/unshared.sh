#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs OUTPUT/command on the running kernel as a virtual machine would: unshared.sh ROOT OUTPUT LAYER
#
# In network, mount and process namespaces of its own, with LAYER before the host's programs, and with whatever is written to the
# root or to the checkout ROOT going to a tmpfs. Nothing is left when the command ends, or when this is killed.
# /run/output is OUTPUT.
set -euo pipefail

if [ "${1-}" != --unshared ]; then
  exec unshare --net --mount --pid --fork --kill-child=SIGKILL --propagation private bash "$0" --unshared "$@"
fi
root=$2 output=$3 layer=$4

own=$output/own
mkdir "$own"
mount -t tmpfs -o mode=755 tmpfs "$own"
mkdir "$own"/{upper,work,tree-upper,tree-work,root}
# A lower directory must not be inside of another one.
cp -a "$layer" "$own/layer"
mount -t overlay -o "lowerdir=$own/layer:/,upperdir=$own/upper,workdir=$own/work" overlay "$own/root"
cd "$own/root"
mkdir -p ".$root"
mount -t overlay -o "lowerdir=$root,upperdir=$own/tree-upper,workdir=$own/tree-work" overlay ".$root"
mount -t proc proc proc
mount -t sysfs sys sys
mount -t bpf bpf sys/fs/bpf
mount -t tracefs tracefs sys/kernel/tracing
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p run/netns run/output
mount --bind "$output" run/output
ip link set lo up
exec chroot . bash -c "cd '$root' && . /run/output/command" </dev/null >"$output/stdout" 2>&1
