// SPDX-License-Identifier: Apache-2.0
// Programs by bpf(2), without a loader.

#include "programs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "clsact.h"

#define ATTACH_TCX_INGRESS 46 // enum bpf_attach_type, Linux 6.6
#define ATTACH_TCX_EGRESS 47

#define INSN(c, d, s, o, i) {.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)}

static int load(uint32_t type, struct bpf_insn *insns, uint32_t count)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = count;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int attach(const char *name, uint32_t type, uint32_t where, uint32_t flags, struct bpf_insn *insns, uint32_t count)
{
	union bpf_attr attr;
	int program, link;

	program = load(type, insns, count);
	if (program < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = if_nametoindex(name);
	attr.link_create.attach_type = where;
	attr.link_create.flags = flags;
	// The link lives as long as this process: its descriptor is kept on purpose.
	link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	// A kernel without TCX: the filter stays until the device goes; the program's descriptor is what `release` closes.
	if (link < 0 && errno == EINVAL && type == BPF_PROG_TYPE_SCHED_CLS &&
	    !clsact_attach(if_nametoindex(name), where == ATTACH_TCX_EGRESS, program))
		return program;
	close(program);
	return link;
}

int push_vlan_from_mark(const char *name)
{
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct __sk_buff, mark), 0),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 5, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, 3, 0, 0, 0xffff),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, 2, 0, 0, 16),
		INSN(BPF_ALU | BPF_END | BPF_TO_BE, 2, 0, 0, 16),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_vlan_push),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return attach(name, BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_EGRESS, 0, insns, sizeof(insns) / sizeof(insns[0]));
}

int attach_tcx(const char *name, int egress)
{
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct __sk_buff, protocol), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1, htons(ETH_P_IP)),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return attach(name, BPF_PROG_TYPE_SCHED_CLS, egress ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS, 0, insns,
		      sizeof(insns) / sizeof(insns[0]));
}

int drop_of_sockets(const char *name)
{
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 1, offsetof(struct __sk_buff, sk), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 1, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return attach(name, BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_EGRESS, 0, insns, sizeof(insns) / sizeof(insns[0]));
}

int attach_xdp(const char *name, int generic)
{
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct xdp_md, data_end), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 3, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_H, 2, 2, 12, 0),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 1, htons(ETH_P_IP)),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return attach(name, BPF_PROG_TYPE_XDP, BPF_XDP, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE, insns,
		      sizeof(insns) / sizeof(insns[0]));
}

int filter_tap(int tap)
{
	struct sock_filter code[] = {
		{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12},
		{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0x88b5},
		{BPF_RET | BPF_K, 0, 0, 0},
		{BPF_RET | BPF_K, 0, 0, 0xffffffff},
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return ioctl(tap, TUNATTACHFILTER, &program);
}

int keep_sockets_from_tap(int tap, int on)
{
	struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_socket_cookie),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 1, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0xffff),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	int program = on ? load(BPF_PROG_TYPE_SOCKET_FILTER, insns, sizeof(insns) / sizeof(insns[0])) : -1;
	int result;

	if (on && program < 0)
		return -1;
	result = ioctl(tap, TUNSETFILTEREBPF, &program);
	if (program >= 0)
		close(program);
	return result;
}
