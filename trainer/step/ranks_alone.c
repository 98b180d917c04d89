/* SPDX-License-Identifier: MIT */
/* Without MPI: one process. */
#include <stdlib.h>

#include "trainer/step/ranks.h"

struct tyto_ranks {
    uint32_t num;
};

enum tyto_err tyto_ranks_create(struct tyto_ranks **ret_ranks)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE"); /* what OpenMPI's mpirun sets */
    struct tyto_ranks *ranks = NULL;

    if (size && strtol(size, NULL, 10) > 1)
        return TYTO_ERR_UNSUPPORTED;
    ranks = calloc(1, sizeof(*ranks));
    if (!ranks)
        return TYTO_ERR_NOMEM;
    ranks->num = 1;
    *ret_ranks = ranks;
    return TYTO_OK;
}

void tyto_ranks_destroy(struct tyto_ranks **ranks)
{
    if (!ranks || !*ranks)
        return;
    free(*ranks);
    *ranks = NULL;
}

uint32_t tyto_ranks_rank(const struct tyto_ranks *ranks)
{
    (void)ranks;
    return 0;
}

uint32_t tyto_ranks_num(const struct tyto_ranks *ranks)
{
    return ranks->num;
}

enum tyto_err tyto_ranks_sum(struct tyto_ranks *ranks, float *values, uint64_t num)
{
    (void)ranks;
    (void)values;
    (void)num;
    return TYTO_OK;
}

void tyto_ranks_abort(struct tyto_ranks *ranks, int exit_code)
{
    (void)ranks;
    exit(exit_code);
}
