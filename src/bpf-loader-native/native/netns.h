// SPDX-License-Identifier: Apache-2.0
// Runs a pool thread in the network namespace that the calling thread was in: the kernel resolves ifindex in the
// namespace of the thread that makes the system call, and libuv's threads may be older than the caller's setns().
#ifndef BPF_LOADER_NETNS_H
#define BPF_LOADER_NETNS_H

#include "unique_fd.h"

/// Descriptor of the calling thread's network namespace, or an errno: no descriptor is left, /proc is not mounted.
UniqueFd CallerNetns(int* error);

class NetnsGuard {
 public:
  /// Enters `target` when the thread is elsewhere. `Error()` is an errno if that failed or cannot be told: the work must
  /// not be done then, for an ifindex means another device in another namespace.
  explicit NetnsGuard(const UniqueFd& target);
  ~NetnsGuard();
  NetnsGuard(const NetnsGuard&) = delete;
  NetnsGuard& operator=(const NetnsGuard&) = delete;
  int Error() const { return error_; }

 private:
  UniqueFd home_;
  int error_ = 0;
};

#endif
