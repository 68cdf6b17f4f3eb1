// SPDX-License-Identifier: Apache-2.0
// The few system calls around BPF that Node lacks: flock, mounting a bpffs, the memory lock limit.
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "addon.h"
#include "handle.h"

/// path → Handle that holds the lock, or a negative errno (-EWOULDBLOCK: held by somebody else)
static Napi::Value LockExclusive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  UniqueFd fd(open(info[0].As<Napi::String>().Utf8Value().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.Valid() || flock(fd.Get(), LOCK_EX | LOCK_NB) != 0) return Napi::Number::New(env, -errno);
  return Handle::Adopt(env, std::move(fd));
}

static Napi::Value MountBpffs(const Napi::CallbackInfo& info) {
  std::string path = info[0].As<Napi::String>(), source = info[1].As<Napi::String>();
  int rc = mount(source.c_str(), path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
  return Napi::Number::New(info.Env(), rc == 0 ? 0 : -errno);
}

static Napi::Value Unmount(const Napi::CallbackInfo& info) {
  std::string path = info[0].As<Napi::String>();
  return Napi::Number::New(info.Env(), umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0 ? 0 : -errno);
}

static Napi::Value RaiseMemlock(const Napi::CallbackInfo& info) {
  struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  return Napi::Number::New(info.Env(), setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0 ? 0 : -errno);
}

void DefineSystem(Napi::Env env, Napi::Object exports) {
  exports.Set("lockExclusive", Napi::Function::New(env, LockExclusive));
  exports.Set("mountBpffs", Napi::Function::New(env, MountBpffs));
  exports.Set("unmount", Napi::Function::New(env, Unmount));
  exports.Set("raiseMemlock", Napi::Function::New(env, RaiseMemlock));
}
