// SPDX-License-Identifier: Apache-2.0
// See netns.h. The thread goes home afterwards so that an idle pool thread does not keep a namespace alive.
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

UniqueFd CallerNetns(int* error) {
  UniqueFd fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  *error = fd.Valid() ? 0 : errno;
  return fd;
}

NetnsGuard::NetnsGuard(const UniqueFd& target) {
  struct stat wanted, here;
  UniqueFd own = CallerNetns(&error_);
  if (error_ != 0) return;
  if (fstat(target.Get(), &wanted) != 0 || fstat(own.Get(), &here) != 0) {
    error_ = errno;
    return;
  }
  if (wanted.st_ino == here.st_ino && wanted.st_dev == here.st_dev) return;
  if (setns(target.Get(), CLONE_NEWNET) != 0) {
    error_ = errno;
    return;
  }
  home_ = std::move(own);
}

NetnsGuard::~NetnsGuard() {
  if (home_.Valid()) (void)setns(home_.Get(), CLONE_NEWNET);
}
