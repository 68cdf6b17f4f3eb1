// SPDX-License-Identifier: Apache-2.0
// A BPF flow dissector, attached to the network namespace of a Python program for as long as that runs.

/** Python: a dissector that finds nothing, and says that all is well (r0 = BPF_OK), by a link on the namespace. */
export const dissectsFlows = `
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attributes):
    fd = libc.syscall(321, command, ctypes.create_string_buffer(attributes, 120), 120)
    if fd < 0: raise OSError(ctypes.get_errno(), 'bpf')
    return fd
code = ctypes.create_string_buffer(bytes.fromhex('b7000000000000009500000000000000'))
licence = ctypes.create_string_buffer(b'GPL')
program = bpf(5, struct.pack('IIQQ', 22, 2, ctypes.addressof(code), ctypes.addressof(licence)))
namespace = open('/proc/self/ns/net')
link = bpf(28, struct.pack('IIII', program, namespace.fileno(), 17, 0))
`;
