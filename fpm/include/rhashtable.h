// SPDX-License-Identifier: GPL-2.0
// Lookup in a kernel rhashtable (include/linux/rhashtable.h: rht_key_hashfn, __rhashtable_lookup) for keys of 8 bytes,
// hashed by jhash2 as rhashtable does for key lengths that are multiples of four.
// Only the current table is walked: while a resize moves entries to a future table a miss is possible, and a miss must
// therefore always mean SLOW.
#pragma once
#include "window.h"

#define TNA_CHAIN_MAX 16

static __always_inline u32 tna_rol32(u32 word, u32 shift)
{
	return (word << shift) | (word >> (32 - shift));
}

// Bob Jenkins' lookup3 for exactly two 32-bit words, as jhash2(key, 2, initval) computes it.
static __always_inline u32 tna_jhash2_words(u32 word0, u32 word1, u32 initval)
{
	u32 a = 0xdeadbeef + (2 << 2) + initval, b = a, c = a;

	a += word0;
	b += word1;
	c ^= b;
	c -= tna_rol32(b, 14);
	a ^= c;
	a -= tna_rol32(c, 11);
	b ^= a;
	b -= tna_rol32(a, 25);
	c ^= b;
	c -= tna_rol32(b, 16);
	a ^= c;
	a -= tna_rol32(c, 4);
	b ^= a;
	b -= tna_rol32(a, 14);
	c ^= b;
	c -= tna_rol32(b, 24);
	return c;
}

// Address of the chain head (a struct rhash_head) for a key, or 0: no table, nested table, empty bucket.
static __always_inline u64 tna_rht_chain(u64 rhashtable, u64 key)
{
	struct bucket_table *table;
	u64 address, bucket;

	address = tna_word(rhashtable + TNA_OFFSET(rhashtable, tbl));
	table = TNA_AT(bucket_table, address);
	if (table->nest)
		return 0;
	bucket = tna_jhash2_words((u32)key, (u32)(key >> 32), table->hash_rnd) & (table->size - 1);
	/* bit 0 of a bucket is its lock */
	return tna_word(address + TNA_OFFSET(bucket_table, buckets) + bucket * 8) & ~1ULL;
}
