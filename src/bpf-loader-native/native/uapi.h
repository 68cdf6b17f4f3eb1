// SPDX-License-Identifier: Apache-2.0
// Kernel constants newer than the headers that this may be built with (linux/bpf.h, 6.6).
#ifndef BPF_LOADER_UAPI_H
#define BPF_LOADER_UAPI_H

#include <stdint.h>

constexpr uint32_t kAttachTcxIngress = 46;
constexpr uint32_t kAttachTcxEgress = 47;

#endif
