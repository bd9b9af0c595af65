/* SPDX-License-Identifier: MIT */
/* See node_name.h. */
#include "scheduler/setup/node_name.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/str.h"

static bool is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.ptr[i]) && strchr("-._", name.ptr[i]) == NULL)
			return false;
	return name.len > 0 && name.len < 64;
}

static void read_name(const char *path, char *out, size_t size)
{
	char line[128] = "";
	FILE *f = fopen(path, "r");
	out[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL) {
		struct str name = str_trim(str_from(line));
		if (is_name(name) && str_to_cstr(name, out, size) != 0)
			out[0] = '\0';
	}
	fclose(f);
}

int node_name_choose(const char *data_dir, const char *given, char *out, size_t size,
		     struct err *err)
{
	char path[PATH_MAX];
	char host[128] = "";
	snprintf(path, sizeof(path), "%s/node.name", data_dir);
	if (given != NULL && !is_name(str_from(given)))
		return err_set(err, ERR_USAGE,
			       "a node's name has up to 63 letters, digits, '-', '_' and '.'");
	read_name(path, out, size);
	if (given == NULL && out[0] != '\0')
		return 0;
	gethostname(host, sizeof(host) - 1);
	if (!is_name(str_from(host)))
		snprintf(host, sizeof(host), "node1");
	snprintf(out, size, "%s", given ? given : host);
	return 0;
}

int node_name_keep(const char *data_dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	char kept[128];
	snprintf(path, sizeof(path), "%s/node.name", data_dir);
	read_name(path, kept, sizeof(kept));
	if (strcmp(kept, name) == 0)
		return 0;
	FILE *f = fopen(path, "w");
	if (f == NULL || fprintf(f, "%s\n", name) < 0 || fclose(f) != 0)
		return err_set(err, ERR_SYSTEM, "cannot write %s", path);
	return 0;
}
