// SPDX-License-Identifier: Apache-2.0
// A BPF ELF object in libbpf's hands, from open to close.
#ifndef BPF_LOADER_OBJECT_H
#define BPF_LOADER_OBJECT_H

#include <bpf/libbpf.h>
#include <napi.h>

#include <map>
#include <memory>
#include <string>

#include "capture.h"

/// Shared with a running load, so that closing the JavaScript object cannot free it under a pool thread.
struct LoadedObject {
  explicit LoadedObject(bpf_object* object);
  ~LoadedObject();
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;

  bpf_object* object;
  std::map<std::string, PreparedProgram> prepared;
};

class Object : public Napi::ObjectWrap<Object> {
 public:
  explicit Object(const Napi::CallbackInfo& info);
  static Napi::Function Class(Napi::Env env);
  /// (bytes, name) → promise of {errno, log, object?}.
  static Napi::Value Open(const Napi::CallbackInfo& info);

 private:
  Napi::Value Describe(const Napi::CallbackInfo& info);
  Napi::Value InitialValue(const Napi::CallbackInfo& info);
  Napi::Value SetInitialValue(const Napi::CallbackInfo& info);
  Napi::Value SetMaxEntries(const Napi::CallbackInfo& info);
  Napi::Value SetAutoload(const Napi::CallbackInfo& info);
  Napi::Value ReuseMap(const Napi::CallbackInfo& info);
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value ProgramHandle(const Napi::CallbackInfo& info);
  Napi::Value MapHandle(const Napi::CallbackInfo& info);
  Napi::Value MapFd(const Napi::CallbackInfo& info);
  Napi::Value Prepared(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  bpf_object* Get(Napi::Env env) const;
  bpf_map* FindMap(const Napi::CallbackInfo& info) const;
  bpf_program* FindProgram(const Napi::CallbackInfo& info) const;

  std::shared_ptr<LoadedObject> state_;
  bool loading_ = false;
};

/// Programs, maps, global variables and licence of an object, as plain JavaScript data.
Napi::Object DescribeObject(Napi::Env env, bpf_object* object);

#endif
