/* SPDX-License-Identifier: MIT */
#include "pipeline/container/ts_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SYNC = 0x47,
    NUM_SYNCS = 4, /* packets in a row that begin so */
    HEADER_BYTES = 4,
    ADAPTATION = 0x20,
    PAT_PID = 0,
    PAT_ID = 0,
    PMT_ID = 2,
    NO_PID = 0xFFFF,
    NUM_PLACES = 64,
    PLACE_BYTES = 1 << 20,
};

static uint16_t pid_of(const uint8_t *at)
{
    return (uint16_t)((at[0] & 0x1F) << 8 | at[1]);
}

static bool find_stride(const uint8_t *bytes, size_t num_bytes, struct tyto_ts_table *table)
{
    static const uint32_t ways[2][2] = {{TYTO_TS_PACKET_BYTES, 0}, {TYTO_TS_PACKET_BYTES + 4, 4}};
    for (int w = 0; w < 2; w++) {
        bool fits = num_bytes >= (size_t)ways[w][0] * NUM_SYNCS;
        for (uint32_t i = 0; fits && i < NUM_SYNCS; i++)
            fits = bytes[i * ways[w][0] + ways[w][1]] == SYNC;
        if (fits) {
            table->stride_bytes = ways[w][0];
            table->lead_bytes = ways[w][1];
            return true;
        }
    }
    return false;
}

/* The section that begins in this packet and lies in it whole; NULL: none. */
static const uint8_t *section_of(const uint8_t *packet, uint8_t id, size_t *ret_bytes)
{
    const bool begins = packet[1] & 0x40, has_payload = packet[3] & 0x10;
    const bool has_field = packet[3] & ADAPTATION; /* stuffing; a clock in it is left alone */
    if (!begins || !has_payload || (has_field && packet[4] > 0 && (packet[5] & 0x10)))
        return NULL;
    size_t at = HEADER_BYTES + (has_field ? 1 + (size_t)packet[4] : 0);
    if (at >= TYTO_TS_PACKET_BYTES)
        return NULL;
    at += 1 + (size_t)packet[at];
    if (at + 3 > TYTO_TS_PACKET_BYTES || packet[at] != id)
        return NULL;
    const size_t num = (size_t)((packet[at + 1] & 0x0F) << 8 | packet[at + 2]) + 3;
    if (at + num > TYTO_TS_PACKET_BYTES || num < 12 + 4)
        return NULL;
    *ret_bytes = num - 4; /* without its checksum */
    return packet + at;
}

/* Of the only programme; NO_PID: there are several, or none. */
static uint16_t table_pid_of(const uint8_t *section, size_t num_bytes)
{
    uint16_t pid = NO_PID;
    for (size_t at = 8; at + 4 <= num_bytes; at += 4) {
        if (section[at] == 0 && section[at + 1] == 0)
            continue; /* the network's */
        if (pid != NO_PID)
            return NO_PID;
        pid = pid_of(section + at + 2);
    }
    return pid;
}

static bool read_streams(const uint8_t *section, size_t num_bytes, struct tyto_ts_streams *ret)
{
    *ret = (struct tyto_ts_streams){0};
    size_t at = 12 + (size_t)((section[10] & 0x0F) << 8 | section[11]);
    for (; at + 5 <= num_bytes && ret->num < TYTO_TS_MAX_STREAMS; ret->num++) {
        ret->types[ret->num] = section[at];
        ret->pids[ret->num] = pid_of(section + at + 1);
        at += 5 + (size_t)((section[at + 3] & 0x0F) << 8 | section[at + 4]);
    }
    return at == num_bytes;
}

static bool holds(const struct tyto_ts_streams *all, const struct tyto_ts_streams *some)
{
    for (uint32_t i = 0; i < some->num; i++) {
        uint32_t k = 0;
        while (k < all->num && (all->pids[k] != some->pids[i] || all->types[k] != some->types[i]))
            k++;
        if (k == all->num)
            return false;
    }
    return true;
}

static void take_packet(struct tyto_ts_table *table, const uint8_t *packet)
{
    size_t num_bytes;
    struct tyto_ts_streams streams;
    const uint16_t pid = pid_of(packet + 1);
    const uint8_t *section = section_of(packet, pid == PAT_PID ? PAT_ID : PMT_ID, &num_bytes);
    if (!section || (pid != PAT_PID && pid != table->pid))
        return;
    if (pid == PAT_PID) {
        const uint16_t table_pid = table_pid_of(section, num_bytes);
        table->differs |= table_pid == NO_PID || (table->pid != NO_PID && table->pid != table_pid);
        table->pid = table_pid;
        return;
    }
    if (!read_streams(section, num_bytes, &streams))
        return;
    if (table->first.num == 0)
        table->first = streams;
    if (holds(&streams, &table->all) && streams.num > table->all.num) {
        table->all = streams;
        memcpy(table->packet, packet, sizeof(table->packet));
    }
    table->differs |= !holds(&table->all, &streams);
}

/* Packets that lie whole in bytes, which are the file's from offset on. */
static void take_bytes(struct tyto_ts_table *table, uint64_t offset, const uint8_t *bytes,
                       size_t num_bytes)
{
    size_t at =
        (size_t)((table->stride_bytes - offset % table->stride_bytes) % table->stride_bytes);
    for (; at + table->stride_bytes <= num_bytes; at += table->stride_bytes) {
        if (bytes[at + table->lead_bytes] == SYNC)
            take_packet(table, bytes + at + table->lead_bytes);
    }
}

static bool is_needed(const struct tyto_ts_table *table)
{
    return !table->differs && table->first.num > 0 && table->all.num > table->first.num;
}

bool tyto_ts_table_find_in(const uint8_t *bytes, size_t num_bytes, struct tyto_ts_table *ret_table)
{
    *ret_table = (struct tyto_ts_table){.pid = NO_PID};
    if (!find_stride(bytes, num_bytes, ret_table))
        return false;
    take_bytes(ret_table, 0, bytes, num_bytes);
    return is_needed(ret_table);
}

bool tyto_ts_table_find(const char *path, struct tyto_ts_table *ret_table)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = fd >= 0 ? malloc(PLACE_BYTES) : NULL;
    struct stat status;
    bool goes_on = bytes && fstat(fd, &status) == 0;
    *ret_table = (struct tyto_ts_table){.pid = NO_PID};
    for (uint64_t i = 0; goes_on && i < NUM_PLACES; i++) {
        const uint64_t size = (uint64_t)status.st_size;
        uint64_t offset = size > (uint64_t)NUM_PLACES * PLACE_BYTES
                              ? (size - PLACE_BYTES) / (NUM_PLACES - 1) * i
                              : i * PLACE_BYTES;
        /* The packet that a place's end has cut is the next one's first. */
        offset -= i > 0 && offset >= ret_table->stride_bytes ? ret_table->stride_bytes : 0;
        const ssize_t num = offset < size ? pread(fd, bytes, PLACE_BYTES, (off_t)offset) : 0;
        goes_on = num > 0 && (i > 0 || find_stride(bytes, (size_t)num, ret_table));
        if (goes_on)
            take_bytes(ret_table, offset, bytes, (size_t)num);
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
    return is_needed(ret_table);
}

void tyto_ts_table_exchange(const struct tyto_ts_table *table, uint64_t offset, uint8_t *bytes,
                            size_t num_bytes)
{
    size_t at =
        (size_t)((table->stride_bytes - offset % table->stride_bytes) % table->stride_bytes);
    for (; at + table->stride_bytes <= num_bytes; at += table->stride_bytes) {
        uint8_t *packet = bytes + at + table->lead_bytes;
        size_t num;
        if (packet[0] != SYNC || pid_of(packet + 1) != table->pid ||
            !section_of(packet, PMT_ID, &num))
            continue;
        packet[3] = (uint8_t)((packet[3] & ~ADAPTATION) | (table->packet[3] & ADAPTATION));
        memcpy(packet + HEADER_BYTES, table->packet + HEADER_BYTES,
               TYTO_TS_PACKET_BYTES - HEADER_BYTES);
    }
}
