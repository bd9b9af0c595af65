/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files, for builds without libFuzzer: replay PATH...
 * A path is a file or a directory of files; the empty input is always run first. A directory that
 * does not exist is an error, so that a corpus cannot get lost unnoticed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/buf.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (16u << 20)

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	struct buf input;
	char chunk[4096];
	size_t n;
	buf_init(&input, INPUT_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(&input, chunk, n);
	fclose(file);
	/* An exact copy on the heap, so that a sanitizer sees the first byte read past it. */
	uint8_t *exact = xmalloc(input.len);
	if (input.len > 0)
		memcpy(exact, input.data, input.len);
	LLVMFuzzerTestOneInput(exact, input.len);
	free(exact);
	buf_done(&input);
	return 0;
}

static int replay_directory(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	int failed = 0;
	if (count < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && replay_file(name) != 0)
			failed = -1;
		free(entries[i]);
	}
	free(entries);
	printf("%s: %d entries\n", path, count - 2);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		struct stat st;
		bool is_directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
		int rc = is_directory ? replay_directory(argv[i]) : replay_file(argv[i]);
		failed |= rc != 0;
	}
	return failed;
}
