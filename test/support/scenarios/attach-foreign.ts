// SPDX-License-Identifier: Apache-2.0
// attach-foreign xdp|tcx INTERFACE: somebody else's program, as a newer `bpftool net attach` leaves it. It lives as long as
// its pin in $PINS. (iproute2 could do the XDP half, but leaves directories of its own in the BPF filesystem.)

import { join } from 'node:path';
import { BpfLink, BpfObject } from 'bpf-loader-native';
import { run } from '../lab/command.js';

const [hook, name] = process.argv.slice(2);
const { FOREIGN: file, PINS: pins } = process.env;
if (hook === undefined || name === undefined || file === undefined || pins === undefined)
  throw new Error('usage: FOREIGN=OBJECT PINS=DIRECTORY attach-foreign xdp|tcx INTERFACE');
const [device] = JSON.parse(await run('ip', ['-j', 'link', 'show', 'dev', name])) as [{ readonly ifindex: number }];
const object = await BpfObject.open(file);
await object.load();
const link =
  hook === 'xdp'
    ? await BpfLink.attachXdp(device.ifindex, object.program('foreign_xdp'), 'native')
    : await BpfLink.attachTcx({
        ifindex: device.ifindex,
        direction: 'ingress',
        program: object.program('foreign_tcx'),
      });
link.pin(join(pins, `${hook}_${name}`));
link.close();
object.close();
