// SPDX-License-Identifier: Apache-2.0
// The lab's hands inside network namespaces: makes taps, opens packet sockets, sends frames exactly as told and
// reports every frame that comes out. One request per line on stdin, one reply (and perhaps `got` lines) on stdout.
//
//   netns NAME              enter /run/netns/NAME                          -> ok
//   tap NAME                make a tap here; it becomes the next port      -> ok PORT
//   vnettap NAME            a tap whose frames carry a virtio_net_hdr, as a virtual machine's do -> ok PORT
//   pitap NAME              a tap whose reader wants packet information before each frame -> ok PORT
//   packet NAME|any [out|ip]  packet socket on a device, or on all; the next port -> ok PORT
//                           `out`: sees outgoing frames, too; `ip`: only IPv4
//   gro NAME 0|1            ethtool -K NAME gro                            -> ok
//   vlanpush NAME           egress program: the mark becomes a VLAN tag in metadata (see `mark`) -> ok
//   tcx NAME ingress|egress a tc program that drops IPv4 and lets the rest go on -> ok
//   ofsockets NAME          a tc egress program that drops what belongs to a socket -> ok
//   generic NAME            a generic XDP program that drops IPv4          -> ok
//   native NAME             the same by the driver                         -> ok
//   tapfilter PORT          a filter on the tap that lets only 0x88b5 out           -> ok
//   tapsockets PORT on|off  a program on the tap that lets nothing of a socket out  -> ok
//   sysctl PATH VALUE       write below /proc/sys in this namespace        -> ok
//   link NAME               whether the device is up, and whether it runs  -> ok 0|1|2|3 (1: IFF_UP, 2: IFF_RUNNING)
//   read PATH               a file of this namespace's /proc               -> read HEX
//   carrier PORT 0|1        the tap's carrier                              -> ok
//   revnet PORT NAME        close the tap and open it again with a virtio_net_hdr, as a virtual machine does that starts -> ok
//   loop ADDRESS            send UDP with IP options and id 0x0101 to 224.0.0.1 from this address, which loops back -> ok
//   rtnl NAME HEX           send a rtnetlink request about a device, whose ifindex goes to offset 20 -> ok
//   linger MSEC             how long `flow` and `change` wait for their last frame if that is nowhere -> ok
//   settle USEC             pause after each send, for devices with a softirq in between  -> ok
//   send PORT HEX           -> sent ERRNO COUNT, then COUNT times: got PORT FLAGS HEX
//   mark PORT MARK HEX      send with SO_MARK                              -> as send
//   vnet PORT HEX           send HEX that starts with a virtio_net_hdr     -> as send
//   collect MSEC            wait until MSEC passed without any frame       -> collected COUNT, then got lines
//   stream PORT HEX         numbered copies of this frame are what `flow` and `change` send through the port -> ok
//   match OFFSET [HEX]      only frames with these bytes there count as having come out; without HEX all do -> ok
//   flow COUNT              send so many frames  -> counted CODE SENT, then for each port the frames that came out of it
//   change COUNT WHAT       do WHAT while frames are sent without pause, then COUNT more -> counted CODE SENT, then by port
//                           how many of those begun after WHAT had ended came out; CODE is its exit code or errno.
//                           WHAT: `packet NAME|any`, `packet4 NAME` (IPv4 that comes in there), `sysctl PATH VALUE`, `tcx NAME ingress|egress`, or else a command.
//                           The last number is for `packet`: frames that the packet socket saw.
//   exec COMMAND            run a command in this namespace, without a shell -> ok CODE
//   release FD              close what `tcx`, `generic` or `native` gave             -> ok
//
// FLAGS is `-` or letters: c = checksum not yet filled in (CHECKSUM_PARTIAL). A VLAN tag that the kernel keeps in
// metadata is put back into the bytes. A failed request other than a send answers `error TEXT`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "programs.h"
#include "stream.h"

#define MAX_PORTS 64
#define MAX_FRAME 70000

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#define VNET_HEADER 10
#define PI_HEADER 4

struct port {
	int fd;
	int is_packet;
	size_t header; // bytes that a tap has before each frame: a virtio_net_hdr, or packet information
};

static struct port ports[MAX_PORTS];
static int n_ports;
static long settle_usec, linger_msec;
static unsigned char frame[MAX_FRAME + 16];
// Output of a whole send is gathered first because the count comes before the frames.
static char *out;
static size_t out_len, out_size;

static void out_grow(size_t more)
{
	if (out_len + more <= out_size)
		return;
	out_size = (out_len + more) * 2;
	out = realloc(out, out_size);
	if (!out)
		abort();
}

static void out_text(const char *text)
{
	size_t len = strlen(text);

	out_grow(len);
	memcpy(out + out_len, text, len);
	out_len += len;
}

static void out_hex(const unsigned char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	out_grow(len * 2);
	for (size_t i = 0; i < len; i++) {
		out[out_len++] = digits[data[i] >> 4];
		out[out_len++] = digits[data[i] & 15];
	}
}

static void fail(const char *what)
{
	printf("error %s: %s\n", what, strerror(errno));
}

static int enter(const char *name)
{
	char path[256];
	int fd, rc;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = setns(fd, CLONE_NEWNET);
	close(fd);
	return rc;
}

static int add_port(int fd, int is_packet, size_t header)
{
	if (n_ports == MAX_PORTS) {
		close(fd);
		errno = ENOSPC;
		return -1;
	}
	ports[n_ports].fd = fd;
	ports[n_ports].is_packet = is_packet;
	ports[n_ports].header = header;
	return n_ports++;
}

static int open_tap(const char *name, int flags)
{
	struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | flags)};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	// Persistent, so that the namespace removes all taps in one batch instead of each close() waiting for RCU.
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETPERSIST, 1)) {
		close(fd);
		return -1;
	}
	return add_port(fd, 0, flags & IFF_VNET_HDR ? VNET_HEADER : flags & IFF_NO_PI ? 0 : PI_HEADER);
}

static void pause_usec(long usec)
{
	struct timespec time = {.tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000};

	nanosleep(&time, NULL);
}

static int set_carrier(const struct port *port, int on)
{
	return ioctl(port->fd, TUNSETCARRIER, &on);
}

static int reopen_with_header(struct port *port, const char *name)
{
	int number;

	close(port->fd);
	// The bridge hears of the lost carrier from a work queue that runs once a second.
	pause_usec(1400000);
	number = open_tap(name, IFF_NO_PI | IFF_VNET_HDR);
	if (number < 0)
		return -1;
	*port = ports[number];
	n_ports--;
	return 0;
}

// A raw packet, so that nothing in it is up to chance.
static int send_loop(const char *address)
{
	unsigned char packet[34] = {
		0x46, 0, 0, 34, 1, 1, 0x40, 0, 1, IPPROTO_UDP, // header of 24 bytes, id 0x0101, DF, TTL 1
		[16] = 224, [19] = 1, [20] = 1, 1, 1, 0,	// to 224.0.0.1; three NOPs and the end
		[24] = 0x13, 0x8d, 0x13, 0x8d, 0, 10,		// ports 5005, length 10, no checksum
		[32] = 'a', 'b',
	};
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct in_addr from;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), rc;

	inet_pton(AF_INET, address, &from);
	memcpy(packet + 12, &from, 4);
	memcpy(&to.sin_addr, packet + 16, 4);
	if (fd < 0)
		return -1;
	rc = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from)) ||
	     sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) != sizeof(packet) ? -1 : 0;
	close(fd);
	return rc;
}

static int open_packet(const char *name, int outgoing, int protocol)
{
	int ignore = !outgoing, one = 1, size = 8 << 20;
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons((unsigned short)protocol)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0)
		return -1;
	if ((!address.sll_ifindex && strcmp(name, "any")) || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignore, sizeof(ignore)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return add_port(fd, 1, 0);
}

// struct ifinfomsg and struct ndmsg both have the ifindex 4 bytes behind the netlink header.
static int send_rtnl(const char *name, const char *hex)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} reply;
	unsigned char request[512];
	size_t len = strlen(hex) / 2;
	int index = (int)if_nametoindex(name), fd, rc = -1;

	if (!index)
		return -1;
	if (len < NLMSG_HDRLEN + 8 || len > sizeof(request)) {
		errno = EMSGSIZE;
		return -1;
	}
	for (size_t i = 0; i < len; i++)
		sscanf(hex + i * 2, "%2hhx", &request[i]);
	memcpy(request + NLMSG_HDRLEN + 4, &index, sizeof(index));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	if (send(fd, request, len, 0) == (ssize_t)len && recv(fd, &reply, sizeof(reply), 0) >= (ssize_t)NLMSG_LENGTH(4)) {
		errno = -reply.error.error;
		rc = reply.header.nlmsg_type == NLMSG_ERROR && !reply.error.error ? 0 : -1;
	}
	close(fd);
	return rc;
}

static int set_gro(const char *name, int on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = (uint32_t)on};
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = (void *)&value;
	rc = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return rc;
}

// 1 if the device is up, and 2 more if it is operational.
static int link_state(const char *name)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	rc = ioctl(fd, SIOCGIFFLAGS, &ifr);
	close(fd);
	return rc < 0 ? rc : (ifr.ifr_flags & IFF_UP ? 1 : 0) | (ifr.ifr_flags & IFF_RUNNING ? 2 : 0);
}

static int write_sysctl(const char *path, const char *value)
{
	char full[512];
	int fd, rc;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = write(fd, value, strlen(value)) < 0 ? -1 : 0;
	close(fd);
	return rc;
}

static void reply_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0) {
		fail(path);
		return;
	}
	out_len = 0;
	out_text("read ");
	while ((len = read(fd, frame, MAX_FRAME)) > 0)
		out_hex(frame, (size_t)len);
	close(fd);
	out_text("\n");
	fwrite(out, 1, out_len, stdout);
}

// One frame from a packet socket: bytes with the VLAN tag put back, and what the kernel says of its checksum.
static ssize_t receive(const struct port *port, const char **flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec iov = {.iov_base = frame, .iov_len = MAX_FRAME};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(port->fd, &message, MSG_DONTWAIT);

	if (len < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_CSUMNOTREADY)
			*flags = "c";
		if ((aux.tp_status & TP_STATUS_VLAN_VALID) && len >= 12) {
			uint16_t tag[2] = {htons(aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_P_8021Q),
					   htons(aux.tp_vlan_tci)};

			memmove(frame + 16, frame + 12, (size_t)len - 12);
			memcpy(frame + 12, tag, sizeof(tag));
			len += 4;
		}
	}
	return len;
}

static int drain(void)
{
	int count = 0;

	for (int i = 0; i < n_ports; i++) {
		for (;;) {
			const char *flags = "-";
			char head[32];
			ssize_t len = ports[i].is_packet ? receive(&ports[i], &flags) : read(ports[i].fd, frame, MAX_FRAME);

			if (len < 0)
				break;
			size_t skip = (size_t)len >= ports[i].header ? ports[i].header : 0;
			if (skip == VNET_HEADER && frame[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM)
				flags = "c";
			snprintf(head, sizeof(head), "got %d %s ", i, flags);
			out_text(head);
			out_hex(frame + skip, (size_t)len - skip);
			out_text("\n");
			count++;
		}
	}
	return count;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ssize_t unhex(const char *text)
{
	size_t len = 0;

	for (; text[0] && len < MAX_FRAME; text += 2, len++) {
		int high = nibble(text[0]), low = nibble(text[1]);

		if (high < 0 || low < 0)
			return -1;
		frame[len] = (unsigned char)(high << 4 | low);
	}
	return (ssize_t)len;
}

static void reply_send(int number, const char *hex, unsigned int mark, int vnet)
{
	struct port *port = &ports[number];
	ssize_t len = unhex(hex);
	int error = 0, one = vnet, count;

	if (len < 0)
		error = EBADMSG;
	if (port->is_packet) {
		setsockopt(port->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
		if (vnet && setsockopt(port->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
			error = errno;
	}
	if (port->header && !vnet && len > 0) {
		memmove(frame + port->header, frame, (size_t)len);
		memset(frame, 0, port->header);
		len += (ssize_t)port->header;
	}
	if (!error && write(port->fd, frame, (size_t)len) < 0)
		error = errno;
	if (vnet && port->is_packet) {
		one = 0;
		setsockopt(port->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one));
	}
	if (settle_usec)
		pause_usec(settle_usec);
	out_len = 0;
	count = drain();
	printf("sent %d %d\n", error, count);
	fwrite(out, 1, out_len, stdout);
}

static void reply_collect(int quiet_msec)
{
	int count = 0;

	out_len = 0;
	for (;;) {
		struct pollfd fds[MAX_PORTS];

		count += drain();
		for (int i = 0; i < n_ports; i++) {
			fds[i].fd = ports[i].fd;
			fds[i].events = POLLIN;
			fds[i].revents = 0;
		}
		if (poll(fds, (nfds_t)n_ports, quiet_msec) <= 0)
			break;
		int readable = 0;
		for (int i = 0; i < n_ports; i++)
			readable |= fds[i].revents & POLLIN;
		// A device that is down keeps reporting an error: without this it would be polled for ever.
		if (!readable) {
			pause_usec(quiet_msec * 1000L);
			break;
		}
	}
	count += drain();
	printf("collected %d\n", count);
	fwrite(out, 1, out_len, stdout);
}

static void answer(int rc, const char *what)
{
	if (rc < 0)
		fail(what);
	else
		printf("ok %d\n", rc);
}

extern char **environ;

// Exit code of a command of words separated by blanks, or -1.
static int run_command(char *words)
{
	char *argv[128], *rest;
	posix_spawn_file_actions_t files;
	int argc = 0, status;
	pid_t pid;

	for (char *word = strtok_r(words, " ", &rest); word && argc < 127; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	if (!argc)
		return -1;
	// Requests and replies are not the command's to read and write.
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	errno = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (errno || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Replies with what came out of each port with a number beyond `after`, and what the packet socket `tap` (-1: none) saw.
static void reply_counted(int code, uint32_t after, uint32_t last, int tap)
{
	long seen = 0;
	ssize_t len;

	printf("counted %d %u", code, last - after);
	for (int i = 0; i < n_ports; i++)
		printf(" %ld", stream_arrived(i, after));
	while (tap >= 0 && (len = read(tap, frame, MAX_FRAME)) > 0)
		seen += stream_number(frame, (size_t)len) > after;
	printf(" %ld\n", seen);
}

static int reply_stream(const struct port *port, const char *hex)
{
	ssize_t len = unhex(hex);
	int fds[MAX_PORTS];

	for (int i = 0; i < n_ports; i++)
		fds[i] = ports[i].fd;
	errno = EINVAL;
	return len < 0 ? -1 : stream_open(port->fd, frame, (size_t)len, fds, n_ports);
}

static int reply_match(const char *offset, const char *hex)
{
	ssize_t len = hex ? unhex(hex) : 0;

	errno = EINVAL;
	return len < 0 ? -1 : stream_match(strtoul(offset, NULL, 10), frame, (size_t)len);
}

static void reply_flow(uint32_t count)
{
	uint32_t after = stream_begun();

	stream_run(after + count);
	reply_counted(0, after, stream_finish(after + count, linger_msec), -1);
}

static void reply_change(uint32_t count, char *what)
{
	int code, tap = -1;
	uint32_t after;
	char a[256], b[256];

	stream_run(UINT32_MAX);
	// The change must not come before the first frame.
	while (stream_begun() == 0)
		pause_usec(10);
	// The longer word first: a blank in a format may stand for nothing.
	if (sscanf(what, "packet4 %255s", a) == 1 || sscanf(what, "packet %255s", a) == 1) {
		int port = open_packet(a, 1, what[6] == '4' ? ETH_P_IP : ETH_P_ALL);

		code = port < 0 ? errno : 0;
		if (port >= 0)
			tap = ports[--n_ports].fd;
	} else if (sscanf(what, "sysctl %255s %255s", a, b) == 2) {
		code = write_sysctl(a, b) ? errno : 0;
	} else if (sscanf(what, "tcx %255s %255s", a, b) == 2) {
		tap = attach_tcx(a, !strcmp(b, "egress"));
		code = tap < 0 ? errno : 0;
	} else {
		code = run_command(what);
	}
	after = stream_begun();
	reply_counted(code, after, stream_finish(after + count, linger_msec), strncmp(what, "packet", 6) ? -1 : tap);
	// Undone before the next request, so that the stream can flow again.
	if (tap >= 0)
		close(tap);
}

static int port_of(const char *text)
{
	int number = text ? atoi(text) : -1;

	return number >= 0 && number < n_ports ? number : -1;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	cpu_set_t cpus;

	// One CPU from start to end: frames sent one after the other stay in one backlog queue, hence in order.
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	setvbuf(stdout, NULL, _IOFBF, 1 << 18);
	while ((len = getline(&line, &size, stdin)) > 0) {
		char *rest, *verb, *a, *b;

		line[len - 1] = 0;
		if (!strncmp(line, "exec ", 5)) {
			answer(run_command(line + 5), "exec");
			fflush(stdout);
			continue;
		}
		if (!strncmp(line, "change ", 7)) {
			uint32_t count = (uint32_t)strtoul(line + 7, &rest, 10);

			reply_change(count, rest + strspn(rest, " "));
			fflush(stdout);
			continue;
		}
		verb = strtok_r(line, " ", &rest);
		a = strtok_r(NULL, " ", &rest);
		b = strtok_r(NULL, " ", &rest);
		if (!verb || !a) {
			printf("error malformed request\n");
		} else if (!strcmp(verb, "netns")) {
			answer(enter(a), a);
		} else if (!strcmp(verb, "tap")) {
			answer(open_tap(a, IFF_NO_PI), a);
		} else if (!strcmp(verb, "vnettap")) {
			answer(open_tap(a, IFF_NO_PI | IFF_VNET_HDR), a);
		} else if (!strcmp(verb, "pitap")) {
			answer(open_tap(a, 0), a);
		} else if (!strcmp(verb, "packet")) {
			answer(open_packet(a, b && !strcmp(b, "out"), b && !strcmp(b, "ip") ? ETH_P_IP : ETH_P_ALL), a);
		} else if (!strcmp(verb, "gro") && b) {
			answer(set_gro(a, atoi(b)), a);
		} else if (!strcmp(verb, "vlanpush")) {
			answer(push_vlan_from_mark(a), a);
		} else if (!strcmp(verb, "tcx") && b) {
			answer(attach_tcx(a, !strcmp(b, "egress")), a);
		} else if (!strcmp(verb, "ofsockets")) {
			answer(drop_of_sockets(a), a);
		} else if (!strcmp(verb, "generic") || !strcmp(verb, "native")) {
			answer(attach_xdp(a, !strcmp(verb, "generic")), a);
		} else if (!strcmp(verb, "tapfilter") && port_of(a) >= 0) {
			answer(filter_tap(ports[port_of(a)].fd), verb);
		} else if (!strcmp(verb, "tapsockets") && port_of(a) >= 0 && b) {
			answer(keep_sockets_from_tap(ports[port_of(a)].fd, !strcmp(b, "on")), verb);
		} else if (!strcmp(verb, "carrier") && port_of(a) >= 0 && b) {
			answer(set_carrier(&ports[port_of(a)], atoi(b)), verb);
		} else if (!strcmp(verb, "revnet") && port_of(a) >= 0 && b) {
			answer(reopen_with_header(&ports[port_of(a)], b), b);
		} else if (!strcmp(verb, "loop")) {
			answer(send_loop(a), a);
		} else if (!strcmp(verb, "rtnl") && b) {
			answer(send_rtnl(a, b), a);
		} else if (!strcmp(verb, "sysctl") && b) {
			answer(write_sysctl(a, b), a);
		} else if (!strcmp(verb, "link")) {
			answer(link_state(a), a);
		} else if (!strcmp(verb, "read")) {
			reply_read(a);
		} else if (!strcmp(verb, "release")) {
			answer(close(atoi(a)), verb);
		} else if (!strcmp(verb, "match")) {
			answer(reply_match(a, b), verb);
		} else if (!strcmp(verb, "flow")) {
			reply_flow((uint32_t)strtoul(a, NULL, 10));
		} else if (!strcmp(verb, "settle")) {
			settle_usec = atol(a);
			answer(0, verb);
		} else if (!strcmp(verb, "linger")) {
			linger_msec = atol(a);
			answer(0, verb);
		} else if (!strcmp(verb, "collect")) {
			reply_collect(atoi(a));
		} else if (port_of(a) < 0 || !b) {
			printf("error no such port or request\n");
		} else if (!strcmp(verb, "stream")) {
			answer(reply_stream(&ports[port_of(a)], b), verb);
		} else if (!strcmp(verb, "send")) {
			reply_send(port_of(a), b, 0, 0);
		} else if (!strcmp(verb, "vnet")) {
			reply_send(port_of(a), b, 0, 1);
		} else if (!strcmp(verb, "mark")) {
			reply_send(port_of(a), strtok_r(NULL, " ", &rest), (unsigned int)strtoul(b, NULL, 0), 0);
		} else {
			printf("error unknown request\n");
		}
		fflush(stdout);
	}
	return 0;
}
