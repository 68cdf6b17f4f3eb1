// SPDX-License-Identifier: Apache-2.0
// All programs, maps and links of the kernel, by id. An object that goes away during the walk is left out, and so is a link that
// is not attached yet: it has an id before, and until then the kernel (bpf_link_by_id) says EAGAIN.
import { type LinkInfo, readLinkInfo } from './link.js';
import { type MapInfo, readMapInfo } from './map.js';
import { isGoneOrNotYet, openAll } from './object-info.js';
import { type ProgramInfo, readProgramInfo } from './program.js';
import { Command } from './uapi.js';

function list<T>(next: number, open: number, read: (fd: number) => T): T[] {
  const found: T[] = [];
  for (const handle of openAll(next, open)) {
    try {
      found.push(read(handle.fd));
    } catch (error) {
      if (!isGoneOrNotYet(error)) throw error;
    } finally {
      handle.close();
    }
  }
  return found;
}

/** All programs of the kernel, whoever loaded them; needs privilege, as the next two do. */
export const listPrograms = (): ProgramInfo[] => list(Command.progNextId, Command.progFdById, readProgramInfo);
/** All maps of the kernel. */
export const listMaps = (): MapInfo[] => list(Command.mapNextId, Command.mapFdById, readMapInfo);
/** All links of the kernel. */
export const listLinks = (): LinkInfo[] => list(Command.linkNextId, Command.linkFdById, readLinkInfo);
