// SPDX-License-Identifier: Apache-2.0
// What is read from the outputs of virtual machines: results of kernel selftests, complaints of kernels.

import t from 'tap';
import { kernelComplaints } from '../vm/machine.js';
import { leftOut, selftests } from '../vm/selftest-list.js';
import { differences, parseCases, type SelftestRun, selftestTable, tableRows, varying } from '../vm/selftest-report.js';

const output = `INFO: Running tests with limited flooding
TEST: ping                                                          [ OK ]
    TEST: neigh_suppress - ARP                                      [FAIL]
	ARP reply was not seen
TEST: ping                                                          [SKIP]
TEST: TC RED limit                                                  [XFAIL]
PASS: bridge flush by device
Checking HV connectivity                                           [ OK ]
FAILURE of something that is not a case
`;

t.test('cases of a script', async (t) => {
  t.same(parseCases(output), [
    { name: 'ping', result: 'OK' },
    { name: 'neigh_suppress - ARP', result: 'FAIL' },
    { name: 'ping (2)', result: 'SKIP' },
    { name: 'TC RED limit', result: 'XFAIL' },
    { name: 'bridge flush by device', result: 'OK' },
    { name: 'Checking HV connectivity', result: 'OK' },
  ]);
});

function run(text: string, code: number | undefined, fast = 0): SelftestRun {
  const slow = { 'l2_control:arp': 2, 'bridge_fdb:flood': 5 };
  return {
    cases: parseCases(text),
    code,
    seconds: 1,
    fastPath: { fast, dropped: 0, slow, attachments: 2 },
    troubles: [],
  };
}

const ok = 'TEST: a [ OK ]\nTEST: b [ OK ]\n';
const bad = 'TEST: a [ OK ]\nTEST: b [FAIL]\n';

t.test('differences', async (t) => {
  t.same(differences([run(ok, 0)], [run(ok, 0)]), []);
  t.same(differences([run(ok, 0)], [run(bad, 1)]), [
    { name: 'b', off: ['OK'], on: ['FAIL'] },
    { name: 'exit code', off: ['exit 0'], on: ['exit 1'] },
  ]);
  t.same(
    differences([run(ok, 0), run(bad, 1)], [run(bad, 1), run(bad, 1)]),
    [],
    'what also happens without TNA is no difference',
  );
  t.same(varying([run(ok, 0), run(bad, 1)]), ['b', 'exit code']);
  t.same(
    differences([run(ok, 0)], [run('TEST: a [ OK ]\n', 0)]).map(({ name, on }) => [name, on]),
    [['b', ['missing']]],
    'a case that is not reached',
  );
  t.same(
    differences([run(ok, 0)], [run(ok, undefined)]).map(({ on }) => on),
    [['did not end']],
  );
});

t.test('table', async (t) => {
  const remark = undefined;
  const text = selftestTable([
    { script: 'forwarding/x.sh', off: [run(ok, 0)], on: [run(ok, 0, 12)], remark },
    { script: 'y.sh', off: [run(ok, 0)], on: [run(bad, 1)], remark },
    { script: 'z.sh', off: [], on: [], remark },
  ]);
  const lines = text.split('\n');
  t.equal(lines[2], '| forwarding/x | 2 OK | 2 OK | equal | 2 | 12 | 7 (bridge_fdb:flood 5, l2_control:arp 2) |  |');
  t.match(lines[3], /\| 2 OK \| 1 OK, 1 FAIL \| \*\*2 differ\*\* \|/);
  t.match(lines[4], /\| not run \|/);
  t.match(text, /Scripts: 2, with 4 cases \(4 OK without TNA\)\.\nThe same with TNA: 1; not the same: 1\./);
  t.match(text, /fast path in 1 of them, 12 in all/);
});

t.test('a table that was written before stands in for what has not run here', async (t) => {
  const remark = 'with | in it';
  const x = { script: 'forwarding/x.sh', off: [run(ok, 0)], on: [run(bad, 1, 12)], remark };
  const y = { script: 'y.sh', off: [run(`${ok}TEST: c [SKIP]`, 0)], on: [run(ok, 0, 3)], remark: undefined };
  const all = selftestTable([x, y]);
  const none = [x, y].map((result) => ({ ...result, off: [], on: [] }));
  t.equal(selftestTable(none, tableRows(all)), all);
  t.match(all, /Scripts: 2, with 5 cases \(4 OK, 1 SKIP without TNA\)\./);
  t.match(all, /fast path in 2 of them, 15 in all/);
  const newer = selftestTable(
    [
      { ...x, on: [run(ok, 0, 1)] },
      { ...y, off: [], on: [] },
    ],
    tableRows(all),
  );
  t.match(newer, /not the same: 1\.\nFrames took the fast path in 2 of them, 4 in all/, 'y differs still, x no longer');
});

t.test('no script is listed twice', async (t) => {
  const names = [...selftests.map(({ script }) => script), ...Object.keys(leftOut)];
  t.equal(new Set(names).size, names.length);
});

t.test("a kernel's complaints", async (t) => {
  const harmless = [
    '[   12.1] bridge: port 1(p1) entered forwarding state',
    '[   13.0] NETDEV WATCHDOG: ens2 (virtio_net): transmit queue 0 timed out',
    '[   13.0] WARNING: CPU: 0 PID: 0 at net/sched/sch_generic.c:525 dev_watchdog+0x207/0x210',
    '[    0.2] Spectre V2 : WARNING: Unprivileged eBPF is enabled',
    '[   14.2] traps: mausezahn[812] general protection fault ip:7f31 sp:7ffc error:0 in libc.so.6',
  ];
  const serious = [
    '[   20.0] WARNING: CPU: 0 PID: 771 at kernel/bpf/verifier.c:2720 reg_bounds_sanity_check+0x1/0x2',
    '[   20.1] WARNING: net/bridge/br_fdb.c:100 at br_fdb_update+0x1/0x2 [bridge], CPU#0: ksoftirqd/0/14',
    '[   20.2] BUG: kernel NULL pointer dereference, address: 0000000000000008',
    '[   20.3] Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP',
    '[   20.4] Out of memory: Killed process 100 (node)',
  ];
  t.same(kernelComplaints([...harmless, ...serious].join('\n')), serious);
});
