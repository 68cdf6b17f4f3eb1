// SPDX-License-Identifier: Apache-2.0
// A descriptor owned by JavaScript: closed explicitly, or by the garbage collector at the latest.
#ifndef BPF_LOADER_HANDLE_H
#define BPF_LOADER_HANDLE_H

#include <napi.h>

#include "unique_fd.h"

class Handle : public Napi::ObjectWrap<Handle> {
 public:
  explicit Handle(const Napi::CallbackInfo& info);
  ~Handle() override;

  /// Takes over `fd`; it is closed even when the object cannot be made.
  static Napi::Value Adopt(Napi::Env env, UniqueFd fd);
  static Napi::Function Class(Napi::Env env);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  void Drop();

  UniqueFd fd_;
};

/// Kernel objects open through this addon (descriptors and loaded objects): leak tests compare it.
void CountOpened();
void CountClosed();

#endif
