// SPDX-License-Identifier: Apache-2.0
// A netlink socket that moves bytes between the kernel and JavaScript; it does not look into them.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>

namespace netlink_ts {

// The part of a socket that libuv refers to. It outlives the JavaScript object until libuv has let go of the handle.
struct Poller {
  uv_poll_t handle;
  int fd = -1;
  class NetlinkSocket *owner = nullptr;
  napi_async_cleanup_hook_handle cleanup = nullptr;
};

class NetlinkSocket : public Napi::ObjectWrap<NetlinkSocket> {
 public:
  static Napi::Function Define(Napi::Env env);

  // new NetlinkSocket(protocol, netnsPath | '', onReadable(bytes: ArrayBuffer | null, flags, errno))
  explicit NetlinkSocket(const Napi::CallbackInfo &info);
  ~NetlinkSocket() override;

 private:
  Napi::Value Send(const Napi::CallbackInfo &info);
  Napi::Value Membership(const Napi::CallbackInfo &info);
  Napi::Value SetReceiveBuffer(const Napi::CallbackInfo &info);
  Napi::Value CloseFromJs(const Napi::CallbackInfo &info);
  Napi::Value Ref(const Napi::CallbackInfo &info);
  Napi::Value Unref(const Napi::CallbackInfo &info);
  Napi::Value GetPort(const Napi::CallbackInfo &info);
  Napi::Value GetFd(const Napi::CallbackInfo &info);

  static void OnPoll(uv_poll_t *handle, int status, int events);
  static void OnTeardown(napi_async_cleanup_hook_handle handle, void *argument);
  static void OnClosed(uv_handle_t *handle);

  bool ApplyOptions(Napi::Env env);
  bool StartPolling();
  void Drain();
  bool Reserve(size_t size);
  void Close();
  void Deliver(uint32_t flags, int error);

  Poller *poller_ = nullptr;
  uint32_t port_ = 0;
  uint8_t *buffer_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  // Events were lost, and not all that was queued then has been delivered yet.
  bool losing_ = false;
  Napi::FunctionReference on_readable_;
  Napi::AsyncContext context_;
};

}  // namespace netlink_ts
