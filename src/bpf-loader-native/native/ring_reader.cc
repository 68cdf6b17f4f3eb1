// SPDX-License-Identifier: Apache-2.0
// Ring buffer consumer on the event loop. At most `limit` samples are taken per wake, then the loop gets its turn.
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <uv.h>

#include <vector>

#include "addon.h"
#include "handle.h"
#include "unique_fd.h"

namespace {

/// Outlives the JavaScript object until libuv has confirmed that the poll handle is closed.
struct Ring {
  uv_poll_t poll;
  ring_buffer* buffer = nullptr;
  UniqueFd map;
  size_t limit = 0;
  std::vector<std::vector<uint8_t>> batch;
  class RingReader* owner = nullptr;

  ~Ring() {
    if (buffer != nullptr) ring_buffer__free(buffer);
    CountClosed();
  }
};

class RingReader : public Napi::ObjectWrap<RingReader> {
 public:
  /// (map fd, limit, callback(samples | errno))
  explicit RingReader(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<RingReader>(info), env_(info.Env()), context_(info.Env(), "bpf-ring-buffer") {
    callback_ = Napi::Persistent(info[2].As<Napi::Function>());
    CountOpened();
    auto ring = std::make_unique<Ring>();
    ring->owner = this;
    ring->limit = info[1].As<Napi::Number>().Uint32Value();
    ring->map.Reset(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 3));
    if (!ring->map.Valid()) throw Failed("dup", errno);
    ring->buffer = ring_buffer__new(ring->map.Get(), Sample, ring.get(), nullptr);
    if (ring->buffer == nullptr) throw Failed("ring_buffer__new", errno);
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env_, &loop);
    int rc = uv_poll_init(loop, &ring->poll, ring_buffer__epoll_fd(ring->buffer));
    if (rc != 0) throw Failed("uv_poll_init", -rc);
    ring_ = ring.release();
    ring_->poll.data = ring_;
    rc = uv_poll_start(&ring_->poll, UV_READABLE, Wake);
    if (rc != 0) {
      Stop();
      throw Failed("uv_poll_start", -rc);
    }
    napi_add_env_cleanup_hook(env_, Teardown, this);
    Ref();  // as with Node's own handles, an open reader lives though nobody refers to it
  }

  ~RingReader() override { Stop(); }

  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "RingReader",
                       {InstanceMethod<&RingReader::Close>("close"), InstanceMethod<&RingReader::LetProcessEnd>("letProcessEnd")});
  }

 private:
  Napi::Error Failed(const char* what, int error) const {
    auto failure = Napi::Error::New(env_, std::string(what) + " failed");
    failure.Set("errno", Napi::Number::New(env_, error));
    return failure;
  }

  static int Sample(void* context, void* data, size_t size) {
    auto* ring = static_cast<Ring*>(context);
    const auto* bytes = static_cast<const uint8_t*>(data);
    try {
      ring->batch.emplace_back(bytes, bytes + size);
    } catch (...) {
      return -ENOMEM;
    }
    // A negative result ends this round after the sample was taken; the rest waits in the ring.
    return ring->batch.size() >= ring->limit ? -EAGAIN : 0;
  }

  static void Wake(uv_poll_t* poll, int status, int) {
    auto* ring = static_cast<Ring*>(poll->data);
    if (ring->owner == nullptr) return;
    int error = status < 0 ? -status : 0;
    if (error == 0) {
      int rc = ring_buffer__consume(ring->buffer);
      if (rc < 0 && rc != -EAGAIN) error = -rc;
    }
    ring->owner->Deliver(*ring, error);
  }

  void Deliver(Ring& ring, int error) {
    std::vector<std::vector<uint8_t>> batch = std::move(ring.batch);
    ring.batch.clear();
    if (batch.empty() && error == 0) return;
    Napi::HandleScope scope(env_);
    try {
      auto samples = Napi::Array::New(env_, batch.size());
      for (uint32_t i = 0; i < batch.size(); i++) {
        auto bytes = Napi::Uint8Array::New(env_, batch[i].size());
        if (!batch[i].empty()) memcpy(bytes.Data(), batch[i].data(), batch[i].size());
        samples.Set(i, bytes);
      }
      callback_.MakeCallback(env_.Global(), {samples, Napi::Number::New(env_, error)}, context_);
    } catch (...) {
      // The TypeScript side catches what user callbacks throw; only a dying environment gets here.
    }
  }

  void Stop() {
    if (ring_ == nullptr) return;
    napi_remove_env_cleanup_hook(env_, Teardown, this);
    Ring* ring = ring_;
    ring_ = nullptr;
    ring->owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&ring->poll),
             [](uv_handle_t* handle) { delete static_cast<Ring*>(handle->data); });
  }

  static void Teardown(void* self) { static_cast<RingReader*>(self)->Stop(); }
  void Close(const Napi::CallbackInfo&) {
    if (ring_ == nullptr) return;
    Stop();
    Unref();
  }
  void LetProcessEnd(const Napi::CallbackInfo&) {
    if (ring_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&ring_->poll));
  }

  Napi::Env env_;
  Napi::AsyncContext context_;
  Napi::FunctionReference callback_;
  Ring* ring_ = nullptr;
};

}  // namespace

void DefineRingReader(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = RingReader::Class(env);
  env.GetInstanceData<AddonData>()->ring_reader = Napi::Persistent(constructor);
  exports.Set("RingReader", constructor);
}
