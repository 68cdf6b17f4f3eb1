// SPDX-License-Identifier: Apache-2.0
// See capture.h. The section handlers take the place of libbpf's own for the network hooks; their prepare callback runs
// right before BPF_PROG_LOAD and is the one place where libbpf shows func_info, line_info and the module descriptors.
#include "capture.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mutex>
#include <new>

#include "uapi.h"

namespace {

thread_local Capture* t_capture = nullptr;

// Called by libbpf, which is C: no exception may leave.
int Print(enum libbpf_print_level level, const char* format, va_list args) {
  if (t_capture == nullptr || level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(nullptr, 0, format, args);
  if (length > 0) {
    size_t start = t_capture->text.size();
    try {
      t_capture->text.resize(start + static_cast<size_t>(length) + 1);
      vsnprintf(&t_capture->text[start], static_cast<size_t>(length) + 1, format, again);
      t_capture->text.resize(start + static_cast<size_t>(length));
    } catch (const std::bad_alloc&) {
      length = 0;  // a message is lost, not the process
    }
  }
  va_end(again);
  return length;
}

std::vector<uint8_t> Copy(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  return bytes == nullptr ? std::vector<uint8_t>() : std::vector<uint8_t>(bytes, bytes + size);
}

/// 0, or a negative errno when a descriptor cannot be duplicated: a template without it would fail at each use.
int Duplicate(int fd, UniqueFd& into) {
  into.Reset(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return into.Valid() ? 0 : -errno;
}

int CopyModuleDescriptors(const bpf_insn* insns, size_t count, const int* fds, PreparedProgram& into) {
  if (fds == nullptr) return 0;
  for (size_t i = 0; i < count; i++) {
    bool kfunc = insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == BPF_PSEUDO_KFUNC_CALL;
    if (!kfunc || insns[i].off <= 0) continue;
    auto index = static_cast<size_t>(insns[i].off);
    if (into.fd_array.size() <= index) into.fd_array.resize(index + 1);
    if (into.fd_array[index].Valid()) continue;
    int error = Duplicate(fds[index], into.fd_array[index]);
    if (error != 0) return error;
  }
  return 0;
}

int CopyProgram(struct bpf_program* prog, const struct bpf_prog_load_opts& opts) {
  PreparedProgram& out = t_capture->programs[bpf_program__name(prog)];
  size_t count = bpf_program__insn_cnt(prog);
  out.insns = Copy(bpf_program__insns(prog), count * sizeof(bpf_insn));
  out.func_info = Copy(opts.func_info, size_t{opts.func_info_cnt} * opts.func_info_rec_size);
  out.line_info = Copy(opts.line_info, size_t{opts.line_info_cnt} * opts.line_info_rec_size);
  out.func_info_rec_size = opts.func_info_rec_size;
  out.line_info_rec_size = opts.line_info_rec_size;
  out.type = bpf_program__type(prog);
  out.expected_attach_type = opts.expected_attach_type;
  out.flags = opts.prog_flags;
  int error = opts.prog_btf_fd == 0 ? 0 : Duplicate(static_cast<int>(opts.prog_btf_fd), out.btf);
  return error != 0 ? error : CopyModuleDescriptors(bpf_program__insns(prog), count, opts.fd_array, out);
}

// Called by libbpf, which is C: no exception may leave. A negative result fails the load.
int Prepare(struct bpf_program* prog, struct bpf_prog_load_opts* opts, long cookie) {
  opts->prog_flags |= static_cast<uint32_t>(cookie);
  if (t_capture == nullptr || !t_capture->want_programs) return 0;
  try {
    return CopyProgram(prog, *opts);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

}  // namespace

Capture::Capture() { t_capture = this; }
Capture::~Capture() { t_capture = nullptr; }

void InstallCapture() {
  static std::once_flag once;
  std::call_once(once, [] {
    libbpf_set_print(Print);
    struct Section {
      const char* name;
      enum bpf_prog_type type;
      uint32_t attach_type;
      uint32_t flags;
    };
    const Section sections[] = {
        {"xdp", BPF_PROG_TYPE_XDP, BPF_XDP, 0},
        {"xdp.frags", BPF_PROG_TYPE_XDP, BPF_XDP, BPF_F_XDP_HAS_FRAGS},
        {"xdp/devmap", BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, 0},
        {"xdp.frags/devmap", BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, BPF_F_XDP_HAS_FRAGS},
        {"tc", BPF_PROG_TYPE_SCHED_CLS, 0, 0},
        {"classifier", BPF_PROG_TYPE_SCHED_CLS, 0, 0},
        {"tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, kAttachTcxIngress, 0},
        {"tcx/egress", BPF_PROG_TYPE_SCHED_CLS, kAttachTcxEgress, 0},
    };
    for (const Section& section : sections) {
      LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = static_cast<long>(section.flags),
                  .prog_prepare_load_fn = Prepare);
      (void)libbpf_register_prog_handler(section.name, section.type,
                                         static_cast<enum bpf_attach_type>(section.attach_type), &opts);
    }
  });
}
