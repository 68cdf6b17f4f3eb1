// SPDX-License-Identifier: Apache-2.0
// What libbpf says and prepares during one call on one thread: its messages, and the exact program load it issues.
#ifndef BPF_LOADER_CAPTURE_H
#define BPF_LOADER_CAPTURE_H

#include <bpf/libbpf.h>

#include <map>
#include <string>
#include <vector>

#include "unique_fd.h"

/// A program as libbpf hands it to the kernel: relocated, with map descriptors in its instructions.
struct PreparedProgram {
  std::vector<uint8_t> insns;
  std::vector<uint8_t> func_info;
  std::vector<uint8_t> line_info;
  uint32_t func_info_rec_size = 0;
  uint32_t line_info_rec_size = 0;
  uint32_t type = 0;
  uint32_t expected_attach_type = 0;
  uint32_t flags = 0;
  UniqueFd btf;
  /// Module BTF descriptors by the index that kfunc calls carry in `off`; index 0 is vmlinux and stays unset.
  std::vector<UniqueFd> fd_array;
};

/// Collects until destroyed. Nothing that libbpf prints ever reaches stderr, collected or not.
class Capture {
 public:
  Capture();
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  std::string text;
  bool want_programs = false;
  std::map<std::string, PreparedProgram> programs;
};

/// Registers the print callback and the section handlers, once per process.
void InstallCapture();

#endif
