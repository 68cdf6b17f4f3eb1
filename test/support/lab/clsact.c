// SPDX-License-Identifier: Apache-2.0
// RTM_NEWQDISC and RTM_NEWTFILTER (net/sched/sch_api.c, cls_api.c, cls_bpf.c), by hand.

#include "clsact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	struct tcmsg tc;
	uint8_t attributes[128];
};

static struct rtattr *put(struct request *r, uint16_t type, const void *data, size_t size)
{
	struct rtattr *attribute = (void *)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attribute), data, size);
	r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static int talk(struct request *r)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc = -1;

	if (fd < 0)
		return -1;
	if (send(fd, r, r->header.nlmsg_len, 0) == (ssize_t)r->header.nlmsg_len &&
	    recv(fd, &reply, sizeof(reply), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(reply.error))) {
		errno = -reply.error.error;
		rc = reply.header.nlmsg_type == NLMSG_ERROR && !reply.error.error ? 0 : -1;
	}
	close(fd);
	return rc;
}

static void begin(struct request *r, uint16_t type, uint32_t ifindex)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_len = NLMSG_LENGTH(sizeof(r->tc));
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	r->tc.tcm_family = AF_UNSPEC;
	r->tc.tcm_ifindex = (int)ifindex;
}

int clsact_attach(uint32_t ifindex, int egress, int program)
{
	const uint32_t fd = (uint32_t)program, flags = TCA_BPF_FLAG_ACT_DIRECT;
	struct rtattr *options;
	struct request r;

	begin(&r, RTM_NEWQDISC, ifindex);
	/* replace: somebody's clsact stays as it is */
	r.header.nlmsg_flags |= NLM_F_REPLACE;
	r.tc.tcm_parent = TC_H_CLSACT;
	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	put(&r, TCA_KIND, "clsact", sizeof("clsact"));
	if (talk(&r))
		return -1;

	begin(&r, RTM_NEWTFILTER, ifindex);
	r.tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	r.tc.tcm_info = TC_H_MAKE(0, htons(ETH_P_ALL));
	put(&r, TCA_KIND, "bpf", sizeof("bpf"));
	options = put(&r, TCA_OPTIONS, NULL, 0);
	put(&r, TCA_BPF_FD, &fd, sizeof(fd));
	put(&r, TCA_BPF_NAME, "lab", sizeof("lab"));
	put(&r, TCA_BPF_FLAGS, &flags, sizeof(flags));
	options->rta_len = (uint16_t)((uint8_t *)&r + r.header.nlmsg_len - (uint8_t *)options);
	return talk(&r);
}
