// SPDX-License-Identifier: Apache-2.0
// What an object holds, read from libbpf and, for global variables, from the object's BTF (DATASEC).
#include <bpf/btf.h>

#include "object.h"

namespace {

const btf_type* Strip(const btf* types, uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) type = btf__type_by_id(types, type->type);
  return type;
}

const char* KindName(const btf_type* type) {
  if (btf_is_int(type)) return (btf_int_encoding(type) & BTF_INT_BOOL) != 0 ? "bool" : "int";
  if (btf_is_any_enum(type)) return "enum";
  if (btf_is_ptr(type)) return "pointer";
  if (btf_is_composite(type)) return "struct";
  if (btf_is_float(type)) return "float";
  return "other";
}

bool IsSigned(const btf_type* type) {
  if (btf_is_int(type)) return (btf_int_encoding(type) & BTF_INT_SIGNED) != 0;
  return btf_is_any_enum(type) && btf_kflag(type);
}

void DescribeVariable(const btf* types, const btf_var_secinfo& place, const btf_type* variable, Napi::Object out) {
  int64_t size = btf__resolve_size(types, variable->type);
  // A type without a size may be one that contains itself, which libbpf notices and the loops here would not.
  const btf_type* type = size < 0 ? nullptr : Strip(types, variable->type);
  uint32_t count = 1;
  bool array = type != nullptr && btf_is_array(type);
  while (type != nullptr && btf_is_array(type)) {
    const struct btf_array* shape = btf_array(type);
    count *= shape->nelems;
    type = Strip(types, shape->type);
  }
  out.Set("name", btf__name_by_offset(types, variable->name_off));
  out.Set("offset", place.offset);
  out.Set("size", size < 0 ? place.size : static_cast<double>(size));
  out.Set("kind", type == nullptr ? "other" : KindName(type));
  out.Set("signed", type != nullptr && IsSigned(type));
  out.Set("length", array ? Napi::Value(Napi::Number::New(out.Env(), count)) : out.Env().Null());
}

Napi::Array DescribeVariables(Napi::Env env, const bpf_object* object) {
  auto out = Napi::Array::New(env);
  const btf* types = bpf_object__btf(object);
  if (types == nullptr) return out;
  for (uint32_t id = 1; id < btf__type_cnt(types); id++) {
    const btf_type* section = btf__type_by_id(types, id);
    if (!btf_is_datasec(section)) continue;
    const char* name = btf__name_by_offset(types, section->name_off);
    if (bpf_object__find_map_by_name(object, name) == nullptr) continue;
    const btf_var_secinfo* places = btf_var_secinfos(section);
    for (uint32_t i = 0; i < btf_vlen(section); i++) {
      const btf_type* variable = btf__type_by_id(types, places[i].type);
      if (variable == nullptr || !btf_is_var(variable)) continue;
      auto entry = Napi::Object::New(env);
      entry.Set("section", name);
      DescribeVariable(types, places[i], variable, entry);
      out.Set(out.Length(), entry);
    }
  }
  return out;
}

}  // namespace

Napi::Object DescribeObject(Napi::Env env, bpf_object* object) {
  auto programs = Napi::Array::New(env);
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", bpf_program__name(program));
    entry.Set("section", bpf_program__section_name(program));
    entry.Set("type", static_cast<uint32_t>(bpf_program__type(program)));
    entry.Set("expectedAttachType", static_cast<uint32_t>(bpf_program__expected_attach_type(program)));
    entry.Set("autoload", bpf_program__autoload(program));
    entry.Set("instructions", static_cast<double>(bpf_program__insn_cnt(program)));
    programs.Set(programs.Length(), entry);
  }
  auto maps = Napi::Array::New(env);
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", bpf_map__name(map));
    entry.Set("type", static_cast<uint32_t>(bpf_map__type(map)));
    entry.Set("keySize", bpf_map__key_size(map));
    entry.Set("valueSize", bpf_map__value_size(map));
    entry.Set("maxEntries", bpf_map__max_entries(map));
    entry.Set("flags", bpf_map__map_flags(map));
    entry.Set("internal", bpf_map__is_internal(map));
    maps.Set(maps.Length(), entry);
  }
  auto out = Napi::Object::New(env);
  out.Set("programs", programs);
  out.Set("maps", maps);
  out.Set("variables", DescribeVariables(env, object));
  return out;
}
