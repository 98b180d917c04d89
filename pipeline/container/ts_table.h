/* SPDX-License-Identifier: MIT */
/* MPEG-TS whose programme names a stream later than at its begin: demuxers go by the first table
 * (PMT) that they see, and leave out what a later one adds. A file can be looked through before;
 * then each table is exchanged for the one that names all. Plain computation but for reading. */
#ifndef TYTO_PIPELINE_CONTAINER_TS_TABLE_H
#define TYTO_PIPELINE_CONTAINER_TS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TYTO_TS_PACKET_BYTES = 188, TYTO_TS_MAX_STREAMS = 32 };

struct tyto_ts_streams {
    uint32_t num;
    uint16_t pids[TYTO_TS_MAX_STREAMS];
    uint8_t types[TYTO_TS_MAX_STREAMS];
};

struct tyto_ts_table {
    uint32_t stride_bytes, lead_bytes; /* of packets: 188 and 0, or 192 and 4 (M2TS) */
    uint16_t pid;                      /* of the tables */
    struct tyto_ts_streams first, all;
    uint8_t packet[TYTO_TS_PACKET_BYTES]; /* the table that names all */
    bool differs; /* a table names what another does not: not to be exchanged */
};

/* Looks through a file, at 64 places where it is large. True: later tables name more than the
 * first, and one of them names all. */
bool tyto_ts_table_find(const char *path, struct tyto_ts_table *ret_table);
/* The same of a file in memory. */
bool tyto_ts_table_find_in(const uint8_t *bytes, size_t num_bytes, struct tyto_ts_table *ret_table);
/* Exchanges the tables in a file's bytes from offset on. Those at the edges stay as they are. */
void tyto_ts_table_exchange(const struct tyto_ts_table *table, uint64_t offset, uint8_t *bytes,
                            size_t num_bytes);

#endif
