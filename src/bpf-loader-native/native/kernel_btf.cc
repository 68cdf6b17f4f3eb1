// SPDX-License-Identifier: Apache-2.0
// Questions about kernel types, functions and enum values, answered for vmlinux first and for modules after it.
#include "kernel_btf.h"

#include <errno.h>
#include <napi.h>

#include "addon.h"
#include "handle.h"
#include "job.h"

namespace {

struct Place {
  uint64_t bits = 0;
  uint32_t bitfield = 0;
  uint32_t type = 0;
};

uint32_t StripId(const btf* types, uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) {
    id = type->type;
    type = btf__type_by_id(types, id);
  }
  return id;
}

/// Finds `name` among the members, looking through anonymous structs and unions.
bool FindMember(const btf* types, const btf_type* type, std::string_view name, Place& place) {
  const btf_member* members = btf_members(type);
  for (uint32_t i = 0; i < btf_vlen(type); i++) {
    const char* own = btf__name_by_offset(types, members[i].name_off);
    uint64_t offset = place.bits + btf_member_bit_offset(type, i);
    if (own != nullptr && *own != '\0') {
      if (name != own) continue;
      place = {offset, btf_member_bitfield_size(type, i), members[i].type};
      return true;
    }
    const btf_type* inner = btf__type_by_id(types, StripId(types, members[i].type));
    if (inner == nullptr || !btf_is_composite(inner)) continue;
    Place nested{offset, 0, 0};
    if (FindMember(types, inner, name, nested)) {
      place = nested;
      return true;
    }
  }
  return false;
}

/// Walks "a.b.c" inside one struct; pointers are not followed, because an offset has one base.
bool FindPath(const btf* types, const btf_type* root, std::string_view path, Place& place) {
  const btf_type* type = root;
  while (true) {
    size_t dot = path.find('.');
    if (type == nullptr || !btf_is_composite(type)) return false;
    if (!FindMember(types, type, path.substr(0, dot), place)) return false;
    if (dot == std::string_view::npos) return true;
    path.remove_prefix(dot + 1);
    type = btf__type_by_id(types, StripId(types, place.type));
  }
}

class KernelBtf : public Napi::ObjectWrap<KernelBtf> {
 public:
  explicit KernelBtf(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KernelBtf>(info) {
    types_ = std::move(*info[0].As<Napi::External<std::unique_ptr<KernelTypes>>>().Data());
  }

  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "KernelBtf",
                       {InstanceMethod<&KernelBtf::Find>("find"), InstanceMethod<&KernelBtf::Field>("field"),
                        InstanceMethod<&KernelBtf::EnumValue>("enumValue"),
                        InstanceMethod<&KernelBtf::Tagged>("tagged"),
                        InstanceMethod<&KernelBtf::ModuleNames>("moduleNames")});
  }

  static Napi::Value Load(const Napi::CallbackInfo& info) {
    struct State {
      std::unique_ptr<KernelTypes> types = std::make_unique<KernelTypes>();
      int error = 0;
    };
    auto state = std::make_shared<State>();
    return RunJob(
        info.Env(), {},
        [state] {
          state->error = state->types->LoadVmlinux();
          if (state->error == 0) state->types->RefreshModules();
        },
        [state](Napi::Env env) -> Napi::Value {
          if (state->error != 0) return Napi::Number::New(env, state->error);
          auto external = Napi::External<std::unique_ptr<KernelTypes>>::New(env, &state->types);
          return env.GetInstanceData<AddonData>()->kernel_btf.New({external});
        });
  }

 private:
  /// Calls `visit(index, module)` for vmlinux and then each module until it returns true.
  template <typename Visit>
  bool EachIndex(Visit visit) {
    if (visit(*types_->Vmlinux(), static_cast<const ModuleBtf*>(nullptr))) return true;
    types_->RefreshModules();
    for (const ModuleBtf& module : types_->Modules()) {
      if (visit(*module.index, &module)) return true;
    }
    return false;
  }

  static Napi::Object Origin(Napi::Env env, const ModuleBtf* module) {
    auto out = Napi::Object::New(env);
    out.Set("module", module == nullptr ? Napi::Value(env.Null()) : Napi::String::New(env, module->name));
    return out;
  }

  /// (kind number, name) → {module, id, size} or null
  Napi::Value Find(const Napi::CallbackInfo& info) {
    uint32_t kind = info[0].As<Napi::Number>().Uint32Value();
    std::string name = info[1].As<Napi::String>().Utf8Value();
    Napi::Value out = info.Env().Null();
    EachIndex([&](const BtfIndex& index, const ModuleBtf* module) {
      return index.Each(name, [&](uint32_t id, const btf_type* type) {
        bool enum64 = kind == BTF_KIND_ENUM && btf_kind(type) == BTF_KIND_ENUM64;
        if (btf_kind(type) != kind && !enum64) return false;
        auto found = Origin(info.Env(), module);
        found.Set("id", id);
        found.Set("size", static_cast<double>(btf__resolve_size(index.Types(), id)));
        out = found;
        return true;
      });
    });
    return out;
  }

  /// (type name, "a.b.c") → {module, bits, bitfield, size} or null
  Napi::Value Field(const Napi::CallbackInfo& info) {
    std::string name = info[0].As<Napi::String>().Utf8Value();
    std::string path = info[1].As<Napi::String>().Utf8Value();
    Napi::Value out = info.Env().Null();
    EachIndex([&](const BtfIndex& index, const ModuleBtf* module) {
      return index.Each(name, [&](uint32_t, const btf_type* type) {
        Place place;
        if (!btf_is_composite(type) || !FindPath(index.Types(), type, path, place)) return false;
        auto found = Origin(info.Env(), module);
        found.Set("bits", static_cast<double>(place.bits));
        found.Set("bitfield", place.bitfield);
        found.Set("size", static_cast<double>(btf__resolve_size(index.Types(), place.type)));
        out = found;
        return true;
      });
    });
    return out;
  }

  static bool EnumMember(const btf* types, const btf_type* type, std::string_view name, int64_t& value) {
    for (uint32_t i = 0; i < btf_vlen(type); i++) {
      bool wide = btf_is_enum64(type);
      uint32_t offset = wide ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
      if (name != btf__name_by_offset(types, offset)) continue;
      value = wide ? static_cast<int64_t>(btf_enum64_value(&btf_enum64(type)[i])) : btf_enum(type)[i].val;
      return true;
    }
    return false;
  }

  /// (enum name, or "" for any, member name) → number or null
  Napi::Value EnumValue(const Napi::CallbackInfo& info) {
    std::string name = info[0].As<Napi::String>().Utf8Value();
    std::string member = info[1].As<Napi::String>().Utf8Value();
    int64_t value = 0;
    bool found = EachIndex([&](const BtfIndex& index, const ModuleBtf*) {
      auto check = [&](uint32_t, const btf_type* type) {
        return btf_is_any_enum(type) && EnumMember(index.Types(), type, member, value);
      };
      if (!name.empty()) return index.Each(name, check);
      for (uint32_t id = index.First(); id < index.Count(); id++) {
        if (check(id, btf__type_by_id(index.Types(), id))) return true;
      }
      return false;
    });
    return found ? Napi::Value(Napi::Number::New(info.Env(), static_cast<double>(value))) : info.Env().Null();
  }

  /// (tag, function) → true, false, or null when this kernel's BTF carries no such tag at all
  Napi::Value Tagged(const Napi::CallbackInfo& info) {
    std::string tag = info[0].As<Napi::String>().Utf8Value();
    std::string name = info[1].As<Napi::String>().Utf8Value();
    bool any = false;
    bool found = EachIndex([&](const BtfIndex& index, const ModuleBtf*) {
      return index.Each(tag, [&](uint32_t, const btf_type* type) {
        if (!btf_is_decl_tag(type)) return false;
        any = true;
        const btf_type* target = btf__type_by_id(index.Types(), type->type);
        return target != nullptr && btf_is_func(target) && index.NameOf(target) == name;
      });
    });
    return any ? Napi::Value(Napi::Boolean::New(info.Env(), found)) : info.Env().Null();
  }

  Napi::Value ModuleNames(const Napi::CallbackInfo& info) {
    types_->RefreshModules();
    auto out = Napi::Array::New(info.Env());
    for (const ModuleBtf& module : types_->Modules()) out.Set(out.Length(), module.name);
    return out;
  }

  std::unique_ptr<KernelTypes> types_;
};

}  // namespace

void DefineKernelBtf(Napi::Env env, Napi::Object exports) {
  env.GetInstanceData<AddonData>()->kernel_btf = Napi::Persistent(KernelBtf::Class(env));
  exports.Set("loadKernelBtf", Napi::Function::New(env, KernelBtf::Load));
}
