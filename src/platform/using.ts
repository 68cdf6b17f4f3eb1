// SPDX-License-Identifier: Apache-2.0
// Handles of the kernel's objects, closed whatever happens.

/** Closes a handle after its use, whatever happens. */
export function using<H extends { close(): void }, R>(handle: H, use: (handle: H) => R): R {
  try {
    return use(handle);
  } finally {
    handle.close();
  }
}

/** The same of a use that takes its time. */
export async function usingAsync<H extends { close(): void }, R>(
  handle: H,
  use: (handle: H) => Promise<R>,
): Promise<R> {
  try {
    return await use(handle);
  } finally {
    handle.close();
  }
}
