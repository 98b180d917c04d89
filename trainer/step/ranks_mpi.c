/* SPDX-License-Identifier: MIT */
/* The one file with MPI. The sum is a reduce-scatter and an all-gather made by hand: each rank adds
 * its share of the row, all ranks' in their order, so that nothing depends on how a library would
 * reduce. A process that no mpirun started never initialises MPI (which would start a daemon). */
#include <mpi.h>
#include <stdbool.h>
#include <stdlib.h>

#include "trainer/step/ranks.h"

struct tyto_ranks {
    int rank, num;
    bool has_mpi;
    uint64_t cap;  /* of a share */
    float *parts;  /* (num, cap): this rank's share of every rank's row */
    float *padded; /* (num, cap) */
};

enum tyto_err tyto_ranks_create(struct tyto_ranks **ret_ranks)
{
    struct tyto_ranks *ranks = calloc(1, sizeof(*ranks));
    int provided = 0;

    if (!ranks)
        return TYTO_ERR_NOMEM;
    ranks->num = 1;
    if (getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMI_SIZE")) {
        if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
            free(ranks);
            return TYTO_ERR_IO;
        }
        ranks->has_mpi = true;
        if (provided < MPI_THREAD_FUNNELED ||
            MPI_Comm_rank(MPI_COMM_WORLD, &ranks->rank) != MPI_SUCCESS ||
            MPI_Comm_size(MPI_COMM_WORLD, &ranks->num) != MPI_SUCCESS) {
            tyto_ranks_destroy(&ranks);
            return TYTO_ERR_IO;
        }
    }
    *ret_ranks = ranks;
    return TYTO_OK;
}

void tyto_ranks_destroy(struct tyto_ranks **ranks_ptr)
{
    struct tyto_ranks *ranks = ranks_ptr ? *ranks_ptr : NULL;

    if (!ranks)
        return;
    *ranks_ptr = NULL;
    if (ranks->has_mpi)
        (void)MPI_Finalize();
    free(ranks->parts);
    free(ranks->padded);
    free(ranks);
}

uint32_t tyto_ranks_rank(const struct tyto_ranks *ranks)
{
    return (uint32_t)ranks->rank;
}

uint32_t tyto_ranks_num(const struct tyto_ranks *ranks)
{
    return (uint32_t)ranks->num;
}

static enum tyto_err make_room(struct tyto_ranks *ranks, uint64_t share)
{
    const size_t num_bytes = (size_t)share * (size_t)ranks->num * sizeof(float);

    if (share <= ranks->cap)
        return TYTO_OK;
    free(ranks->parts);
    free(ranks->padded);
    ranks->cap = 0;
    ranks->parts = malloc(num_bytes);
    ranks->padded = malloc(num_bytes);
    if (!ranks->parts || !ranks->padded)
        return TYTO_ERR_NOMEM;
    ranks->cap = share;
    return TYTO_OK;
}

enum tyto_err tyto_ranks_sum(struct tyto_ranks *ranks, float *values, uint64_t num)
{
    const uint64_t num_ranks = (uint64_t)ranks->num, share = (num + num_ranks - 1) / num_ranks;
    float *mine = NULL;
    enum tyto_err err = TYTO_OK;

    if (ranks->num == 1)
        return TYTO_OK;
    if (share > INT32_MAX)
        return TYTO_ERR_SHAPE;
    err = make_room(ranks, share);
    if (err)
        return err;
    for (uint64_t i = 0; i < share * num_ranks; i++)
        ranks->padded[i] = i < num ? values[i] : 0;
    if (MPI_Alltoall(ranks->padded, (int)share, MPI_FLOAT, ranks->parts, (int)share, MPI_FLOAT,
                     MPI_COMM_WORLD) != MPI_SUCCESS)
        return TYTO_ERR_IO;
    mine = ranks->parts;
    for (uint64_t i = 0; i < share; i++) {
        double sum = 0;

        for (uint64_t rank = 0; rank < num_ranks; rank++)
            sum += (double)ranks->parts[rank * share + i];
        mine[i] = (float)sum;
    }
    if (MPI_Allgather(mine, (int)share, MPI_FLOAT, ranks->padded, (int)share, MPI_FLOAT,
                      MPI_COMM_WORLD) != MPI_SUCCESS)
        return TYTO_ERR_IO;
    for (uint64_t i = 0; i < num; i++)
        values[i] = ranks->padded[i];
    return TYTO_OK;
}

void tyto_ranks_abort(struct tyto_ranks *ranks, int exit_code)
{
    if (ranks->has_mpi && ranks->num > 1)
        (void)MPI_Abort(MPI_COMM_WORLD, exit_code);
    exit(exit_code);
}
