// SPDX-License-Identifier: Apache-2.0
// See stream.h. One thread writes a frame and reads every watched descriptor empty, over and over: so no queue can
// overflow and hide a frame. It runs on another CPU than the main thread, if there is one.
#define _GNU_SOURCE
#include "stream.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_WATCHED 64
#define MAX_ARRIVALS (1 << 18)
#define MAX_BYTES 2048
#define MAX_MATCH 16
#define QUIET_NSEC 2000000

static struct {
	int in, count;
	int watched[MAX_WATCHED];
	unsigned char bytes[MAX_BYTES];
	size_t len;
	size_t match_offset, match_len;
	unsigned char match[MAX_MATCH];
} stream;

// The last ones of each descriptor; a change may take long, and only what comes after it counts.
static struct {
	uint32_t numbers[MAX_ARRIVALS];
	long count;
} arrivals[MAX_WATCHED];

static pthread_t thread;
static _Atomic uint32_t begun, limit;
static _Atomic int running, idle = 1;

uint32_t stream_number(const unsigned char *bytes, size_t len)
{
	uint32_t words[2];

	if (len < STREAM_LEAST)
		return 0;
	memcpy(words, bytes + STREAM_NUMBER, sizeof(words));
	return ntohl(words[1]) == STREAM_MARK ? ntohl(words[0]) : 0;
}

static int collect(void)
{
	static unsigned char bytes[MAX_BYTES];
	int found = 0;

	for (int i = 0; i < stream.count; i++) {
		ssize_t len;

		while ((len = read(stream.watched[i], bytes, sizeof(bytes))) > 0) {
			uint32_t number = stream_number(bytes, (size_t)len);

			found = 1;
			if ((size_t)len < stream.match_offset + stream.match_len ||
			    memcmp(bytes + stream.match_offset, stream.match, stream.match_len))
				continue;
			if (number)
				arrivals[i].numbers[arrivals[i].count++ % MAX_ARRIVALS] = number;
		}
	}
	return found;
}

static void nap(long nsec)
{
	struct timespec time = {.tv_nsec = nsec};

	nanosleep(&time, NULL);
}

static void *work(void *unused)
{
	cpu_set_t cpus;
	int here = sched_getcpu();

	(void)unused;
	for (int cpu = 0; cpu < (int)sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		CPU_ZERO(&cpus);
		CPU_SET(cpu, &cpus);
		if (cpu != here && !sched_setaffinity(0, sizeof(cpus), &cpus))
			break;
	}
	for (;;) {
		while (!running) {
			idle = 1;
			nap(50000);
		}
		idle = 0;
		uint32_t number = begun + 1, wire = htonl(number);

		if (number > limit) {
			running = 0;
			continue;
		}
		begun = number;
		memcpy(stream.bytes + STREAM_NUMBER, &wire, sizeof(wire));
		// A device that is down refuses the frame: it was sent all the same, and must not arrive.
		if (write(stream.in, stream.bytes, stream.len) < 0)
			nap(20000);
		collect();
		sched_yield();
	}
	return NULL;
}

int stream_open(int in, const unsigned char *bytes, size_t len, const int *watched, int count)
{
	uint32_t mark = htonl(STREAM_MARK);

	if (len < STREAM_LEAST || len > MAX_BYTES || count > MAX_WATCHED)
		return -1;
	stream.in = in;
	stream.len = len;
	stream.count = count;
	memcpy(stream.watched, watched, (size_t)count * sizeof(*watched));
	memcpy(stream.bytes, bytes, len);
	memcpy(stream.bytes + STREAM_NUMBER + 4, &mark, sizeof(mark));
	return thread ? 0 : -pthread_create(&thread, NULL, work, NULL);
}

int stream_match(size_t offset, const unsigned char *bytes, size_t len)
{
	if (len > MAX_MATCH)
		return -1;
	// Nobody reads meanwhile: the last stream has come to its end.
	while (!idle)
		nap(50000);
	stream.match_offset = offset;
	stream.match_len = len;
	memcpy(stream.match, bytes, len);
	return 0;
}

void stream_run(uint32_t last)
{
	while (!idle)
		nap(50000);
	collect();
	for (int i = 0; i < stream.count; i++)
		arrivals[i].count = 0;
	limit = last;
	idle = 0;
	running = 1;
}

uint32_t stream_begun(void)
{
	return begun;
}

// Whether the last frame has come out anywhere; frames keep their order.
static int has_last_arrived(void)
{
	for (int i = 0; i < stream.count; i++) {
		long count = arrivals[i].count;

		if (count && arrivals[i].numbers[(count - 1) % MAX_ARRIVALS] == begun)
			return 1;
	}
	return 0;
}

uint32_t stream_finish(uint32_t number, long linger_msec)
{
	long waited = 0;

	limit = number;
	while (running || !idle)
		nap(50000);
	do {
		nap(QUIET_NSEC);
		waited = collect() ? 0 : waited + QUIET_NSEC;
	} while (!waited || (waited < linger_msec * 1000000 && !has_last_arrived()));
	return begun;
}

long stream_arrived(int n, uint32_t after)
{
	long all = arrivals[n].count, count = 0;

	// The ring is full: has it lost any that count?
	if (all > MAX_ARRIVALS && arrivals[n].numbers[all % MAX_ARRIVALS] > after)
		return -1;
	for (long i = 0; i < all && i < MAX_ARRIVALS; i++)
		count += arrivals[n].numbers[i] > after;
	return count;
}
