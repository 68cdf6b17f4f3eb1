// SPDX-License-Identifier: Apache-2.0
// Paths that another process was given: one in a container, say, sees other files under the same names.

import { readlinkSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';

/** As many as the kernel follows. */
const mostLinks = 40;

/** What the process makes of a path, as long as it is there: looked up now, with its working directory. */
export function pathsOf(pid: number): (path: string) => string {
  const of = (name: string) => readlinkSync(`/proc/${pid}/${name}`);
  const [cwd, root] = [of('cwd'), of('root')];
  if (root === '/' && of('ns/mnt') === readlinkSync('/proc/self/ns/mnt')) return (path) => resolve(cwd, path);
  const inside = `${cwd}/`.startsWith(`${root}/`) ? cwd.slice(root.length) : cwd;
  return (path) => within(`/proc/${pid}/root`, isAbsolute(path) ? path : `${inside}/${path}`);
}

/** Whether it is one below another process's root: it has no links then but the first, whose text is nothing to go by. */
export function isInOtherRoot(path: string): boolean {
  return /^\/proc\/\d+\/root\//.test(path);
}

/** Without links: the kernel would look for what an absolute one says in our own root. */
function within(root: string, path: string): string {
  const left = path.split('/').reverse();
  let place = '';
  for (let links = 0; left.length > 0; ) {
    const name = left.pop();
    if (name === undefined || name === '' || name === '.') continue;
    const target = name === '..' ? undefined : linkTarget(`${root}${place}/${name}`);
    if (name === '..') place = place.slice(0, Math.max(0, place.lastIndexOf('/')));
    else if (target === undefined || links === mostLinks) place = `${place}/${name}`;
    else {
      links += 1;
      if (isAbsolute(target)) place = '';
      left.push(...target.split('/').reverse());
    }
  }
  return `${root}${place}`;
}

/** Of what is no link, or not there, undefined. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
