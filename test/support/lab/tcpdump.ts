// SPDX-License-Identifier: Apache-2.0
// tcpdump, as users open packet sockets: does it see each frame of the stream?

import { spawn } from 'node:child_process';
import type { Test } from 'tap';
import { until } from './tna.js';
import type { Ports } from './unwatched.js';

/** Devices to listen on, and how often tcpdump sees there a frame that passes from `p1` to `p2`. */
export const tcpdumps = [
  ['p1', 1],
  ['p2', 1],
  ['any', 2],
] as const;

const frames = 20;

export async function tcpdumpSees(t: Test, bed: Ports, device: string, times: number): Promise<void> {
  const count = String(times * frames);
  // Without waiting for more, tcpdump has room for one frame per snapshot length: a short one, so that a busy machine drops none.
  const args = ['-n', '--immediate-mode', '-s', '256', '-B', '4096', '-w', '-', '-i', device, '-c', count, 'udp'];
  const tcpdump = spawn('ip', ['netns', 'exec', bed.netns, 'tcpdump', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  tcpdump.stdout.resume();
  let said = '';
  tcpdump.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  await until('tcpdump listens', () => said.includes('listening on'), 60_000);
  await bed.agent.linger(50);
  const { sent, ports } = await bed.agent.flow(frames);
  t.equal(ports[1], sent, `${device}: all frames arrive`);
  // It ends by itself once it has seen every one of them; otherwise it is asked how many it saw.
  await until('all are seen', () => tcpdump.exitCode !== null).catch(() => tcpdump.kill('SIGINT'));
  await until('tcpdump ends', () => said.includes('packets captured'));
  tcpdump.kill();
  t.match(said, new RegExp(`^${times * sent} packets captured`, 'm'), `${device}: tcpdump sees all of ${sent} frames`);
}
