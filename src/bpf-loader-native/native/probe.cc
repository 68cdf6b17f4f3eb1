// SPDX-License-Identifier: Apache-2.0
// libbpf's probes of program and map types. They answer "no" to any failure, so TypeScript asks them only after a
// trivial program has shown that loading is permitted at all.
#include <bpf/libbpf.h>

#include <memory>

#include "addon.h"
#include "capture.h"
#include "job.h"

static Napi::Value RunProbe(const Napi::CallbackInfo& info, std::function<int()> probe) {
  auto answer = std::make_shared<int>(0);
  return RunJob(
      info.Env(), {},
      [answer, probe = std::move(probe)] {
        Capture capture;
        *answer = probe();
      },
      [answer](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, *answer); });
}

static Napi::Value ProbeProgramType(const Napi::CallbackInfo& info) {
  auto type = static_cast<enum bpf_prog_type>(info[0].As<Napi::Number>().Int32Value());
  return RunProbe(info, [type] { return libbpf_probe_bpf_prog_type(type, nullptr); });
}

static Napi::Value ProbeMapType(const Napi::CallbackInfo& info) {
  auto type = static_cast<enum bpf_map_type>(info[0].As<Napi::Number>().Int32Value());
  return RunProbe(info, [type] { return libbpf_probe_bpf_map_type(type, nullptr); });
}

void DefineProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("probeProgramType", Napi::Function::New(env, ProbeProgramType));
  exports.Set("probeMapType", Napi::Function::New(env, ProbeMapType));
}
