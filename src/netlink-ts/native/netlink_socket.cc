// SPDX-License-Identifier: Apache-2.0
// A netlink socket that moves bytes between the kernel and JavaScript; it does not look into them.
#include "netlink_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "netns.h"

namespace netlink_ts {
namespace {

// A datagram of a dump is at most 32 KiB; other messages may be larger, and then the buffer grows.
constexpr size_t kMinReceiveBytes = 64 * 1024;
// A wake hands over about this much at most: a flood of events must not hold the event loop.
constexpr size_t kMaxBytesPerWake = 256 * 1024;
// What is not from the kernel is dropped, and must not hold the event loop either.
constexpr int kMaxDatagramsPerWake = 4096;
constexpr size_t kMaxDatagramBytes = 64 * 1024 * 1024;

// Bits of the `flags` argument of onReadable; lib/native.ts names the same.
constexpr uint32_t kOverrun = 1;
constexpr uint32_t kTruncated = 2;

size_t Align4(size_t length) { return (length + 3) & ~static_cast<size_t>(3); }

void ThrowErrno(Napi::Env env, int error, const std::string &operation) {
  Napi::Error problem = Napi::Error::New(env, operation + ": " + std::strerror(error));
  problem.Set("errno", Napi::Number::New(env, error));
  problem.Set("operation", Napi::String::New(env, operation));
  problem.ThrowAsJavaScriptException();
}

}  // namespace

Napi::Function NetlinkSocket::Define(Napi::Env env) {
  return DefineClass(env, "NetlinkSocket",
                     {InstanceMethod<&NetlinkSocket::Send>("send"),
                      InstanceMethod<&NetlinkSocket::Membership>("membership"),
                      InstanceMethod<&NetlinkSocket::SetReceiveBuffer>("setReceiveBuffer"),
                      InstanceMethod<&NetlinkSocket::CloseFromJs>("close"),
                      InstanceMethod<&NetlinkSocket::Ref>("ref"), InstanceMethod<&NetlinkSocket::Unref>("unref"),
                      InstanceMethod<&NetlinkSocket::GetPort>("port"), InstanceMethod<&NetlinkSocket::GetFd>("fd")});
}

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<NetlinkSocket>(info), context_(info.Env(), "netlink") {
  Napi::Env env = info.Env();
  if (info.Length() < 3 || !info[0].IsNumber() || !info[1].IsString() || !info[2].IsFunction()) {
    Napi::TypeError::New(env, "NetlinkSocket(protocol, netnsPath, onReadable)").ThrowAsJavaScriptException();
    return;
  }
  const std::string path = info[1].As<Napi::String>().Utf8Value();
  Failure failure;
  const int fd = OpenSocketIn(path, info[0].As<Napi::Number>().Int32Value(), &failure);
  if (fd < 0) {
    ThrowErrno(env, failure.error, failure.operation);
    return;
  }
  poller_ = new Poller;
  poller_->fd = fd;
  poller_->owner = this;
  if (!ApplyOptions(env)) {
    close(fd);
    delete poller_;
    poller_ = nullptr;
    return;
  }
  uv_loop_t *loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  const int error = uv_poll_init(loop, &poller_->handle, fd);
  if (error != 0) {
    close(fd);
    delete poller_;
    poller_ = nullptr;
    ThrowErrno(env, -error, "uv_poll_init");
    return;
  }
  poller_->handle.data = poller_;
  napi_add_async_cleanup_hook(env, OnTeardown, poller_, &poller_->cleanup);
  on_readable_ = Napi::Persistent(info[2].As<Napi::Function>());
  if (!StartPolling()) {
    Close();
    ThrowErrno(env, EIO, "uv_poll_start");
  }
}

NetlinkSocket::~NetlinkSocket() {
  Close();
  std::free(buffer_);
}

// Binds, and turns on what makes the kernel answer precisely. NETLINK_NO_ENOBUFS is never set: a lost event must be
// known. Options that old kernels lack are not required.
bool NetlinkSocket::ApplyOptions(Napi::Env env) {
  const int one = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_CAP_ACK}) {
    setsockopt(poller_->fd, SOL_NETLINK, option, &one, sizeof(one));
  }
  struct sockaddr_nl address;
  std::memset(&address, 0, sizeof(address));
  address.nl_family = AF_NETLINK;
  socklen_t length = sizeof(address);
  auto *generic = reinterpret_cast<struct sockaddr *>(&address);
  if (bind(poller_->fd, generic, length) != 0 || getsockname(poller_->fd, generic, &length) != 0) {
    ThrowErrno(env, errno, "bind");
    return false;
  }
  port_ = address.nl_pid;
  return true;
}

bool NetlinkSocket::StartPolling() { return uv_poll_start(&poller_->handle, UV_READABLE, OnPoll) == 0; }

void NetlinkSocket::OnPoll(uv_poll_t *handle, int status, int) {
  auto *poller = static_cast<Poller *>(handle->data);
  NetlinkSocket *self = poller->owner;
  if (self == nullptr) return;
  // On a poll error libuv has stopped the handle: an overrun (ENOBUFS) is pending on the socket. Reading fetches it,
  // and the handle must be started again.
  if (status < 0 && !self->StartPolling()) {
    self->Deliver(0, EIO);
    return;
  }
  self->Drain();
}

void NetlinkSocket::Drain() {
  uint32_t flags = 0;
  int error = 0;
  used_ = 0;
  for (int datagrams = 0; used_ < kMaxBytesPerWake && datagrams < kMaxDatagramsPerWake; datagrams++) {
    struct iovec none = {nullptr, 0};
    struct sockaddr_nl from;
    struct msghdr message;
    std::memset(&message, 0, sizeof(message));
    message.msg_iov = &none;
    message.msg_iovlen = 1;
    // The real size of the next datagram, whatever it is: nothing is ever cut off.
    const ssize_t waiting = recvmsg(poller_->fd, &message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (waiting < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        // From the first loss until now, when nothing is left, the kernel may have dropped more without a word (netlink_overrun()).
        if (losing_) flags |= kOverrun;
        losing_ = false;
        break;
      }
      if (errno == ENOBUFS) {
        flags |= kOverrun;
        losing_ = true;
        continue;
      }
      error = errno;
      break;
    }
    // Each datagram is padded below to four bytes.
    size_t room = Align4(static_cast<size_t>(waiting));
    if (room < kMinReceiveBytes) room = kMinReceiveBytes;
    if (room > kMaxDatagramBytes) room = kMaxDatagramBytes;
    if (!Reserve(used_ + room)) {
      error = ENOMEM;
      break;
    }
    struct iovec into = {buffer_ + used_, room};
    message.msg_iov = &into;
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_flags = 0;
    const ssize_t received = recvmsg(poller_->fd, &message, MSG_TRUNC | MSG_DONTWAIT);
    if (received < 0) {
      if (errno == ENOBUFS) {
        flags |= kOverrun;
        losing_ = true;
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      error = errno;
      break;
    }
    // Only the kernel (port 0) is believed: any process may send to a netlink socket.
    if (message.msg_namelen < sizeof(from) || from.nl_pid != 0) continue;
    if (static_cast<size_t>(received) > room) {
      flags |= kTruncated;
      continue;
    }
    const size_t padded = Align4(static_cast<size_t>(received));
    std::memset(buffer_ + used_ + received, 0, padded - static_cast<size_t>(received));
    used_ += padded;
  }
  if (used_ != 0 || flags != 0 || error != 0) Deliver(flags, error);
}

// False when there is no memory: that loses events, which is known and repaired, and not the process.
bool NetlinkSocket::Reserve(size_t size) {
  if (capacity_ >= size) return true;
  void *larger = std::realloc(buffer_, size);
  if (larger == nullptr) return false;
  buffer_ = static_cast<uint8_t *>(larger);
  capacity_ = size;
  return true;
}

// One call per wake with everything that had arrived. An exception thrown by the callback is an uncaught exception of
// the process; it must not unwind into libuv.
void NetlinkSocket::Deliver(uint32_t flags, int error) {
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  Napi::Value bytes = env.Null();
  if (used_ != 0) {
    Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, used_);
    if (env.IsExceptionPending()) return;
    std::memcpy(copy.Data(), buffer_, used_);
    bytes = copy;
  }
  on_readable_.MakeCallback(Value(), {bytes, Napi::Number::New(env, flags), Napi::Number::New(env, error)}, context_);
  if (env.IsExceptionPending()) {
    Napi::Error problem = env.GetAndClearPendingException();
    napi_fatal_exception(env, problem.Value());
  }
}

// Returns 0 or an errno: the caller decides what is worth an exception.
Napi::Value NetlinkSocket::Send(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (poller_ == nullptr) return Napi::Number::New(env, EBADF);
  if (info.Length() < 1 || !info[0].IsTypedArray()) return Napi::Number::New(env, EINVAL);
  const auto bytes = info[0].As<Napi::Uint8Array>();
  struct sockaddr_nl kernel;
  std::memset(&kernel, 0, sizeof(kernel));
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = sendto(poller_->fd, bytes.Data(), bytes.ByteLength(), 0, reinterpret_cast<struct sockaddr *>(&kernel),
                  sizeof(kernel));
  } while (sent < 0 && errno == EINTR);
  return Napi::Number::New(env, sent < 0 ? errno : 0);
}

Napi::Value NetlinkSocket::Membership(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (poller_ == nullptr) return Napi::Number::New(env, EBADF);
  if (info.Length() < 2 || !info[0].IsNumber() || !info[1].IsBoolean()) return Napi::Number::New(env, EINVAL);
  const int group = info[0].As<Napi::Number>().Int32Value();
  const int option = info[1].As<Napi::Boolean>().Value() ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
  const int result = setsockopt(poller_->fd, SOL_NETLINK, option, &group, sizeof(group));
  return Napi::Number::New(env, result != 0 ? errno : 0);
}

// SO_RCVBUFFORCE passes net.core.rmem_max but needs CAP_NET_ADMIN; without it as much as is allowed.
Napi::Value NetlinkSocket::SetReceiveBuffer(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (poller_ == nullptr) return Napi::Number::New(env, EBADF);
  if (info.Length() < 1 || !info[0].IsNumber()) return Napi::Number::New(env, EINVAL);
  const int bytes = info[0].As<Napi::Number>().Int32Value();
  int result = setsockopt(poller_->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
  if (result != 0) result = setsockopt(poller_->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  return Napi::Number::New(env, result != 0 ? errno : 0);
}

Napi::Value NetlinkSocket::CloseFromJs(const Napi::CallbackInfo &info) {
  Close();
  return info.Env().Undefined();
}

Napi::Value NetlinkSocket::Ref(const Napi::CallbackInfo &info) {
  if (poller_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t *>(&poller_->handle));
  return info.Env().Undefined();
}

Napi::Value NetlinkSocket::Unref(const Napi::CallbackInfo &info) {
  if (poller_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t *>(&poller_->handle));
  return info.Env().Undefined();
}

Napi::Value NetlinkSocket::GetPort(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), port_); }

Napi::Value NetlinkSocket::GetFd(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), poller_ == nullptr ? -1 : poller_->fd);
}

void NetlinkSocket::Close() {
  if (poller_ == nullptr) return;
  Poller *poller = poller_;
  poller_ = nullptr;
  poller->owner = nullptr;
  on_readable_.Reset();
  uv_poll_stop(&poller->handle);
  close(poller->fd);
  uv_close(reinterpret_cast<uv_handle_t *>(&poller->handle), OnClosed);
}

// The environment goes away with the socket still open: release the descriptor now, and hold the environment until
// libuv has closed the handle.
void NetlinkSocket::OnTeardown(napi_async_cleanup_hook_handle, void *argument) {
  auto *poller = static_cast<Poller *>(argument);
  if (poller->owner != nullptr) poller->owner->Close();
}

void NetlinkSocket::OnClosed(uv_handle_t *handle) {
  auto *poller = static_cast<Poller *>(handle->data);
  napi_remove_async_cleanup_hook(poller->cleanup);
  delete poller;
}

}  // namespace netlink_ts
