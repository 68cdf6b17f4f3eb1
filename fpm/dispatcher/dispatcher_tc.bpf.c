// SPDX-License-Identifier: GPL-2.0
// The dispatcher of the tc ingress hook, by tcx or as a direct-action clsact filter.
#include "dispatcher.h"

TNA_DISPATCHER(tc, "tc", struct __sk_buff, -1);
