// SPDX-License-Identifier: Apache-2.0
// A promise for work done on a pool thread, in the caller's network namespace.
#ifndef BPF_LOADER_JOB_H
#define BPF_LOADER_JOB_H

#include <napi.h>

#include <functional>
#include <vector>

/// Runs `work` on a pool thread, then `finish` on the main thread; the promise takes what `finish` returns.
/// `keep` stays reachable until then. Exceptions of either become a rejection. `settled` is called before the promise is
/// settled, also when `work` could not be run or failed.
Napi::Promise RunJob(Napi::Env env, const std::vector<Napi::Object>& keep, std::function<void()> work,
                     std::function<Napi::Value(Napi::Env)> finish, std::function<void()> settled = {});

#endif
