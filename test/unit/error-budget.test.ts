// SPDX-License-Identifier: Apache-2.0
// Which redirects of IPv6 the comparison of routers leaves out: those behind a burst of packets that went back out of the port that they
// had come by, or that Linux kept, and nothing else.

import t from 'tap';
import { ErrorBudget } from '../equivalence/error-budget.js';
import { icmp6 } from '../equivalence/routing/plan.js';
import { ethernet, ipv4, ipv6, ipv6Address } from '../support/lab/frame.js';

const [router, station] = ['02:00:5e:10:00:01', '02:00:5e:41:00:10'];
const body = (hops: number) => ipv6(ipv6Address('fd00:1::10'), ipv6Address('fd00:1::11'), 59, '00000000', hops);
const sent = { port: 0, bytes: ethernet(router, station, 0x86dd, body(64)) };
const back = { port: 0, partial: false, bytes: ethernet(station, router, 0x86dd, body(63)) };
const told = `00000000${ipv6Address('fd00:1::11').repeat(2)}`;
const redirect = ethernet(station, router, 0x86dd, icmp6('fe80::1', 'fd00:1::10', '8900', told, 255));
const toldOther = `00000000${ipv6Address('fd00:2::11').repeat(2)}`;
const other = ethernet(station, router, 0x86dd, icmp6('fe80::1', 'fd00:2::10', '8900', toldOther, 255));
const unreachable = ethernet(station, router, 0x86dd, icmp6('fe80::1', 'fd00:1::10', '0100', told));

t.test('redirects are limited by port and number', async (t) => {
  const frames = Array.from({ length: 8 }, () => sent);
  const budget = new ErrorBudget(
    frames,
    frames.map(() => [back]),
  );
  t.same(
    frames.map((_, index) => budget.isUncertain(redirect, index, 0)),
    [false, false, false, false, false, true, true, true],
  );
  t.notOk(budget.isUncertain(other, 7, 1), 'of another port and other addresses');
  t.notOk(budget.isUncertain(unreachable, 7, 0), 'another error');
  t.ok(budget.mayDiffer('Icmp6OutRedirects 6'));
  t.ok(budget.mayDiffer('Icmp6InRedirects 6'), 'the router may tell itself');
  t.notOk(budget.mayDiffer('Icmp6OutDestUnreachs 6'));
});

t.test('packets of which nothing is seen count for their addresses', async (t) => {
  const frames = Array.from({ length: 8 }, () => sent);
  const budget = new ErrorBudget(
    frames,
    frames.map(() => []),
  );
  t.same(
    frames.map((_, index) => budget.isUncertain(redirect, index, 0)),
    [false, false, false, false, false, true, true, true],
  );
  t.notOk(budget.isUncertain(other, 7, 0), 'of other addresses');
  t.ok(budget.mayDiffer('Icmp6OutRedirects 6'));
});

t.test('packets that go elsewhere do not count', async (t) => {
  const frames = Array.from({ length: 8 }, () => sent);
  const budget = new ErrorBudget(
    frames,
    frames.map(() => [{ ...back, port: 1 }]),
  );
  t.notOk(budget.isUncertain(redirect, 7, 0));
  t.notOk(budget.mayDiffer('Icmp6OutRedirects 8'));
});

t.test(
  'a source that Linux has no way for is told by time from the sixth packet on, and may be the router itself',
  async (t) => {
    const bytes = ethernet(
      router,
      station,
      0x0800,
      ipv4({ source: '10.1.0.10', destination: '172.16.0.1', protocol: 59, payload: '00000000' }),
    );
    const frames = Array.from({ length: 6 }, () => ({ port: 0, bytes }));
    const budget = (count: number) =>
      new ErrorBudget(
        frames.slice(0, count),
        frames.slice(0, count).map(() => []),
      );
    for (const counter of ['Icmp.OutDestUnreachs 6', 'Icmp.InDestUnreachs 6', 'IcmpMsg.InType3 6']) {
      t.ok(budget(6).mayDiffer(counter), counter);
      t.notOk(budget(5).mayDiffer(counter), `${counter}, of five packets`);
    }
    t.notOk(budget(6).mayDiffer('Icmp.InEchos 6'));
  },
);
