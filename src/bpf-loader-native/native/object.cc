// SPDX-License-Identifier: Apache-2.0
// See object.h. Every call that can fail returns a negative errno; TypeScript makes the error out of it.
#include "object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <vector>

#include "addon.h"
#include "handle.h"
#include "job.h"

LoadedObject::LoadedObject(bpf_object* object) : object(object) { CountOpened(); }

LoadedObject::~LoadedObject() {
  bpf_object__close(object);
  CountClosed();
}

static Napi::Value Number(Napi::Env env, int value) { return Napi::Number::New(env, value); }

static Napi::Value Bytes(Napi::Env env, const void* data, size_t size) {
  auto copy = Napi::Uint8Array::New(env, size);
  if (size > 0) memcpy(copy.Data(), data, size);
  return copy;
}

static Napi::Value DupHandle(Napi::Env env, int fd) {
  if (fd < 0) return Number(env, fd);
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.Valid()) return Number(env, -errno);
  return Handle::Adopt(env, std::move(copy));
}

Object::Object(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Object>(info) {
  state_ = *info[0].As<Napi::External<std::shared_ptr<LoadedObject>>>().Data();
}

bpf_object* Object::Get(Napi::Env env) const {
  if (!state_) throw Napi::Error::New(env, "the BPF object is closed");
  if (loading_) throw Napi::Error::New(env, "the BPF object is being loaded");
  return state_->object;
}

bpf_map* Object::FindMap(const Napi::CallbackInfo& info) const {
  bpf_object* object = Get(info.Env());
  return bpf_object__find_map_by_name(object, info[0].As<Napi::String>().Utf8Value().c_str());
}

bpf_program* Object::FindProgram(const Napi::CallbackInfo& info) const {
  bpf_object* object = Get(info.Env());
  return bpf_object__find_program_by_name(object, info[0].As<Napi::String>().Utf8Value().c_str());
}

Napi::Value Object::Open(const Napi::CallbackInfo& info) {
  struct Open {
    const void* data;
    size_t size;
    std::string name, log;
    int error = 0;
    std::shared_ptr<LoadedObject> object;
  };
  auto open = std::make_shared<Open>();
  auto bytes = info[0].As<Napi::Uint8Array>();
  open->data = bytes.Data();
  open->size = bytes.ByteLength();
  open->name = info[1].As<Napi::String>().Utf8Value();
  return RunJob(
      info.Env(), {bytes},
      [open] {
        Capture capture;
        LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = open->name.c_str());
        bpf_object* object = bpf_object__open_mem(open->data, open->size, &opts);
        if (object == nullptr) {
          open->error = errno;
        } else {
          open->object = std::make_shared<LoadedObject>(object);
        }
        open->log = capture.text;
      },
      [open](Napi::Env env) -> Napi::Value {
        auto result = Napi::Object::New(env);
        result.Set("errno", open->error);
        result.Set("log", open->log);
        if (open->object) {
          auto external = Napi::External<std::shared_ptr<LoadedObject>>::New(env, &open->object);
          result.Set("object", env.GetInstanceData<AddonData>()->object.New({external}));
        }
        return result;
      });
}

Napi::Value Object::Describe(const Napi::CallbackInfo& info) { return DescribeObject(info.Env(), Get(info.Env())); }

Napi::Value Object::InitialValue(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info);
  size_t size = 0;
  const void* value = map == nullptr ? nullptr : bpf_map__initial_value(map, &size);
  return value == nullptr ? info.Env().Null() : Bytes(info.Env(), value, size);
}

Napi::Value Object::SetInitialValue(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info);
  auto bytes = info[1].As<Napi::Uint8Array>();
  if (map == nullptr) return Number(info.Env(), -ENOENT);
  return Number(info.Env(), bpf_map__set_initial_value(map, bytes.Data(), bytes.ByteLength()));
}

Napi::Value Object::SetMaxEntries(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info);
  if (map == nullptr) return Number(info.Env(), -ENOENT);
  return Number(info.Env(), bpf_map__set_max_entries(map, info[1].As<Napi::Number>().Uint32Value()));
}

Napi::Value Object::ReuseMap(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info);
  if (map == nullptr) return Number(info.Env(), -ENOENT);
  return Number(info.Env(), bpf_map__reuse_fd(map, info[1].As<Napi::Number>().Int32Value()));
}

Napi::Value Object::SetAutoload(const Napi::CallbackInfo& info) {
  bpf_program* program = FindProgram(info);
  if (program == nullptr) return Number(info.Env(), -ENOENT);
  return Number(info.Env(), bpf_program__set_autoload(program, info[1].As<Napi::Boolean>().Value()));
}

// libbpf asks the kernel what it can do and remembers a failure to ask as "it cannot", for the life of the process. So it is
// not begun without descriptors for all that a load opens: its own, and one per BTF of a module. 0, or an errno.
static int SpareDescriptors() {
  size_t wanted = 48;
  if (DIR* modules = opendir("/sys/kernel/btf")) {
    while (readdir(modules) != nullptr) wanted++;
    closedir(modules);
  } else if (errno == EMFILE || errno == ENFILE) {
    return errno;
  }
  std::vector<UniqueFd> spare;
  spare.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  while (spare.back().Valid() && spare.size() < wanted) {
    int copy = fcntl(spare.front().Get(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return errno;
    spare.emplace_back(copy);
  }
  return spare.back().Valid() ? 0 : errno;
}

Napi::Value Object::Load(const Napi::CallbackInfo& info) {
  struct Load {
    std::shared_ptr<LoadedObject> object;
    std::string log;
    int error = 0;
    bool want_programs = false;
  };
  Get(info.Env());
  auto load = std::make_shared<Load>();
  load->object = state_;
  load->want_programs = info[0].ToBoolean().Value();
  loading_ = true;
  return RunJob(
      info.Env(), {info.This().As<Napi::Object>()},
      [load] {
        Capture capture;
        capture.want_programs = load->want_programs;
        load->error = SpareDescriptors();
        if (load->error != 0) return;
        load->error = -bpf_object__load(load->object->object);
        load->log = std::move(capture.text);
        if (load->error == 0) load->object->prepared = std::move(capture.programs);
      },
      [load](Napi::Env env) -> Napi::Value {
        auto result = Napi::Object::New(env);
        result.Set("errno", load->error);
        result.Set("log", load->log);
        return result;
      },
      [this] { loading_ = false; });
}

Napi::Value Object::ProgramHandle(const Napi::CallbackInfo& info) {
  bpf_program* program = FindProgram(info);
  return DupHandle(info.Env(), program == nullptr ? -ENOENT : bpf_program__fd(program));
}

Napi::Value Object::MapHandle(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info);
  return DupHandle(info.Env(), map == nullptr ? -ENOENT : bpf_map__fd(map));
}

Napi::Value Object::MapFd(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info);
  return Number(info.Env(), map == nullptr ? -ENOENT : bpf_map__fd(map));
}

Napi::Value Object::Prepared(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Get(env);
  auto found = state_->prepared.find(info[0].As<Napi::String>().Utf8Value());
  if (found == state_->prepared.end()) return env.Null();
  const PreparedProgram& program = found->second;
  auto result = Napi::Object::New(env);
  result.Set("insns", Bytes(env, program.insns.data(), program.insns.size()));
  result.Set("funcInfo", Bytes(env, program.func_info.data(), program.func_info.size()));
  result.Set("lineInfo", Bytes(env, program.line_info.data(), program.line_info.size()));
  result.Set("funcInfoRecordSize", program.func_info_rec_size);
  result.Set("lineInfoRecordSize", program.line_info_rec_size);
  result.Set("type", program.type);
  result.Set("expectedAttachType", program.expected_attach_type);
  result.Set("flags", program.flags);
  // Borrowed: these descriptors live as long as the object, which the template keeps open.
  result.Set("btfFd", program.btf.Get());
  auto modules = Napi::Array::New(env, program.fd_array.size());
  for (uint32_t i = 0; i < program.fd_array.size(); i++) modules.Set(i, program.fd_array[i].Get());
  result.Set("moduleFds", modules);
  return result;
}

void Object::Close(const Napi::CallbackInfo&) { state_.reset(); }

Napi::Function Object::Class(Napi::Env env) {
  return DefineClass(env, "Object",
                     {InstanceMethod<&Object::Describe>("describe"),
                      InstanceMethod<&Object::InitialValue>("initialValue"),
                      InstanceMethod<&Object::SetInitialValue>("setInitialValue"),
                      InstanceMethod<&Object::SetMaxEntries>("setMaxEntries"),
                      InstanceMethod<&Object::SetAutoload>("setAutoload"),
                      InstanceMethod<&Object::ReuseMap>("reuseMap"),
                      InstanceMethod<&Object::Load>("load"),
                      InstanceMethod<&Object::ProgramHandle>("programHandle"),
                      InstanceMethod<&Object::MapHandle>("mapHandle"),
                      InstanceMethod<&Object::MapFd>("mapFd"),
                      InstanceMethod<&Object::Prepared>("prepared"),
                      InstanceMethod<&Object::Close>("close")});
}

void DefineObject(Napi::Env env, Napi::Object exports) {
  env.GetInstanceData<AddonData>()->object = Napi::Persistent(Object::Class(env));
  exports.Set("openObject", Napi::Function::New(env, Object::Open));
}
