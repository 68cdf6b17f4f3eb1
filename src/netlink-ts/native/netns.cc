// SPDX-License-Identifier: Apache-2.0
// Network namespaces: a socket inside one without moving the calling thread, and moving the calling thread.
#include "netns.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace netlink_ts {
namespace {

constexpr size_t kThreadStackBytes = 128 * 1024;

struct OpenRequest {
  const std::string *path;
  int protocol;
  int fd;
  Failure failure;
};

int OpenHere(int protocol, Failure *failure) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) *failure = {errno, "socket"};
  return fd;
}

void *OpenOnThread(void *argument) {
  auto *request = static_cast<OpenRequest *>(argument);
  request->failure = EnterNetns(*request->path);
  if (request->failure.error == 0) request->fd = OpenHere(request->protocol, &request->failure);
  return nullptr;
}

}  // namespace

// pthread instead of std::thread: the latter reports failure by an exception.
int OpenSocketIn(const std::string &path, int protocol, Failure *failure) {
  if (path.empty()) return OpenHere(protocol, failure);
  OpenRequest request = {&path, protocol, -1, {}};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kThreadStackBytes);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, OpenOnThread, &request);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    *failure = {error, "pthread_create"};
    return -1;
  }
  pthread_join(thread, nullptr);
  *failure = request.failure;
  return request.fd;
}

Failure EnterNetns(const std::string &path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {errno, "open"};
  Failure failure;
  if (setns(fd, CLONE_NEWNET) != 0) failure = {errno, "setns"};
  close(fd);
  return failure;
}

Failure NetnsInode(const std::string &path, uint64_t *inode) {
  struct stat status;
  if (stat(path.empty() ? "/proc/thread-self/ns/net" : path.c_str(), &status) != 0) return {errno, "stat"};
  *inode = status.st_ino;
  return {};
}

}  // namespace netlink_ts
