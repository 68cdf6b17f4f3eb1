// SPDX-License-Identifier: Apache-2.0

/** Calls `act` for each item, `jobs` at a time, in order. */
export async function inParallel<T>(items: readonly T[], jobs: number, act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}
