// SPDX-License-Identifier: Apache-2.0
// Has the loader link each BPF object once in this process. Linking searches all types and symbols of the kernel, which takes an
// emulated processor seconds, and its result is the same in every namespace but for the maps, which are exchanged. Programs are
// verified and loaded anew each time, as ever.

import { BpfObject, BpfTemplate, type Specialisation } from 'bpf-loader-native';

type Maps = NonNullable<Specialisation['maps']>;

export function keepTemplates(): void {
  const linked = new Map<string, Promise<BpfTemplate>>();
  const opened = new WeakMap<BpfObject, { readonly file: string; readonly maps: Maps }>();
  const open = BpfObject.open.bind(BpfObject);
  const create = BpfTemplate.create.bind(BpfTemplate);
  BpfObject.open = async (source, options) => {
    const object = await open(source, options);
    const file = typeof source === 'string' ? source : object.name;
    opened.set(object, { file, maps: options?.reuseMaps ?? {} });
    return object;
  };
  BpfTemplate.create = async (object) => {
    const { file, maps } = opened.get(object) ?? { file: object.name, maps: {} };
    const known = linked.get(file);
    if (known !== undefined) object.close();
    const made = known ?? create(object);
    linked.set(file, made);
    const template = await made.catch((error: unknown) => {
      linked.delete(file);
      throw error;
    });
    return Object.assign(Object.create(BpfTemplate.prototype) as BpfTemplate, {
      object: template.object,
      specialise: (request: Specialisation) => template.specialise({ ...request, maps }),
      close: () => undefined,
    });
  };
}
