// SPDX-License-Identifier: Apache-2.0
// Samples of a BPF ring buffer, delivered on the event loop.
import { errnoError } from './error.js';
import type { BpfMap } from './map.js';
import { type NativeRingReader, native } from './native.js';

export interface RingBufferOptions {
  readonly onSample: (sample: Uint8Array) => void;
  /** Takes what `onSample` throws and what the kernel reports; reading goes on. */
  readonly onError: (error: unknown) => void;
  /** At most so many samples per wake, so that a flood does not starve the event loop. Default 256. */
  readonly samplesPerWake?: number;
  /** Whether an open reader keeps the process alive. Default true. */
  readonly keepAlive?: boolean;
}

/** Hands the samples of a ring buffer to a callback, in the event loop, until it is closed. */
export class RingBufferReader {
  readonly #native: NativeRingReader;
  #open = true;

  constructor(map: BpfMap, options: RingBufferOptions) {
    const report = (error: unknown) => {
      try {
        options.onError(error);
      } catch {
        // Nobody is left to tell; the event loop must not stop for it.
      }
    };
    this.#native = new native.RingReader(map.fd, options.samplesPerWake ?? 256, (samples, errno) => {
      for (const sample of samples) {
        if (!this.#open) return;
        try {
          options.onSample(sample);
        } catch (error) {
          report(error);
        }
      }
      if (errno !== 0) report(errnoError(errno, 'read ring buffer', map.info.name));
    });
    if (options.keepAlive === false) this.#native.letProcessEnd();
  }

  /** No callback runs after this. May be called from a callback, and twice. */
  close(): void {
    this.#open = false;
    this.#native.close();
  }
}
