// SPDX-License-Identifier: Apache-2.0
// A group of next hop objects whose packets are to be counted, which only an `ip` of 2024 (6.9) or newer can make.

/** Python: the group of ID 9 has the next hop of ID 7, and hardware statistics (RTM_NEWNEXTHOP; NHA_ID, NHA_GROUP, NHA_HW_STATS_ENABLE). */
export const countsPackets = `
import socket, struct
message = struct.pack('=BBBBI', 0, 0, 0, 0, 0)
message += struct.pack('=HHI', 8, 1, 9) + struct.pack('=HHIBBH', 12, 2, 7, 0, 0, 0) + struct.pack('=HHI', 8, 16, 1)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
netlink.send(struct.pack('=IHHII', 16 + len(message), 104, 1 | 4 | 0x100 | 0x400, 1, 0) + message)
error = struct.unpack_from('=i', netlink.recv(4096), 16)[0]
if error: raise OSError(-error, 'RTM_NEWNEXTHOP')
`;
