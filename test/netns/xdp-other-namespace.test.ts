// SPDX-License-Identifier: Apache-2.0
// An accelerated interface that goes to another network namespace, with no controller to see it, takes its XDP program along.

import { existsSync } from 'node:fs';
import t from 'tap';
import { hush } from '../support/lab/agent.js';
import { Bed, frame } from '../support/lab/bed.js';
import { run } from '../support/lab/command.js';
import { misdelivered, misdeliveredTwice, teach } from '../support/lab/forwarding.js';
import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { tna, tnaStatus, until } from '../support/lab/tna.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(600_000);

t.test('XDP: frames of a port that went away leave by the ports that it has there', async (t) => {
  const bed = await Bed.make(t, { kind: 'veth', ports: 3 });
  bed.accelerated();
  const { agent } = bed;
  const [elsewhere, far] = [netnsName('else'), netnsName('elsep')] as const;
  await addNetns(elsewhere, far);
  t.teardown(() => deleteNetns(elsewhere, far));
  await hush(agent, [elsewhere, far]);
  await agent.enter(elsewhere);
  if (existsSync('/proc/sys/net/bridge'))
    for (const family of ['iptables', 'ip6tables', 'arptables'])
      await agent.sysctl(`net/bridge/bridge-nf-call-${family}`, '0');

  await teach(bed, [0, 1, 2]);
  t.match(await tna('reconcile', '--once', '--hook', 'xdp', '--netns', bed.netns), { code: 0 });
  t.same(await misdeliveredTwice(bed, [0, 1, 2]), []);
  const status = await tnaStatus(bed.netns, '--hook', 'xdp');
  const fast = status.filter(({ counters }) => counters.fast > 0).map(({ name }) => name);
  t.same(fast, ['p1', 'p2', 'p3']);
  const number = (await run('ip', ['netns', 'exec', bed.netns, 'cat', '/sys/class/net/p2/ifindex'])).trim();

  // A bridge whose other port has the number that p2 has in the first namespace.
  await ip(bed.netns, `link set p1 netns ${elsewhere}`);
  await ip(
    elsewhere,
    'link add br1 up type bridge mcast_snooping 0',
    `link add other index ${number} type veth peer name other netns ${far}`,
    'link set other master br1 up',
    'link set p1 master br1 up',
  );
  await ip(far, 'link set other up');
  await agent.enter(far);
  const there = await agent.packet('other');
  // Otherwise the driver takes no frame from XDP, and the fast path knows.
  await agent.gro('other', true);
  await agent.settle(100);
  await until('both forward', async () => {
    const [answer] = await agent.send([{ port: there, bytes: frame(0, 9) }]);
    return answer?.received.some(({ port }) => port === 0) === true;
  });
  for (let mark = 1; mark <= 5; mark++) {
    const [answer] = await agent.send([{ port: 0, bytes: frame(9, 1, mark) }]);
    t.same(
      answer?.received.map(({ port }) => port),
      [there],
      `frame ${mark}`,
    );
  }
  t.same(await misdelivered(bed, [1, 2]), [], 'those that stayed are not disturbed');
});
