// SPDX-License-Identifier: Apache-2.0
// A validated, compiled set of rule files: what every stage after `rules` works from.

/** A value of an object attribute or of a CEL expression; `list` attributes hold strings or numbers. */
export type Value = string | number | boolean | readonly Value[];

/** Types that a rule author can give an attribute. */
export type AttributeType = 'int' | 'string' | 'bool' | 'list';

/** The attributes of one object, by name. */
export type Attributes = { readonly [name: string]: Value };

/** Variables of an expression: an object's attributes, or those of many objects. */
export type Scope = { readonly [variable: string]: Attributes | readonly Attributes[] };

/** A CEL expression, type-checked when the rules were loaded. `evaluate` throws a TnaError for what types cannot rule out. */
export interface Expression {
  readonly text: string;
  evaluate(scope: Scope): Value;
}

/** Text with `${CEL}` parts. */
export interface Template {
  readonly text: string;
  render(scope: Scope): string;
}

/** Where messages come from: one netlink dump, one request per object, or the BPF attachments of all devices. */
export type Source =
  | {
      readonly name: string;
      readonly kind: 'dump';
      readonly spec: string;
      readonly operation: string;
      /** Multicast groups whose events say that this source may have changed. */
      readonly notify: readonly string[];
      /** A kernel without this family or operation gives an empty source instead of an error. */
      readonly optional: boolean;
      readonly request: RequestTemplate;
    }
  | {
      readonly name: string;
      readonly kind: 'per-object';
      readonly spec: string;
      readonly operation: string;
      readonly mode: 'get' | 'dump';
      readonly notify: readonly string[];
      readonly optional: boolean;
      readonly object: string;
      readonly when: Expression | undefined;
      /** Asked only of objects on which `--hook` forces this hook. */
      readonly forced: Hook | undefined;
      readonly request: RequestTemplate;
    }
  | { readonly name: string; readonly kind: 'bpf-attachments' };

/** A request's members; a string leaf names an attribute of the object that the request is made for. */
export type RequestTemplate = { readonly [member: string]: string | number | RequestTemplate };

/** One attribute of an object: read from the object's message, from another source, from a sysctl, or from a file of sysfs. */
export interface AttributeRule {
  readonly name: string;
  readonly type: AttributeType;
  readonly default: Value | undefined;
  readonly origin:
    | { readonly kind: 'message'; readonly path: readonly string[]; readonly mask: number | undefined }
    | {
        readonly kind: 'lookup';
        readonly source: string;
        /** Path in the other source's messages that must equal this object's key. */
        readonly on: readonly string[];
        readonly path: readonly string[];
        readonly mask: number | undefined;
      }
    | { readonly kind: 'sysctl' | 'sysfs'; readonly path: Template };
}

/** A type of object: a kind of message, or a refinement of another type. */
export interface ObjectRule {
  readonly type: string;
  readonly source: string;
  readonly refines: string | undefined;
  readonly when: Expression | undefined;
  /** Names of the attributes that identify an object. */
  readonly key: readonly string[];
  /** Name of the attribute that people call the object by. */
  readonly label: string;
  /** Own and inherited attributes. */
  readonly attributes: readonly AttributeRule[];
}

/** An edge between objects whose attributes are equal: `from.A == to.B` for each pair [A, B]. */
export interface DependencyRule {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly on: readonly (readonly [string, string])[];
  readonly label: string;
}

/** How a variable of an expression gets its objects. */
export type Binding =
  | {
      readonly variable: string;
      readonly kind: 'edge';
      readonly edge: string;
      readonly reverse: boolean;
      readonly many: boolean;
    }
  | { readonly variable: string; readonly kind: 'all'; readonly type: string };

/** What a condition names instead of an FPM when the kernel itself would not run our program if it held. */
export const byAttachment = 'attachment';

/** A condition under which something is not done, and what the user is told then. */
export interface ConditionRule {
  readonly code: string;
  /** True when the condition holds, that is when the thing is *not* done. */
  readonly holds: (scope: Scope) => boolean;
  readonly text: string;
  readonly message: Template;
  readonly hint: Template | undefined;
  /** The variable whose object is to blame; the subject itself when absent. */
  readonly object: string | undefined;
  /** FPMs that check the same thing per packet, of which a pipeline needs one; or `byAttachment`. */
  readonly live: readonly string[];
  /** May cease to hold once a program is attached to the device: no reason against attaching. For `transmit` only. */
  readonly provisional: boolean;
}

export type Hook = 'xdp' | 'tc';
export const HOOKS: readonly Hook[] = ['xdp', 'tc'];

/** A hook of a device. */
export interface HookRule {
  readonly hook: Hook;
  readonly requires: readonly ConditionRule[];
  readonly avoid: readonly ConditionRule[];
  /** Conditions under which frames must not be sent out of this device by this hook. Absent: the hook needs no egress handle. */
  readonly transmit: readonly ConditionRule[] | undefined;
}

/** Which hooks the devices of an object type offer, best first. */
export interface AttachRule {
  readonly type: string;
  readonly variable: string;
  readonly bindings: readonly Binding[];
  readonly hooks: readonly HookRule[];
}

/** One FPM of a service's pipeline. */
export interface ModuleRule {
  readonly fpm: string;
  /** Hooks at which the pipeline has it. */
  readonly hooks: readonly Hook[];
  readonly when: Expression | undefined;
  readonly params: { readonly [name: string]: Expression };
}

/** Something that is accelerated, on every object of one type. */
export interface ServiceRule {
  readonly name: string;
  readonly on: string;
  readonly variable: string;
  readonly bindings: readonly Binding[];
  readonly hooks: readonly Hook[];
  /** A variable: frames go between the subjects for which it stands for the same object. Absent: they may go anywhere. */
  readonly between: string | undefined;
  /** Whether it is meant for an object at all. Absent: for all of the type. */
  readonly when: Expression | undefined;
  readonly requires: readonly ConditionRule[];
  readonly blockedBy: readonly ConditionRule[];
  /** By hook: conditions under which it does not run there unless `--hook` asks for that. */
  readonly avoid: ReadonlyMap<Hook, readonly ConditionRule[]>;
  readonly modules: readonly ModuleRule[];
}

/** Everything that the rule files say, with references resolved and expressions compiled. */
export interface RuleSet {
  /** SHA-256 over file names and contents. */
  readonly hash: string;
  readonly sources: readonly Source[];
  /** Every type after the one it refines. */
  readonly objects: readonly ObjectRule[];
  readonly dependencies: readonly DependencyRule[];
  readonly attach: readonly AttachRule[];
  readonly services: readonly ServiceRule[];
}
