// SPDX-License-Identifier: Apache-2.0
// What is known of the kernel's netlink families, as far as rules refer to it.

export interface Protocol {
  /** Names of the operations that can be asked for. */
  operations(how: 'get' | 'dump'): readonly string[];
  /** Names of the multicast groups; undefined where only the running kernel knows them. */
  readonly groups: readonly string[] | undefined;
  /** Members at a path in the answers of an operation; undefined where there are none. */
  members(operation: string, path: readonly string[]): readonly string[] | undefined;
}

export interface Protocols {
  readonly names: readonly string[];
  /** Specs of a user that nobody reads, because TNA has one of the same name. */
  hidden(): readonly { readonly name: string; readonly file: string }[];
  /** The family's spec; what is wrong with it; or undefined when there is none of this name. */
  find(name: string): Protocol | { readonly problem: string } | undefined;
}
