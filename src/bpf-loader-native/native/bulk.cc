// SPDX-License-Identifier: Apache-2.0
// Many small questions to the kernel in one call. With a thousand interfaces, what costs is not the system calls but the
// way there: attribute blocks, handles and their collection.
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "addon.h"
#include "unique_fd.h"

namespace {

// struct bpf_link_info of a link on a device: more is not asked for.
constexpr uint32_t kLinkInfoBytes = 64;
constexpr uint32_t kFirstTcxRoom = 64;
constexpr uint32_t kMaxTcxRoom = 4096;

// Said instead of an errno of a pin that is no link; lib/link.ts names the same.
constexpr uint32_t kNotALink = 0xffffffff;

long Bpf(int cmd, void *attr, uint32_t size) { return syscall(__NR_bpf, cmd, attr, size); }

/// The descriptor's name in /proc is the only place that tells the kinds apart.
bool IsLink(int fd) {
  char name[64];
  const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof(name));
  const std::string target(name, length < 0 ? 0 : static_cast<size_t>(length));
  return target.find("bpf-map") == std::string::npos && target.find("bpf-prog") == std::string::npos;
}

/// 0, an errno or kNotALink; `info` is filled from the link pinned at `path`.
uint32_t ReadPinnedLink(const std::string &path, uint8_t *info) {
  union bpf_attr open;
  memset(&open, 0, sizeof(open));
  open.pathname = reinterpret_cast<uintptr_t>(path.c_str());
  const UniqueFd fd(static_cast<int>(Bpf(BPF_OBJ_GET, &open, offsetof(union bpf_attr, file_flags) + sizeof(uint32_t))));
  if (!fd.Valid()) return static_cast<uint32_t>(errno);
  if (!IsLink(fd.Get())) return kNotALink;
  union bpf_attr ask;
  memset(&ask, 0, sizeof(ask));
  ask.info.bpf_fd = static_cast<uint32_t>(fd.Get());
  ask.info.info_len = kLinkInfoBytes;
  ask.info.info = reinterpret_cast<uintptr_t>(info);
  return Bpf(BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(ask.info)) < 0 ? static_cast<uint32_t>(errno) : 0;
}

/// (paths) -> { infos, errnos }: one block of 64 bytes and one errno per path.
Napi::Value PinnedLinks(const Napi::CallbackInfo &call) {
  Napi::Env env = call.Env();
  auto paths = call[0].As<Napi::Array>();
  const uint32_t count = paths.Length();
  auto infos = Napi::Uint8Array::New(env, static_cast<size_t>(count) * kLinkInfoBytes);
  auto errnos = Napi::Uint32Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) {
    const Napi::HandleScope scope(env);
    const std::string path = paths.Get(i).As<Napi::String>().Utf8Value();
    errnos[i] = ReadPinnedLink(path, infos.Data() + static_cast<size_t>(i) * kLinkInfoBytes);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("infos", infos);
  result.Set("errnos", errnos);
  return result;
}

/// (fd, key size, keys, value size) -> { values, errnos }: one value and one errno per key.
Napi::Value MapLookups(const Napi::CallbackInfo &call) {
  Napi::Env env = call.Env();
  const auto fd = call[0].As<Napi::Number>().Uint32Value();
  const auto key_size = call[1].As<Napi::Number>().Uint32Value();
  const auto keys = call[2].As<Napi::Uint8Array>();
  const auto value_size = call[3].As<Napi::Number>().Uint32Value();
  if (key_size == 0 || keys.ByteLength() % key_size != 0) throw Napi::RangeError::New(env, "keys of another size");
  const size_t count = keys.ByteLength() / key_size;
  auto values = Napi::Uint8Array::New(env, count * value_size);
  auto errnos = Napi::Uint32Array::New(env, count);
  for (size_t i = 0; i < count; i++) {
    union bpf_attr lookup;
    memset(&lookup, 0, sizeof(lookup));
    lookup.map_fd = fd;
    lookup.key = reinterpret_cast<uintptr_t>(keys.Data() + i * key_size);
    lookup.value = reinterpret_cast<uintptr_t>(values.Data() + i * value_size);
    errnos[i] = Bpf(BPF_MAP_LOOKUP_ELEM, &lookup, offsetof(union bpf_attr, flags) + sizeof(uint64_t)) < 0
                    ? static_cast<uint32_t>(errno)
                    : 0;
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("values", values);
  result.Set("errnos", errnos);
  return result;
}

/// Appends errno, number of programs, and a program id and a link id for each.
void AppendTcxList(uint32_t ifindex, uint32_t attach_type, std::vector<uint32_t> *out) {
  for (uint32_t room = kFirstTcxRoom;; room *= 2) {
    std::vector<uint32_t> programs(room);
    std::vector<uint32_t> links(room);
    // The query member of union bpf_attr; headers before Linux 6.6 end it before the link ids.
    alignas(8) uint8_t attr[64] = {};
    const uint64_t program_ids = reinterpret_cast<uintptr_t>(programs.data());
    const uint64_t link_ids = reinterpret_cast<uintptr_t>(links.data());
    memcpy(attr + 0, &ifindex, sizeof(ifindex));
    memcpy(attr + 4, &attach_type, sizeof(attach_type));
    memcpy(attr + 16, &program_ids, sizeof(program_ids));
    memcpy(attr + 24, &room, sizeof(room));
    memcpy(attr + 40, &link_ids, sizeof(link_ids));
    const int error = Bpf(BPF_PROG_QUERY, attr, sizeof(attr)) < 0 ? errno : 0;
    if (error == ENOSPC && room < kMaxTcxRoom) continue;
    uint32_t count = 0;
    if (error == 0) memcpy(&count, attr + 24, sizeof(count));
    out->push_back(static_cast<uint32_t>(error));
    out->push_back(count);
    for (uint32_t i = 0; i < count; i++) {
      out->push_back(programs[i]);
      out->push_back(links[i]);
    }
    return;
  }
}

/// (attach type, ifindexes) -> the lists of these devices, one after the other.
Napi::Value TcxLists(const Napi::CallbackInfo &call) {
  Napi::Env env = call.Env();
  const auto attach_type = call[0].As<Napi::Number>().Uint32Value();
  const auto ifindexes = call[1].As<Napi::Uint32Array>();
  std::vector<uint32_t> lists;
  for (size_t i = 0; i < ifindexes.ElementLength(); i++) AppendTcxList(ifindexes[i], attach_type, &lists);
  auto result = Napi::Uint32Array::New(env, lists.size());
  if (!lists.empty()) memcpy(result.Data(), lists.data(), lists.size() * sizeof(uint32_t));
  return result;
}

}  // namespace

void DefineBulk(Napi::Env env, Napi::Object exports) {
  exports.Set("pinnedLinks", Napi::Function::New(env, PinnedLinks));
  exports.Set("mapLookups", Napi::Function::New(env, MapLookups));
  exports.Set("tcxLists", Napi::Function::New(env, TcxLists));
}
