/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target defines: libFuzzer's entry point. It must return 0, keep nothing between
 * calls, and abort (must()) when an invariant is broken.
 */
#ifndef EDM_TESTS_FUZZ_FUZZ_H
#define EDM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
