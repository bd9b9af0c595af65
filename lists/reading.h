/* SPDX-License-Identifier: MIT */
/*
 * A file being read as people: sheet, mapping and rows put together, with what is to be shown
 * before anything moves, and the file of refused rows. Imports of members and of suppressions share
 * it. Blocking; one thread at a time.
 */
#ifndef EDM_LISTS_READING_H
#define EDM_LISTS_READING_H

#include "lists/mapping.h"
#include "lists/person.h"
#include "lists/sheet.h"

#define READING_SAMPLES 3

struct reading_request {
	const char *path;     /* "-" = standard input */
	const char *encoding; /* NULL = detect */
	char delimiter;	      /* 0 = detect */
	const struct mapping_override *overrides;
	size_t override_count;
	const char *refused_path; /* NULL = NAME.refused.csv beside the file */
};

/* What to show before anything moves. */
struct reading_preview {
	struct sheet_facts facts;
	const struct mapping *mapping;
	/* The first rows that are not ASCII: wrong characters here mean a wrong encoding. */
	struct csv_row samples[READING_SAMPLES];
	size_t sample_count;
	struct csv_row first;	  /* the first row of data */
	const char *refused_path; /* in the end where it is: a file of that name may stay */
	const char *kept_path;	  /* that file; NULL = there was none */
};

struct reading_counts {
	uint64_t rows;	   /* of data */
	uint64_t refused;  /* of them */
	uint64_t smtputf8; /* local parts that are not ASCII: few receivers take them */
	uint64_t typos;	   /* domains that look misspelt (address_typo_hint); not refused */
	char typo[ADDRESS_MAX + 1]; /* the first of them */
	const char *typo_meant;	    /* and the domain it was probably meant to have */
};

struct reading;

/* A good row. The person is valid during the callback. 0 to go on, -1 to stop with err filled. */
typedef int (*reading_on_person)(void *ctx, uint64_t line, const struct person *person,
				 struct err *err);

/* Opens and detects; reads as far as the samples. Errors: those of sheet_open and mapping_build,
 * and ERR_INPUT when nothing follows the header. */
int reading_open(struct reading **out, const struct reading_request *request,
		 struct err *err) NODISCARD;
/* Removes a refused file that was not committed. */
void reading_close(struct reading *r);
/* Lives as long as the reading. */
const struct reading_preview *reading_preview(const struct reading *r);
void reading_report_to(struct reading *r, sheet_on_progress on_progress, void *ctx);
/* Gives everybody in the file; writes the other rows to the refused file. Once. */
int reading_people(struct reading *r, const struct hash_key *key, reading_on_person on_person,
		   void *ctx, struct err *err) NODISCARD;
/* Also refuses the rows on these lines (count of them, ascending), found wanting later. */
int reading_refuse_lines(struct reading *r, const int64_t *lines, size_t count,
			 enum person_reason reason, struct err *err) NODISCARD;
/* Puts the refused file in its place, if a row was refused. */
int reading_commit_refused(struct reading *r, struct err *err) NODISCARD;
const struct reading_counts *reading_counts(const struct reading *r);

#endif
