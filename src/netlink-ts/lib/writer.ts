// SPDX-License-Identifier: Apache-2.0
// A growing buffer that attributes are written into.
import { hostLittleEndian } from './framing.js';

const initialBytes = 256;

export class Writer {
  private buffer = new Uint8Array(initialBytes);
  private data = new DataView(this.buffer.buffer);
  private length = 0;

  get position(): number {
    return this.length;
  }

  get view(): DataView {
    return this.data;
  }

  /** Appends `count` zero bytes and returns their offset. */
  reserve(count: number): number {
    const start = this.length;
    if (start + count > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.buffer.length * 2, start + count));
      larger.set(this.buffer);
      this.buffer = larger;
      this.data = new DataView(larger.buffer);
    }
    this.length = start + count;
    return start;
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.buffer.set(bytes, start);
  }

  align(): void {
    this.reserve((4 - (this.length & 3)) & 3);
  }

  /** Begins an attribute; `end` fills in its length. `type` includes the nested bit. */
  begin(type: number): number {
    const start = this.reserve(4);
    this.data.setUint16(start + 2, type, hostLittleEndian);
    return start;
  }

  /** Ends the attribute that began at `start`; false when it is longer than an attribute can be. */
  end(start: number): boolean {
    const length = this.length - start;
    if (length > 0xffff) return false;
    this.data.setUint16(start, length, hostLittleEndian);
    this.align();
    return true;
  }

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}
