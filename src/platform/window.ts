// SPDX-License-Identifier: Apache-2.0
// Which of the library's objects this kernel can load: each is compiled for one way of reading kernel memory.

import { remedy } from '../library/kernels.js';
import { TnaError } from '../model/error.js';
import type { FpmLibrary, FpmWindow } from '../model/library.js';
import { probeCapabilities } from './capabilities.js';

/** The best window whose needs this kernel meets now; modules come and go. @throws TnaError `no-window` */
export async function windowOf({ kernels }: FpmLibrary): Promise<FpmWindow> {
  const missing: string[] = [];
  for (const window of kernels.windows) {
    const answers = await probeCapabilities(window.needs);
    const lacking = answers.filter((answer) => answer.answer !== 'yes');
    if (lacking.length === 0) return window;
    missing.push(`${window.name}: ${lacking.map(({ probe, evidence }) => `${probe} (${evidence})`).join(', ')}`);
  }
  const hint = remedy(
    kernels,
    kernels.windows.flatMap((window) => window.needs),
  );
  throw new TnaError('no-window', 'programs cannot read kernel memory on this kernel', {
    evidence: missing.join('\n'),
    ...(hint === undefined ? {} : { hint }),
  });
}
