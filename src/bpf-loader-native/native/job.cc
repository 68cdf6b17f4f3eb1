// SPDX-License-Identifier: Apache-2.0
// See job.h.
#include "job.h"

#include <string.h>
#include <uv.h>

#include <string>

#include "netns.h"

namespace {

class Job : public Napi::AsyncWorker {
 public:
  Job(Napi::Env env, const std::vector<Napi::Object>& keep, std::function<void()> work,
      std::function<Napi::Value(Napi::Env)> finish, std::function<void()> settled)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        netns_(CallerNetns(&netns_error_)),
        work_(std::move(work)),
        finish_(std::move(finish)),
        settled_(std::move(settled)) {
    keep_.reserve(keep.size());
    for (const auto& object : keep) keep_.push_back(Napi::Persistent(object));
  }

  Napi::Promise Start() {
    Napi::Promise promise = deferred_.Promise();
    Queue();
    return promise;
  }

 protected:
  void Execute() override {
    if (netns_error_ != 0) return Refuse(netns_error_);
    NetnsGuard guard(netns_);
    if (guard.Error() != 0) return Refuse(guard.Error());
    try {
      work_();
    } catch (const std::exception& e) {
      SetError(e.what());
    } catch (...) {
      SetError("unknown failure on a pool thread");
    }
  }

  void OnOK() override {
    if (settled_) settled_();
    try {
      deferred_.Resolve(finish_(Env()));
    } catch (const Napi::Error& e) {
      deferred_.Reject(e.Value());
    } catch (const std::exception& e) {
      deferred_.Reject(Napi::Error::New(Env(), e.what()).Value());
    }
  }

  void OnError(const Napi::Error& e) override {
    if (settled_) settled_();
    Napi::Object error = e.Value().As<Napi::Object>();
    // Who gets it can tell a lack of descriptors from other failures.
    if (refused_ != 0) error.Set("code", uv_err_name(-refused_));
    deferred_.Reject(error);
  }

 private:
  void Refuse(int error) {
    refused_ = error;
    SetError(std::string("cannot enter the caller's network namespace: ") + strerror(error));
  }

  Napi::Promise::Deferred deferred_;
  // Declared before netns_, whose initialisation sets it.
  int netns_error_ = 0;
  int refused_ = 0;
  UniqueFd netns_;
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> finish_;
  std::function<void()> settled_;
  std::vector<Napi::ObjectReference> keep_;
};

}  // namespace

Napi::Promise RunJob(Napi::Env env, const std::vector<Napi::Object>& keep, std::function<void()> work,
                     std::function<Napi::Value(Napi::Env)> finish, std::function<void()> settled) {
  return (new Job(env, keep, std::move(work), std::move(finish), std::move(settled)))->Start();
}
