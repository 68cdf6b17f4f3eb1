// SPDX-License-Identifier: Apache-2.0
// Network namespaces: a socket inside one without moving the calling thread, and moving the calling thread.
#pragma once

#include <cstdint>
#include <string>

namespace netlink_ts {

// What failed and why, as plain data: no exception may cross a libuv callback.
struct Failure {
  int error = 0;  // errno, 0 for success
  const char *operation = "";
};

// Opens a netlink socket in the namespace at `path` (empty: the caller's). A short-lived thread does the setns, so
// the calling thread never leaves its namespace, not even for the duration of the call.
int OpenSocketIn(const std::string &path, int protocol, Failure *failure);

// Moves the calling thread into the namespace at `path` for good.
Failure EnterNetns(const std::string &path);

// Inode of the namespace at `path` (empty: that of the calling thread): what identifies a namespace.
Failure NetnsInode(const std::string &path, uint64_t *inode);

}  // namespace netlink_ts
