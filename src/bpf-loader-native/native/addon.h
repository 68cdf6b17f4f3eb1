// SPDX-License-Identifier: Apache-2.0
// What each subject file contributes to the addon, and the constructors kept per environment.
#ifndef BPF_LOADER_ADDON_H
#define BPF_LOADER_ADDON_H

#include <napi.h>

struct AddonData {
  Napi::FunctionReference handle;
  Napi::FunctionReference object;
  Napi::FunctionReference kernel_btf;
  Napi::FunctionReference ring_reader;
};

void DefineBulk(Napi::Env env, Napi::Object exports);
void DefineHandle(Napi::Env env, Napi::Object exports);
void DefineObject(Napi::Env env, Napi::Object exports);
void DefineKernelBtf(Napi::Env env, Napi::Object exports);
void DefineRingReader(Napi::Env env, Napi::Object exports);
void DefineSyscall(Napi::Env env, Napi::Object exports);
void DefineProbe(Napi::Env env, Napi::Object exports);
void DefineSystem(Napi::Env env, Napi::Object exports);
void DefineTrafficControl(Napi::Env env, Napi::Object exports);

#endif
