// SPDX-License-Identifier: Apache-2.0
// bpf(2) for TypeScript: the attribute block is laid out there, the addresses of the buffers it names are filled in here.
// Used where libbpf 1.1 has no call yet (TCX, multi-attach queries) or only wraps the system call.
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "addon.h"
#include "handle.h"
#include "job.h"

namespace {

constexpr size_t kMaxAttr = 256;

/// One call: (cmd, attr, [offset, buffer, …], keep?) where each buffer's address goes into attr at its offset.
struct Call {
  explicit Call(const Napi::CallbackInfo& info) {
    cmd = info[0].As<Napi::Number>().Int32Value();
    auto bytes = info[1].As<Napi::Uint8Array>();
    auto pointers = info[2].As<Napi::Array>();
    if (bytes.ByteLength() > kMaxAttr) throw Napi::RangeError::New(info.Env(), "bpf attribute too long");
    size = static_cast<uint32_t>(bytes.ByteLength());
    memcpy(attr, bytes.Data(), size);
    keep.push_back(bytes);
    keep.push_back(pointers);
    if (info.Length() > 3 && info[3].IsObject()) keep.push_back(info[3].As<Napi::Object>());
    for (uint32_t i = 0; i + 1 < pointers.Length(); i += 2) {
      uint32_t offset = pointers.Get(i).As<Napi::Number>().Uint32Value();
      auto buffer = pointers.Get(i + 1).As<Napi::Uint8Array>();
      if (offset + sizeof(uint64_t) > size) throw Napi::RangeError::New(info.Env(), "pointer outside the attribute");
      uint64_t address = buffer.ByteLength() == 0 ? 0 : reinterpret_cast<uintptr_t>(buffer.Data());
      memcpy(attr + offset, &address, sizeof(address));
      keep.push_back(buffer);
    }
  }

  /// Result of the system call, or -errno; a new descriptor is owned by the call until it is delivered.
  void Run(bool descriptor) {
    for (int attempt = 0; attempt < 10; attempt++) {
      result = syscall(__NR_bpf, cmd, attr, size);
      if (result >= 0) {
        if (descriptor) fd.Reset(static_cast<int>(result));
        return;
      }
      result = -errno;
      if (result != -EAGAIN) return;  // EAGAIN: the verifier was interrupted by a signal
    }
  }

  /// Copies back what the kernel wrote into the attribute block (lengths, ids, results).
  void Return() const {
    memcpy(keep[0].As<Napi::Uint8Array>().Data(), attr, size);
  }

  int cmd;
  uint32_t size;
  long result = -EINVAL;
  UniqueFd fd;
  alignas(8) uint8_t attr[kMaxAttr] = {};
  std::vector<Napi::Object> keep;
};

Napi::Value Deliver(Napi::Env env, Call& call) {
  if (call.fd.Valid()) return Handle::Adopt(env, std::move(call.fd));
  return Napi::Number::New(env, static_cast<double>(call.result));
}

Napi::Value Sync(const Napi::CallbackInfo& info, bool descriptor) {
  Call call(info);
  call.Run(descriptor);
  call.Return();
  return Deliver(info.Env(), call);
}

Napi::Value Async(const Napi::CallbackInfo& info, bool descriptor) {
  auto call = std::make_shared<Call>(info);
  auto attr = std::make_shared<Napi::ObjectReference>(Napi::Persistent(call->keep[0]));
  std::vector<Napi::Object> keep = std::move(call->keep);
  return RunJob(
      info.Env(), keep, [call, descriptor] { call->Run(descriptor); },
      [call, attr](Napi::Env env) -> Napi::Value {
        call->keep = {attr->Value()};
        call->Return();
        call->keep.clear();
        return Deliver(env, *call);
      });
}

/// Address of a buffer that another buffer must point to; valid while the caller keeps the buffer.
Napi::Value Address(const Napi::CallbackInfo& info) {
  uint64_t address = reinterpret_cast<uintptr_t>(info[0].As<Napi::Uint8Array>().Data());
  return Napi::BigInt::New(info.Env(), address);
}

}  // namespace

void DefineSyscall(Napi::Env env, Napi::Object exports) {
  auto add = [&](const char* name, Napi::Value (*call)(const Napi::CallbackInfo&, bool), bool descriptor) {
    exports.Set(name, Napi::Function::New(env, [call, descriptor](const Napi::CallbackInfo& info) -> Napi::Value {
                  return call(info, descriptor);
                }));
  };
  exports.Set("address", Napi::Function::New(env, Address));
  add("bpf", Sync, false);
  add("bpfFd", Sync, true);
  add("bpfAsync", Async, false);
  add("bpfFdAsync", Async, true);
}
