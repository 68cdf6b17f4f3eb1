// SPDX-License-Identifier: Apache-2.0

/**
 * Options of Node in an emulated machine: machine code that V8 makes is translated once more by the emulator, which takes longer
 * than it saves there.
 */
export const engine: readonly string[] = ['--no-opt', '--no-sparkplug', '--single-threaded'];
