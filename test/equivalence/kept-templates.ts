// SPDX-License-Identifier: Apache-2.0
// Has the loader link each BPF object once in this process. Linking searches all types and symbols of the kernel, which takes an
// emulated processor seconds, and its result is the same in every namespace but for the maps, which are exchanged. Programs are
// verified and loaded anew each time, as ever.

import { BpfObject, BpfTemplate, type Specialisation } from 'bpf-loader-native';

type Maps = NonNullable<Specialisation['maps']>;

export function keepTemplates(): void {
  const linked = new Map<string, Promise<BpfTemplate>>();
  const mapsOf = new WeakMap<BpfObject, Maps>();
  const open = BpfObject.open.bind(BpfObject);
  const create = BpfTemplate.create.bind(BpfTemplate);
  BpfObject.open = async (source, options) => {
    const object = await open(source, options);
    mapsOf.set(object, options?.reuseMaps ?? {});
    return object;
  };
  BpfTemplate.create = async (object) => {
    const known = linked.get(object.name);
    if (known === undefined) linked.set(object.name, create(object));
    else object.close();
    const template = await (linked.get(object.name) as Promise<BpfTemplate>).catch((error: unknown) => {
      linked.delete(object.name);
      throw error;
    });
    const maps = mapsOf.get(object) ?? {};
    return Object.assign(Object.create(BpfTemplate.prototype) as BpfTemplate, {
      object: template.object,
      specialise: (request: Specialisation) => template.specialise({ ...request, maps }),
      close: () => undefined,
    });
  };
}
