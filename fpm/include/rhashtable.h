// SPDX-License-Identifier: GPL-2.0
// Lookup in a kernel rhashtable (include/linux/rhashtable.h: rht_key_hashfn, __rhashtable_lookup) for keys of 8 bytes,
// hashed by jhash2 as rhashtable does for key lengths that are multiples of four, and of 2 bytes, hashed by jhash.
// Only the current table is walked: while a resize moves entries to a future table a miss is possible, and a miss must
// therefore always mean SLOW.
#pragma once
#include "scratch.h"
#include "window.h"

#define TNA_CHAIN_MAX 16

// c - rol32(b, shift), in the fewest instructions: a 64-bit shift leaves both parts of the rotated word, and taking both
// away is taking away their sum. The barrier keeps clang from seeing a rotation, which BPF lacks.
static __always_inline u32 tna_minus_rol32(u32 c, u32 b, u32 shift)
{
	u64 wide = (u64)b << shift;

	asm("" : "+r"(wide));
	return c - (u32)wide - (u32)(wide >> 32);
}

// The final mixing of Bob Jenkins' lookup3.
static __always_inline u32 tna_jhash_final(u32 a, u32 b, u32 c)
{
	c = tna_minus_rol32(c ^ b, b, 14);
	a = tna_minus_rol32(a ^ c, c, 11);
	b = tna_minus_rol32(b ^ a, a, 25);
	c = tna_minus_rol32(c ^ b, b, 16);
	a = tna_minus_rol32(a ^ c, c, 4);
	b = tna_minus_rol32(b ^ a, a, 14);
	return tna_minus_rol32(c ^ b, b, 24);
}

// lookup3 for exactly two 32-bit words, as jhash2(key, 2, initval) computes it.
static __always_inline u32 tna_jhash2_words(u32 word0, u32 word1, u32 initval)
{
	u32 a = 0xdeadbeef + (2 << 2) + initval, b = a, c = a;

	return tna_jhash_final(a + word0, b + word1, c);
}

// The same for one 16-bit number, as jhash(&number, 2, initval) computes it for keys of two bytes.
static __always_inline u32 tna_jhash_u16(u16 number, u32 initval)
{
	u32 a = 0xdeadbeef + 2 + initval, b = a, c = a;

	return tna_jhash_final(a + number, b, c);
}

// A table as found at one moment: what a lookup needs of it.
struct tna_rht {
	u64 buckets; /* address of the bucket array; 0: nested table, every lookup misses */
	u32 mask;
	u32 seed;
};

// `address`: rhashtable.tbl.
static __always_inline void tna_rht_open(struct tna_rht *open, u64 address)
{
	struct bucket_table *table = TNA_AT(bucket_table, address);
	u32 size, nest;

	if (TNA_OFFSET(bucket_table, size) == 0 && TNA_OFFSET(bucket_table, nest) == 4) {
		u64 both = TNA_WORD_AT(table, size);

		size = (u32)both;
		nest = both >> 32;
	} else {
		size = table->size;
		nest = table->nest;
	}
	open->buckets = nest ? 0 : address + TNA_OFFSET(bucket_table, buckets);
	open->mask = size - 1;
	open->seed = table->hash_rnd;
}

// Address of the first struct rhash_head of a key's chain. 0 (an empty bucket) need not be told apart: what is read from
// there is 0 again. Odd: the end of the chain.
static __always_inline u64 tna_rht_chain(const struct tna_rht *open, u32 hash)
{
	u32 bucket = hash & open->mask;

	/* bit 0 of a bucket is its lock */
	return tna_word(open->buckets + (u64)bucket * 8) & ~1ULL;
}
