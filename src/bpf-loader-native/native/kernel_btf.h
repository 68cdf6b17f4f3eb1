// SPDX-License-Identifier: Apache-2.0
// The running kernel's BTF, vmlinux and modules, with an index by name (libbpf's own search is linear).
#ifndef BPF_LOADER_KERNEL_BTF_H
#define BPF_LOADER_KERNEL_BTF_H

#include <bpf/btf.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// One BTF blob and the chains of its types by hash of their name.
class BtfIndex {
 public:
  BtfIndex(btf* types, uint32_t first_id);
  ~BtfIndex();
  BtfIndex(const BtfIndex&) = delete;
  BtfIndex& operator=(const BtfIndex&) = delete;

  const btf* Types() const { return types_; }
  uint32_t First() const { return first_; }
  uint32_t Count() const { return count_; }
  std::string_view NameOf(const btf_type* type) const;

  /// Calls `visit(id, type)` for each type of that name until it returns true.
  template <typename Visit>
  bool Each(std::string_view name, Visit visit) const {
    for (uint32_t id = heads_[Slot(name)]; id != 0; id = next_[id - first_]) {
      const btf_type* type = btf__type_by_id(types_, id);
      if (NameOf(type) == name && visit(id, type)) return true;
    }
    return false;
  }

 private:
  size_t Slot(std::string_view name) const;

  btf* types_;
  uint32_t first_;
  uint32_t count_;
  std::vector<uint32_t> heads_;
  std::vector<uint32_t> next_;
};

struct ModuleBtf {
  std::string name;
  uint64_t inode;
  std::unique_ptr<BtfIndex> index;
};

/// vmlinux plus the modules that are loaded now.
class KernelTypes {
 public:
  /// 0 or a negative errno.
  int LoadVmlinux();
  /// Follows modules that came, went or were replaced since the last call.
  void RefreshModules();

  const BtfIndex* Vmlinux() const { return vmlinux_.get(); }
  const std::vector<ModuleBtf>& Modules() const { return modules_; }

 private:
  // Declared first so that it is destroyed last: split BTF points into it.
  std::unique_ptr<BtfIndex> vmlinux_;
  std::vector<ModuleBtf> modules_;
};

#endif
