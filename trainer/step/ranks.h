/* SPDX-License-Identifier: MIT */
/* The processes that train one head together, each on its share of every batch: their number and
 * the sum of what each has. ranks_mpi.c where MPI was there at build time, ranks_alone.c else. */
#ifndef TYTO_TRAINER_STEP_RANKS_H
#define TYTO_TRAINER_STEP_RANKS_H

#include <stdint.h>

#include "base/err.h"

struct tyto_ranks;

/* Joins the processes that mpirun started, or is alone, number 0 of 1, when none did (or without
 * MPI). Once in a process, on its first thread; every later call too. TYTO_ERR_UNSUPPORTED: several
 * processes were started by mpirun, but this program was built without MPI. */
TYTO_MUST_CHECK
enum tyto_err tyto_ranks_create(struct tyto_ranks **ret_ranks);
void tyto_ranks_destroy(struct tyto_ranks **ranks);
uint32_t tyto_ranks_rank(const struct tyto_ranks *ranks);
uint32_t tyto_ranks_num(const struct tyto_ranks *ranks);
/* values (num) <- the sum over all ranks, in double and in order of rank: the same bits everywhere,
 * in every run. */
TYTO_MUST_CHECK
enum tyto_err tyto_ranks_sum(struct tyto_ranks *ranks, float *values, uint64_t num);
/* Leaves all processes at once after an error of this one: they would wait for ever. */
void tyto_ranks_abort(struct tyto_ranks *ranks, int exit_code);

#endif
