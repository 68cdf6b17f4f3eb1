// SPDX-License-Identifier: GPL-2.0
// resolve-ids MODULE.ko BASE: writes the BTF ids of the functions that MODULE.ko offers to BPF programs into its section
// .BTF_ids, as the kernel build's own tool does. Distributions do not always ship that tool with their headers.
//
// BASE is the kernel's BTF (raw, as in /sys/kernel/btf/vmlinux), against which the module's own .BTF was made: the ids
// of the module's types go on where the kernel's end.
// In .BTF_ids each function has a symbol __BTF_ID__func__NAME__NUMBER at the place of its id, and each set a symbol
// __BTF_ID__set8__NAME whose size tells how many there are. The kernel finds a function in a set by bisection.
#include <elf.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	unsigned char *data;
	size_t size;
};

struct types {
	const struct btf_header *header;
	const char *strings;
	__u32 first; // id of the first type
	__u32 string_base; // strings below lie in the base
};

struct pair {
	__u32 id, flags;
};

static void fail(const char *what, const char *about)
{
	fprintf(stderr, "resolve-ids: %s: %s\n", about, what);
	exit(1);
}

static struct file map(const char *path, int writable)
{
	int fd = open(path, writable ? O_RDWR : O_RDONLY);
	struct file file = { 0 };
	struct stat about;

	if (fd < 0 || fstat(fd, &about))
		fail("cannot be opened", path);
	file.size = about.st_size;
	// A file of sysfs cannot be mapped everywhere: it is read.
	if (writable) {
		file.data = mmap(NULL, file.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (file.data == MAP_FAILED)
			fail("cannot be mapped", path);
	} else {
		file.data = malloc(file.size);
		for (size_t done = 0; done < file.size;) {
			ssize_t got = read(fd, file.data + done, file.size - done);

			if (got <= 0)
				fail("cannot be read", path);
			done += got;
		}
	}
	close(fd);
	return file;
}

static struct types open_types(const unsigned char *data, size_t size, const char *path)
{
	const struct btf_header *header = (const void *)data;

	if (size < sizeof(*header) || header->magic != BTF_MAGIC)
		fail("is not BTF", path);
	if ((__u64)header->hdr_len + header->str_off + header->str_len > size ||
	    (__u64)header->hdr_len + header->type_off + header->type_len > size)
		fail("is truncated BTF", path);
	return (struct types){ header, (const char *)data + header->hdr_len + header->str_off, 1, 0 };
}

static size_t extra_bytes(const struct btf_type *type)
{
	__u32 count = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return count * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return count * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return count * 12;
	case BTF_KIND_FUNC_PROTO:
		return count * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return count * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

// Id of a function, or with no name the id after the last type.
static __u32 find(const struct types *types, const char *function)
{
	const char *at = (const char *)types->header + types->header->hdr_len + types->header->type_off;
	const char *end = at + types->header->type_len;
	__u32 id = types->first;

	for (; at < end; id++) {
		const struct btf_type *type = (const void *)at;

		if (function && BTF_INFO_KIND(type->info) == BTF_KIND_FUNC && type->name_off >= types->string_base &&
		    !strcmp(types->strings + type->name_off - types->string_base, function))
			return id;
		at += sizeof(*type) + extra_bytes(type);
	}
	return function ? 0 : id;
}

static int by_id(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: resolve-ids MODULE.ko BASE\n");
		return 2;
	}
	struct file module = map(argv[1], 1), kernel = map(argv[2], 0);
	struct types base = open_types(kernel.data, kernel.size, argv[2]), own = { 0 };
	Elf64_Ehdr *elf = (void *)module.data;

	if (module.size < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_ident[EI_CLASS] != ELFCLASS64)
		fail("is not a 64-bit ELF file", argv[1]);
	Elf64_Shdr *sections = (void *)(module.data + elf->e_shoff), *ids = NULL, *symbols = NULL;
	const char *names = (const char *)module.data + sections[elf->e_shstrndx].sh_offset;

	for (int i = 0; i < elf->e_shnum; i++) {
		const char *name = names + sections[i].sh_name;

		if (!strcmp(name, ".BTF")) {
			own = open_types(module.data + sections[i].sh_offset, sections[i].sh_size, argv[1]);
			own.first = find(&base, NULL);
			own.string_base = base.header->str_len;
		} else if (!strcmp(name, ".BTF_ids")) {
			ids = &sections[i];
		} else if (sections[i].sh_type == SHT_SYMTAB) {
			symbols = &sections[i];
		}
	}
	if (!own.header || !ids || !symbols)
		fail("lacks .BTF, .BTF_ids or symbols", argv[1]);

	unsigned char *place = module.data + ids->sh_offset;
	Elf64_Sym *symbol = (void *)(module.data + symbols->sh_offset), *last = symbol + symbols->sh_size / sizeof(*symbol);
	const char *text = (const char *)module.data + sections[symbols->sh_link].sh_offset;
	static const char function[] = "__BTF_ID__func__", set[] = "__BTF_ID__set8__";
	int resolved = 0;

	for (Elf64_Sym *s = symbol; s < last; s++) {
		const char *name = text + s->st_name;

		if (strncmp(name, function, sizeof(function) - 1))
			continue;
		char *plain = strdup(name + sizeof(function) - 1), *number = strrchr(plain, '_');

		// NAME__NUMBER
		if (!number || number - 1 <= plain || number[-1] != '_' || s->st_value + 4 > ids->sh_size)
			fail("has an unknown symbol in .BTF_ids", name);
		number[-1] = '\0';
		__u32 id = find(&own, plain);

		if (!id)
			fail("is not in the module's BTF", plain);
		memcpy(place + s->st_value, &id, sizeof(id));
		resolved++;
		free(plain);
	}
	for (Elf64_Sym *s = symbol; s < last; s++) {
		if (strncmp(text + s->st_name, set, sizeof(set) - 1))
			continue;
		if (s->st_size < 8 || s->st_size % 8 || s->st_value + s->st_size > ids->sh_size)
			fail("has an unknown size", text + s->st_name);
		__u32 count = s->st_size / 8 - 1;

		memcpy(place + s->st_value, &count, sizeof(count));
		qsort(place + s->st_value + 8, count, sizeof(struct pair), by_id);
	}
	if (!resolved)
		fail("offers no functions", argv[1]);
	return 0;
}
