/* SPDX-License-Identifier: MIT */
/*
 * edm-sim [--seed N] [SCENARIO]: plays one scenario, or all, and prints a line of JSON for each
 * bar: {"scenario","seed","what","value","low","high","ok"}. Exit 1 if one does not hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/bars.h"

const struct scenario scenarios[] = {
	{"concurrency", "five connections, we may use twenty", play_concurrency},
	{"rate", "so many messages a second, then twice, then a tenth", play_rate},
	{"hosts", "one of four MX hosts refuses", play_hosts},
	{"dead", "a provider with 90 % of the audience is dead", play_dead},
	{"windows", "limits by minute, hour and day, and bans", play_windows},
	{"warmup", "thirty days of a new source beside a warm one", play_warmup},
	{"limits", "edits, restarts and suspensions at random", play_limits},
	{"scope", "whom a limit is about: source, domain, content, recipient", play_scope},
	{"aim", "a limit slows those it is about, and nobody else", play_aim},
	{"why", "people who wait, and whether there is a cause to tell", play_why},
	{"forecast", "a quarter of the way: when will it be through?", play_forecast},
	{"neighbour", "a campaign beside one that has a limit of its own", play_neighbour},
};
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

void bar_note(struct bars *b, const char *what, double value, double low, double high)
{
	if (b->count == BARS_MAX)
		abort();
	b->bars[b->count++] = (struct bar){what, value, low, high};
}

bool bar_holds(const struct bar *bar)
{
	return bar->value >= bar->low && bar->value <= bar->high;
}

static bool play(const struct scenario *s, uint64_t seed)
{
	struct bars bars = {.count = 0};
	bool holds = true;
	s->play(seed, &bars);
	for (size_t i = 0; i < bars.count; i++) {
		const struct bar *bar = &bars.bars[i];
		holds &= bar_holds(bar);
		printf("{\"scenario\":\"%s\",\"seed\":%llu,\"what\":\"%s\",\"value\":%.6g,"
		       "\"low\":%.6g,\"high\":%.6g,\"ok\":%s}\n",
		       s->name, (unsigned long long)seed, bar->what, bar->value, bar->low,
		       bar->high, bar_holds(bar) ? "true" : "false");
	}
	(void)fflush(stdout);
	return holds;
}

static int usage(void)
{
	fprintf(stderr, "edm-sim [--seed N] [SCENARIO]; scenarios:\n");
	for (size_t i = 0; i < scenario_count; i++)
		fprintf(stderr, "  %-14s %s\n", scenarios[i].name, scenarios[i].about);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	int at = 1;
	bool holds = true, is_known = false;
	if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
		seed = strtoull(argv[2], NULL, 10);
		at = 3;
	}
	if (at + 1 < argc || (at < argc && argv[at][0] == '-'))
		return usage();
	for (size_t i = 0; i < scenario_count; i++) {
		if (at < argc && strcmp(argv[at], scenarios[i].name) != 0)
			continue;
		is_known = true;
		holds &= play(&scenarios[i], seed);
	}
	return !is_known ? usage() : holds ? 0 : 1;
}
