/* SPDX-License-Identifier: MIT */
/* edm-sink: the program around the server. */
#include <stdio.h>

#include "tests/sink/server.h"

int main(int argc, char **argv)
{
	struct options options;
	struct server server;
	struct err err;
	if (options_parse(&options, argc, argv, &err) != 0) {
		fprintf(stderr, "edm-sink: %s\n", err.text);
		return err_exit_code(err.kind);
	}
	if (options.wants_help) {
		fputs(options_help, stdout);
		return 0;
	}
	int result = server_open(&server, &options, &err);
	if (result == 0)
		result = server_run(&server, &err);
	server_close(&server);
	if (result == 0)
		return 0;
	fprintf(stderr, "edm-sink: %s\n", err.text);
	return err_exit_code(err.kind);
}
