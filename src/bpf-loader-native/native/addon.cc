// SPDX-License-Identifier: Apache-2.0
// Module entry: gathers what the subject files define.
#include "addon.h"

#include "capture.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData());
  InstallCapture();
  DefineBulk(env, exports);
  DefineHandle(env, exports);
  DefineObject(env, exports);
  DefineKernelBtf(env, exports);
  DefineRingReader(env, exports);
  DefineSyscall(env, exports);
  DefineProbe(env, exports);
  DefineSystem(env, exports);
  DefineTrafficControl(env, exports);
  return exports;
}

NODE_API_MODULE(bpf_loader_native, Init)
