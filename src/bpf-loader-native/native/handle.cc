// SPDX-License-Identifier: Apache-2.0
// See handle.h.
#include "handle.h"

#include <atomic>

#include "addon.h"

static std::atomic<int> g_open{0};

void CountOpened() { g_open.fetch_add(1); }
void CountClosed() { g_open.fetch_sub(1); }

Handle::Handle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Handle>(info) {
  // The constructor is not exported: the only caller is Adopt, which passes its own UniqueFd.
  auto* source = info[0].As<Napi::External<UniqueFd>>().Data();
  fd_ = std::move(*source);
  CountOpened();
}

Handle::~Handle() { Drop(); }

void Handle::Drop() {
  if (!fd_.Valid()) return;
  fd_.Reset(-1);
  CountClosed();
}

Napi::Value Handle::Fd(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.Get()); }

void Handle::Close(const Napi::CallbackInfo&) { Drop(); }

Napi::Value Handle::Adopt(Napi::Env env, UniqueFd fd) {
  return env.GetInstanceData<AddonData>()->handle.New({Napi::External<UniqueFd>::New(env, &fd)});
}

Napi::Function Handle::Class(Napi::Env env) {
  return DefineClass(env, "Handle",
                     {InstanceAccessor<&Handle::Fd>("fd"), InstanceMethod<&Handle::Close>("close")});
}

void DefineHandle(Napi::Env env, Napi::Object exports) {
  env.GetInstanceData<AddonData>()->handle = Napi::Persistent(Handle::Class(env));
  exports.Set("openHandles", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Number::New(info.Env(), g_open.load());
              }));
}
