/* SPDX-License-Identifier: MIT */
/*
 * The composition root: the one place that knows every verb of the command line, those of the
 * command line proper (scheduler/cli) and those that run a node.
 */
#include "scheduler/cli/verbs.h"

int main(int argc, char **argv)
{
	static const struct cli_verb *const verbs[] = {
		basic_verbs,
		doctor_verbs,
		NULL,
	};
	return cli_main(argc, argv, verbs);
}
