// SPDX-License-Identifier: Apache-2.0
// A run that does not stay: when it looks a second time, and what it then tells. On a host in memory.

import t from 'tap';
import { resultJson } from '../../src/cli/journal.js';
import { deviceGoneCode, TnaError, xdpRefusedCode } from '../../src/model/error.js';
import { runOnce } from '../../src/reconcile/once.js';
import { hookedDomain, link } from '../support/device-domain.js';
import { FakeHost } from '../support/fake-host.js';

/** Two devices; `fails` says what becomes of a call. */
async function run(fails: (call: string, host: FakeHost) => void, prepare: (host: FakeHost) => void = () => {}) {
  const host = new FakeHost();
  host.links = [link(1), link(2)];
  prepare(host);
  host.onCall = (call) => fails(call, host);
  const told: string[] = [];
  const result = await runOnce(hookedDomain, host, new Map(), {
    planned: ({ plan }) => told.push(`plan of ${plan.actions.length}`),
    passed: ({ outcomes }) => told.push(`${outcomes.filter((outcome) => outcome.result === 'failed').length} failed`),
  });
  const { attachments } = await host.deployed();
  return { ...result, told, seats: attachments.map(({ hook, ifindex }) => `${hook} ${ifindex}`) };
}

function refuse(call: string, host: FakeHost): void {
  if (!call.startsWith('attach xdp 1')) return;
  host.links = [{ ...link(1), refused: true }, link(2)];
  throw new TnaError(xdpRefusedCode, 'no');
}

t.test('a driver that refuses XDP: the same run takes the next hook, and tells of both looks as of one', async (t) => {
  const { whole, last, told, seats } = await run(refuse);
  t.same(told, ['plan of 8', '1 failed', 'plan of 4', '0 failed']);
  t.same(seats, ['xdp 2', 'tc 1']);
  t.same(last.remaining.actions, []);
  t.match(resultJson(whole), { summary: { add: 2, change: 0, remove: 0 }, converged: true });
  const { actions, outcomes } = resultJson(whole) as { actions: object[]; outcomes: { result: string }[] };
  t.equal(actions.length, 12);
  t.equal(outcomes.length, 13, 'with what was undone');
  t.equal(outcomes.filter(({ result }) => result === 'failed').length, 1);
});

t.test('a device that has gone is known to the second look', async (t) => {
  const gone = await run((call, host) => {
    if (!call.startsWith('attach xdp 1')) return;
    host.links = [link(2)];
    throw new TnaError(deviceGoneCode, 'gone');
  });
  t.equal(gone.told.length, 4);
  t.same(gone.last.remaining.actions, []);
  t.same(gone.seats, ['xdp 2']);
});

t.test('once only, and not after what another look would not change', async (t) => {
  const again = await run((call, host) => {
    host.links = [link(1), link(2)];
    if (call.startsWith('attach xdp 1')) throw new TnaError(xdpRefusedCode, 'no');
  });
  t.same(again.told, ['plan of 8', '1 failed', 'plan of 2', '1 failed'], 'a mark that could not be made');
  t.ok(again.last.remaining.actions.length > 0);
  const other = await run((call, host) => {
    refuse(call, host);
    if (call.startsWith('attach xdp 2')) throw new TnaError('deploy', 'no luck');
  });
  t.same(other.told, ['plan of 8', '2 failed']);
  t.equal(other.whole, other.last);
  const well = await run(() => {});
  t.same(well.told, ['plan of 8', '0 failed']);
});

t.test('what was done is told even if the second look fails', async (t) => {
  const { whole, last, told } = await run(refuse, (host) => {
    let reads = 0;
    host.onRead = () => {
      if (++reads === 2) throw new Error('no netlink');
    };
  });
  t.same(told, ['plan of 8', '1 failed']);
  t.match(last.unseen, { message: 'no netlink' });
  t.match(resultJson(whole), { converged: false, summary: { add: 1 } });
});
