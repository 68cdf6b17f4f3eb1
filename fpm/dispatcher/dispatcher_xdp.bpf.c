// SPDX-License-Identifier: GPL-2.0
// The dispatcher of the XDP hook.
#include "dispatcher.h"

TNA_DISPATCHER(xdp, "xdp", struct xdp_md, XDP_PASS);
