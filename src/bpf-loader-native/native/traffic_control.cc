// SPDX-License-Identifier: Apache-2.0
// What goes over rtnetlink instead of bpf(2): clsact programs (kernels before TCX) and the XDP state of an interface.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include <memory>

#include "addon.h"
#include "capture.h"
#include "job.h"

namespace {

struct Request {
  int error = 0;
  std::string log;
  bpf_tc_hook hook = {};
  bpf_tc_opts opts = {};
  bpf_xdp_query_opts query = {};
};

int Int(const Napi::CallbackInfo& info, size_t index) { return info[index].As<Napi::Number>().Int32Value(); }
uint32_t Unsigned(const Napi::CallbackInfo& info, size_t index) { return info[index].As<Napi::Number>().Uint32Value(); }

std::shared_ptr<Request> HookRequest(const Napi::CallbackInfo& info) {
  auto request = std::make_shared<Request>();
  request->hook.sz = sizeof(request->hook);
  request->opts.sz = sizeof(request->opts);
  request->hook.ifindex = Int(info, 0);
  request->hook.attach_point = static_cast<bpf_tc_attach_point>(Int(info, 1));
  return request;
}

Napi::Value Submit(const Napi::CallbackInfo& info, std::shared_ptr<Request> request, std::function<int(Request&)> call,
                   std::function<void(const Request&, Napi::Object)> fill) {
  // Owners of descriptors come as extra arguments, to be kept open meanwhile.
  std::vector<Napi::Object> keep;
  for (size_t i = 0; i < info.Length(); i++) {
    if (info[i].IsObject()) keep.push_back(info[i].As<Napi::Object>());
  }
  return RunJob(
      info.Env(), keep,
      [request, call = std::move(call)] {
        Capture capture;
        request->error = -call(*request);
        request->log = std::move(capture.text);
      },
      [request, fill = std::move(fill)](Napi::Env env) -> Napi::Value {
        auto out = Napi::Object::New(env);
        out.Set("errno", request->error);
        out.Set("log", request->log);
        fill(*request, out);
        return out;
      });
}

void Nothing(const Request&, Napi::Object) {}

void FillFilter(const Request& request, Napi::Object out) {
  out.Set("handle", request.opts.handle);
  out.Set("priority", request.opts.priority);
  out.Set("programId", request.opts.prog_id);
}

/// (ifindex, point): creates clsact; EEXIST if there is one
Napi::Value HookCreate(const Napi::CallbackInfo& info) {
  return Submit(info, HookRequest(info), [](Request& r) { return bpf_tc_hook_create(&r.hook); }, Nothing);
}

/// (ifindex): removes clsact with everything on it
Napi::Value HookDestroy(const Napi::CallbackInfo& info) {
  auto request = std::make_shared<Request>();
  request->hook.sz = sizeof(request->hook);
  request->hook.ifindex = Int(info, 0);
  // Both points at once: that is how libbpf is told to delete the qdisc and not only one side's filters.
  request->hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  return Submit(info, request, [](Request& r) { return bpf_tc_hook_destroy(&r.hook); }, Nothing);
}

/// (ifindex, point, progFd, handle, priority, replace, program)
Napi::Value Attach(const Napi::CallbackInfo& info) {
  auto request = HookRequest(info);
  request->opts.prog_fd = Int(info, 2);
  request->opts.handle = Unsigned(info, 3);
  request->opts.priority = Unsigned(info, 4);
  request->opts.flags = info[5].ToBoolean().Value() ? BPF_TC_F_REPLACE : 0;
  return Submit(info, request, [](Request& r) { return bpf_tc_attach(&r.hook, &r.opts); }, FillFilter);
}

/// (ifindex, point, handle, priority)
Napi::Value Detach(const Napi::CallbackInfo& info) {
  auto request = HookRequest(info);
  request->opts.handle = Unsigned(info, 2);
  request->opts.priority = Unsigned(info, 3);
  return Submit(info, request, [](Request& r) { return bpf_tc_detach(&r.hook, &r.opts); }, Nothing);
}

/// (ifindex, point, handle, priority)
Napi::Value Query(const Napi::CallbackInfo& info) {
  auto request = HookRequest(info);
  request->opts.handle = Unsigned(info, 2);
  request->opts.priority = Unsigned(info, 3);
  return Submit(info, request, [](Request& r) { return bpf_tc_query(&r.hook, &r.opts); }, FillFilter);
}

/// (ifindex)
Napi::Value XdpQuery(const Napi::CallbackInfo& info) {
  auto request = std::make_shared<Request>();
  request->query.sz = sizeof(request->query);
  int ifindex = Int(info, 0);
  return Submit(
      info, request, [ifindex](Request& r) { return bpf_xdp_query(ifindex, 0, &r.query); },
      [](const Request& r, Napi::Object out) {
        out.Set("mode", static_cast<uint32_t>(r.query.attach_mode));
        out.Set("programId", r.query.prog_id);
        out.Set("driver", r.query.drv_prog_id);
        out.Set("generic", r.query.skb_prog_id);
        out.Set("hardware", r.query.hw_prog_id);
      });
}

/// (ifindex, progFd or -1, flags, program?): netlink attachment without a link, as `ip link set xdp` makes
Napi::Value XdpAttach(const Napi::CallbackInfo& info) {
  int ifindex = Int(info, 0), fd = Int(info, 1);
  uint32_t flags = Unsigned(info, 2);
  return Submit(
      info, std::make_shared<Request>(),
      [=](Request&) { return fd < 0 ? bpf_xdp_detach(ifindex, flags, nullptr) : bpf_xdp_attach(ifindex, fd, flags, nullptr); },
      Nothing);
}

}  // namespace

void DefineTrafficControl(Napi::Env env, Napi::Object exports) {
  exports.Set("tcHookCreate", Napi::Function::New(env, HookCreate));
  exports.Set("tcHookDestroy", Napi::Function::New(env, HookDestroy));
  exports.Set("tcAttach", Napi::Function::New(env, Attach));
  exports.Set("tcDetach", Napi::Function::New(env, Detach));
  exports.Set("tcQuery", Napi::Function::New(env, Query));
  exports.Set("xdpQuery", Napi::Function::New(env, XdpQuery));
  exports.Set("xdpAttach", Napi::Function::New(env, XdpAttach));
}
