// SPDX-License-Identifier: Apache-2.0
// A continuous stream of numbered frames, sent by a thread of its own while the main thread changes something.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Where the sender puts a frame's number (network order), followed by the mark that tells its frames from all others.
#define STREAM_NUMBER 42
#define STREAM_MARK 0x544e4121u // "TNA!"
#define STREAM_LEAST (STREAM_NUMBER + 8)

// The number of a frame of the stream, 0 for any other frame.
uint32_t stream_number(const unsigned char *bytes, size_t len);

// Prepares to send `bytes` through fd `in`; arrivals are read from `watched`. Nothing is sent yet. -1: errno.
int stream_open(int in, const unsigned char *bytes, size_t len, const int *watched, int count);
// From the next stream_run() on, only frames with these bytes at this offset count as arrived; len 0: all. -1: too many bytes.
int stream_match(size_t offset, const unsigned char *bytes, size_t len);
// Sends without pause from now on, up to the frame `last`.
void stream_run(uint32_t last);
// Number of the frame that was begun last: any frame with a greater one begins after this call.
uint32_t stream_begun(void);
// Sends on until `number` at least, then stops, and collects what still arrives. Returns the last number sent. If the last frame is
// nowhere yet, a kernel thread may have it: it is waited for as long as `linger` says.
uint32_t stream_finish(uint32_t number, long linger_msec);
// Frames with a number greater than `after` that arrived at the n-th watched descriptor since stream_run(); -1: too many to tell.
long stream_arrived(int n, uint32_t after);
