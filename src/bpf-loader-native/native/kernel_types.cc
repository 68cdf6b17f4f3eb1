// SPDX-License-Identifier: Apache-2.0
// See kernel_btf.h: loading and indexing. The JavaScript side is in kernel_btf.cc.
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>

#include "kernel_btf.h"

static const char* const kBtfDirectory = "/sys/kernel/btf";

BtfIndex::BtfIndex(btf* types, uint32_t first_id) : types_(types), first_(first_id), count_(btf__type_cnt(types)) {
  size_t slots = 1;
  while (slots < count_ - first_) slots <<= 1;
  heads_.assign(slots, 0);
  next_.assign(count_ - first_, 0);
  for (uint32_t id = first_; id < count_; id++) {
    const btf_type* type = btf__type_by_id(types_, id);
    if (type->name_off == 0) continue;
    uint32_t& head = heads_[Slot(NameOf(type))];
    next_[id - first_] = head;
    head = id;
  }
}

BtfIndex::~BtfIndex() { btf__free(types_); }

std::string_view BtfIndex::NameOf(const btf_type* type) const {
  const char* name = btf__name_by_offset(types_, type->name_off);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

size_t BtfIndex::Slot(std::string_view name) const {
  return std::hash<std::string_view>{}(name) & (heads_.size() - 1);
}

int KernelTypes::LoadVmlinux() {
  btf* types = btf__load_vmlinux_btf();
  if (types == nullptr) return errno == 0 ? -ENOENT : -errno;
  vmlinux_ = std::make_unique<BtfIndex>(types, 1);
  return 0;
}

void KernelTypes::RefreshModules() {
  std::vector<std::pair<std::string, uint64_t>> present;
  DIR* directory = opendir(kBtfDirectory);
  // For want of a descriptor or memory: what was known is nearer to the truth than nothing.
  if (directory == nullptr && errno != ENOENT) return;
  bool complete = true;
  if (directory != nullptr) {
    errno = 0;
    while (const dirent* entry = readdir(directory)) {
      std::string name = entry->d_name;
      if (name[0] != '.' && name != "vmlinux") present.emplace_back(name, entry->d_ino);
      errno = 0;
    }
    complete = errno == 0;
    closedir(directory);
  }
  if (!complete) return;
  auto listed = [&](const ModuleBtf& module) {
    return std::find(present.begin(), present.end(), std::make_pair(module.name, module.inode)) != present.end();
  };
  modules_.erase(std::remove_if(modules_.begin(), modules_.end(), [&](const ModuleBtf& m) { return !listed(m); }),
                 modules_.end());
  for (const auto& [name, inode] : present) {
    bool known = std::any_of(modules_.begin(), modules_.end(), [&](const ModuleBtf& m) { return m.name == name; });
    if (known) continue;
    std::string path = std::string(kBtfDirectory) + "/" + name;
    btf* types = btf__parse_split(path.c_str(), vmlinux_->Types() == nullptr ? nullptr : const_cast<btf*>(vmlinux_->Types()));
    if (types == nullptr) continue;  // unloaded since the listing, or BTF of another build
    modules_.push_back({name, inode, std::make_unique<BtfIndex>(types, vmlinux_->Count())});
  }
}
