// SPDX-License-Identifier: Apache-2.0
// A tc program on a device of a kernel without TCX (before Linux 6.6).
#pragma once
#include <stdint.h>

/**
 * Runs `program` (a descriptor) as a direct-action filter of the device's clsact qdisc, which is made if there is none.
 * Both stay until the device goes. 0, or -1 with errno.
 */
int clsact_attach(uint32_t ifindex, int egress, int program);
