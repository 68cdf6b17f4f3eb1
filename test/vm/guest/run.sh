#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Second program of a virtual machine (after guest/init): runs /run/output/command in the checkout, leaves what it says,
# its exit code and the kernel's log in /run/output, and switches the machine off.

output=/run/output
export HOME=/root TERM=dumb LANG=C.UTF-8
PATH=$(cat $output/path)
export PATH
exec </dev/null >$output/stdout 2>&1
cd "$1" || echo "no checkout at $1"
ip link set lo up
echo 1 >/proc/sys/net/core/bpf_jit_enable 2>/dev/null
# A machine that was starved, or stopped for a while, has no hung tasks.
echo 0 >/proc/sys/kernel/hung_task_timeout_secs 2>/dev/null
while read -r module; do
  case $module in
    /*) insmod "$module" ;;
    *) modprobe "$module" ;;
  esac || echo "run.sh: cannot load $module"
done <$output/modules
cut -d ' ' -f 1 /proc/uptime >$output/started
bash $output/command
code=$?
dmesg >$output/dmesg 2>/dev/null
echo $code >$output/code.new && mv $output/code.new $output/code
sync
exec busybox poweroff -f
