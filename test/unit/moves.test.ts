// SPDX-License-Identifier: Apache-2.0
// Interfaces that go from one hook to another: on a host in memory whose driver may refuse XDP.

import t from 'tap';
import { TnaError } from '../../src/model/error.js';
import { runPass } from '../../src/reconcile/pass.js';
import { summaryOf } from '../../src/report/done.js';
import { hookedDomain } from '../support/device-domain.js';
import { FakeHost } from '../support/fake-host.js';

interface Device {
  readonly refused?: boolean;
  readonly odd?: boolean;
}

const device = (ifindex: number, of: Device = {}) => ({ ifi_index: ifindex, ifname: `p${ifindex}`, ...of });
const pass = (host: FakeHost) => runPass(hookedDomain, host, new Map());

/** Two devices at tc, since XDP was refused once. */
async function atTc(): Promise<FakeHost> {
  const host = new FakeHost();
  host.links = [device(1, { refused: true }), device(2, { refused: true })];
  const { remaining } = await pass(host);
  if (remaining.actions.length > 0) throw new Error('the host is not as desired');
  host.calls.length = 0;
  return host;
}

async function seats(host: FakeHost): Promise<readonly string[]> {
  const { attachments } = await host.deployed();
  return attachments.filter(({ programId }) => programId !== 0).map(({ hook, ifindex }) => `${hook} ${ifindex}`);
}

t.test('a move that goes well leaves nothing behind, and the new place comes first', async (t) => {
  const host = await atTc();
  host.links = [device(1), device(2)];
  const { derived, outcomes, remaining } = await pass(host);
  t.same(remaining.actions, []);
  t.same(await seats(host), ['xdp 1', 'xdp 2']);
  t.same(
    (await host.deployed()).prepared.map(({ hook }) => hook),
    ['xdp'],
  );
  const order = host.calls.map((call) => call.split(' ').slice(0, 2).join(' '));
  t.ok(order.lastIndexOf('attach xdp') < order.indexOf('clear-slot tc'));
  t.same(summaryOf(derived.snapshot.deployed, outcomes), { add: 0, change: 2, remove: 0 });
});

t.test('whatever keeps an interface from its new hook, what it has stays as it is', async (t) => {
  for (const trouble of ['attach xdp 1', 'set-slot xdp 0', 'load xdp', 'prepare xdp']) {
    const host = await atTc();
    const before = await host.deployed();
    host.links = [device(1), device(2, { refused: true })];
    host.onCall = (call) => {
      if (call.startsWith(trouble)) throw new TnaError('deploy', 'no luck');
    };
    const { derived, outcomes } = await pass(host);
    const { attachments, pipelines } = await host.deployed();
    t.same(attachments, before.attachments, `${trouble}: the attachments`);
    t.same(
      pipelines.filter(({ hook }) => hook === 'tc'),
      before.pipelines,
      `${trouble}: their pipeline`,
    );
    t.notOk(
      host.calls.some((call) => /^(clear-slot|detach|unload|dismantle) tc/.test(call)),
      trouble,
    );
    t.same(summaryOf(derived.snapshot.deployed, outcomes), { add: 0, change: 0, remove: 0 }, `${trouble}: is told so`);

    host.onCall = () => {};
    host.links = [device(1, { refused: true }), device(2, { refused: true })];
    t.same((await pass(host)).remaining.actions, []);
    t.same(await host.deployed(), before, `${trouble}: refused for good, all is as before`);
  }
});

t.test('a dispatcher that stays keeps its pipeline and the shared maps, however many go', async (t) => {
  const host = await atTc();
  host.links = [device(1), device(2)];
  host.onCall = (call) => {
    if (call.startsWith('attach xdp 1')) throw new TnaError('deploy', 'no luck');
  };
  const { derived } = await pass(host);
  t.match(
    derived.plan.actions.slice(-2),
    [
      { op: 'unload', hook: 'tc' },
      { op: 'dismantle', hook: 'tc' },
    ],
    'there is something to be left out',
  );
  t.same(await seats(host), ['tc 1', 'xdp 2']);
  t.same((await host.deployed()).pipelines.map(({ hook }) => hook).sort(), ['tc', 'xdp']);
  t.same((await host.deployed()).prepared.map(({ hook }) => hook).sort(), ['tc', 'xdp']);
  host.onCall = () => {};
  t.same((await pass(host)).remaining.actions, []);
  t.same(await seats(host), ['xdp 2', 'xdp 1']);
});

t.test('what was built for a configuration that is no more goes all the same', async (t) => {
  const host = await atTc();
  host.links = [device(1, { odd: true }), device(2, { refused: true })];
  host.onCall = (call) => {
    if (call.startsWith('attach xdp 1')) throw new TnaError('deploy', 'no luck');
  };
  const { derived, outcomes } = await pass(host);
  t.same(await seats(host), ['tc 2']);
  t.same(summaryOf(derived.snapshot.deployed, outcomes), { add: 0, change: 0, remove: 1 });
});
