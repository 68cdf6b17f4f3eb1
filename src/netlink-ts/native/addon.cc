// SPDX-License-Identifier: Apache-2.0
// What the addon exports to lib/native.ts.
#include <napi.h>

#include <cstring>
#include <string>

#include "netlink_socket.h"
#include "netns.h"

namespace netlink_ts {
namespace {

void Throw(Napi::Env env, const Failure &failure) {
  Napi::Error problem = Napi::Error::New(env, std::string(failure.operation) + ": " + std::strerror(failure.error));
  problem.Set("errno", Napi::Number::New(env, failure.error));
  problem.Set("operation", Napi::String::New(env, failure.operation));
  problem.ThrowAsJavaScriptException();
}

std::string PathArgument(const Napi::CallbackInfo &info) {
  return info.Length() > 0 && info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
}

Napi::Value Enter(const Napi::CallbackInfo &info) {
  const Failure failure = EnterNetns(PathArgument(info));
  if (failure.error != 0) Throw(info.Env(), failure);
  return info.Env().Undefined();
}

Napi::Value Inode(const Napi::CallbackInfo &info) {
  uint64_t inode = 0;
  const Failure failure = NetnsInode(PathArgument(info), &inode);
  if (failure.error != 0) {
    Throw(info.Env(), failure);
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), static_cast<double>(inode));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("NetlinkSocket", NetlinkSocket::Define(env));
  exports.Set("enterNetns", Napi::Function::New(env, Enter, "enterNetns"));
  exports.Set("netnsInode", Napi::Function::New(env, Inode, "netnsInode"));
  return exports;
}

}  // namespace
}  // namespace netlink_ts

NAPI_MODULE_INIT() { return Napi::RegisterModule(env, exports, netlink_ts::Init); }
