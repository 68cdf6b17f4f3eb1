// SPDX-License-Identifier: Apache-2.0
// Objects that the kernel refuses to talk of, one by one: link number 0 is no link (EINVAL), and number 1 is `lo` everywhere.

import t from 'tap';
import type { DetailRequest } from '../../src/model/ports.js';
import { NetlinkReader } from '../../src/platform/netlink-reader.js';

const reader = new NetlinkReader('/nonexistent', undefined);
t.teardown(() => reader.close());

const requests = (optional: boolean, ...links: readonly number[]): readonly DetailRequest[] =>
  links.map((ifindex) => ({
    source: {
      ...({ name: 'peers', kind: 'per-object', spec: 'rt-link', operation: 'getlink', mode: 'get' } as const),
      ...{ notify: [], optional, object: 'link', when: undefined, forced: undefined, request: { ifi_index: 'peer' } },
    },
    request: { ifi_index: ifindex },
  }));

t.test('an object that is refused takes nothing from the others', async (t) => {
  t.match(await reader.details(requests(true, 0, 1, 0)), [{ ifname: 'lo' }]);
});

t.test('a source is absent when every object is refused', async (t) => {
  t.match(await reader.details(requests(true, 0, 0)), { absent: /./ });
  t.same(await reader.details([]), []);
});

t.test('a source that the rules need fails', async (t) => {
  await t.rejects(reader.details(requests(false, 1, 0)), { code: 'netlink' });
});
