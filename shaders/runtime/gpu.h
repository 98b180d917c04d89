/* SPDX-License-Identifier: MIT */
/* The Vulkan runtime: devices, buffers, kernels, recorded plans. The only room
 * that includes Vulkan headers; everything above it programs against this page.
 * One thread owns a tyto_gpu and everything created from it.
 *
 * A plan is recorded once and submitted as often as wanted; what changes from
 * run to run lives in buffers, never in the recording. After a device loss
 * every call answers TYTO_ERR_DEVICE_LOST until the gpu is destroyed. */
#ifndef TYTO_SHADERS_RUNTIME_GPU_H
#define TYTO_SHADERS_RUNTIME_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

/* --- devices ---------------------------------------------------------------- */

enum tyto_gpu_kind {
    TYTO_GPU_KIND_OTHER,
    TYTO_GPU_KIND_CPU, /* a software driver: lavapipe */
    TYTO_GPU_KIND_INTEGRATED,
    TYTO_GPU_KIND_DISCRETE,
};

struct tyto_gpu_info {
    char name[256];
    char driver[256];
    uint32_t idx; /* what --device takes */
    enum tyto_gpu_kind kind;
    uint32_t api_version; /* as VK_MAKE_API_VERSION */
    uint32_t subgroup_size;
    uint32_t max_group_lanes;
    uint32_t max_group_count_x;
    uint32_t shared_bytes;
    uint32_t max_push_bytes;
    uint64_t max_storage_bytes;
    uint64_t max_texel_elements;
    uint64_t heap_bytes; /* of the largest device-local heap */
    bool fp16_storage;   /* 16-bit values in storage buffers */
    bool fp16_math;
    bool int64;        /* 64-bit integers in kernels, in subgroup shuffles too */
    bool coop_matrix;  /* cooperative matrix extension offered */
    bool usable;       /* has what every kernel needs */
    bool wants_groups; /* runs kernels' variants for real GPUs: wide groups, shared memory */
};

/* Fills up to cap infos; *ret_num is the number of devices there are. */
TYTO_MUST_CHECK
enum tyto_err tyto_gpu_list(struct tyto_gpu_info *ret_infos, uint32_t cap, uint32_t *ret_num);

struct tyto_gpu_params {
    const char *device;       /* NULL, "auto", "gpu", "cpu" or an index; auto prefers a real GPU */
    const char *cache_dir;    /* where the pipeline cache is kept; NULL: not kept */
    bool validate;            /* turn the validation layer on when it is installed */
    bool minimal;             /* use no optional feature: the poorest device there is, for tests */
    bool as_gpu;              /* wants_groups, unmapped DEVICE memory: a GPU's ways, for tests */
    bool profile;             /* plans run command by command, and time each: tyto_plan_part */
    bool timestamps;          /* plans ask the device for its own time: tyto_plan_device_ns */
    uint64_t wait_timeout_ns; /* bound on every wait; 0: 2 s, on a software driver 30 s */
    const struct tyto_log *log;
};

struct tyto_gpu;

/* TYTO_ERR_NO_DEVICE when none fits params->device; UNSUPPORTED when it lacks a needed feature. */
TYTO_MUST_CHECK
enum tyto_err tyto_gpu_create(const struct tyto_gpu_params *params, struct tyto_gpu **ret_gpu);
void tyto_gpu_destroy(struct tyto_gpu **gpu);
const struct tyto_gpu_info *tyto_gpu_get_info(const struct tyto_gpu *gpu);
/* Messages of severity warning or error that the validation layer has sent so far. */
uint64_t tyto_gpu_num_validation_messages(const struct tyto_gpu *gpu);
/* False when validate was asked for but the layer is not installed. */
bool tyto_gpu_is_validating(const struct tyto_gpu *gpu);

/* --- buffers ---------------------------------------------------------------- */

enum tyto_buf_kind {
    TYTO_BUF_DEVICE,   /* fast for kernels; mapped only where memory is unified */
    TYTO_BUF_UPLOAD,   /* mapped, coherent: host writes, kernels read */
    TYTO_BUF_READBACK, /* mapped, coherent and cached: kernels write, host reads */
};

struct tyto_buf;

/* Memory comes from the gpu's arena and is zeroed. Every buffer can be bound
 * as storage, as texels, and copied from or to. */
TYTO_MUST_CHECK
enum tyto_err tyto_buf_create(struct tyto_gpu *gpu, enum tyto_buf_kind kind, uint64_t size_bytes,
                              struct tyto_buf **ret_buf);
void tyto_buf_destroy(struct tyto_buf **buf);
uint64_t tyto_buf_size_bytes(const struct tyto_buf *buf);
/* Borrowed until the buffer is destroyed; NULL for a DEVICE buffer that is not mapped. */
void *tyto_buf_map(const struct tyto_buf *buf);
/* Synchronous, through the staging buffer where needed. TYTO_ERR_SHAPE out of range. */
TYTO_MUST_CHECK
enum tyto_err tyto_buf_write(struct tyto_buf *buf, uint64_t offset_bytes, const void *data,
                             uint64_t size_bytes);
TYTO_MUST_CHECK
enum tyto_err tyto_buf_read(const struct tyto_buf *buf, uint64_t offset_bytes, void *ret_data,
                            uint64_t size_bytes);

/* --- kernels ---------------------------------------------------------------- */

enum tyto_bind_kind {
    TYTO_BIND_STORAGE,       /* buffer SSBO */
    TYTO_BIND_TEXEL_RGBA32F, /* uniform textureBuffer, 16-byte texels (fast loads on lavapipe) */
    TYTO_BIND_TEXEL_R32F,
    TYTO_BIND_TEXEL_RGBA16F,
    TYTO_BIND_TEXEL_R8UI,
    TYTO_BIND_TEXEL_RGBA8UI,
};

enum { TYTO_KERNEL_MAX_BINDS = 12, TYTO_KERNEL_MAX_SPEC = 16 };

struct tyto_kernel_params {
    const char *name; /* for messages; borrowed until create returns */
    const uint32_t *spirv;
    size_t spirv_bytes;
    const enum tyto_bind_kind *binds; /* binding i of set 0 */
    uint32_t num_binds;
    uint32_t push_bytes;
    const uint32_t *spec; /* specialization constants 0..num_spec-1, as 32-bit patterns */
    uint32_t num_spec;
    uint32_t subgroup_size; /* required size; 0: the device's own */
};

struct tyto_kernel;

TYTO_MUST_CHECK
enum tyto_err tyto_kernel_create(struct tyto_gpu *gpu, const struct tyto_kernel_params *params,
                                 struct tyto_kernel **ret_kernel);
void tyto_kernel_destroy(struct tyto_kernel **kernel);

/* --- plans ------------------------------------------------------------------ */

/* A range of a buffer; size 0 means up to its end. Texel offsets are multiples
 * of 256 bytes, storage offsets too. */
struct tyto_bind {
    const struct tyto_buf *buf;
    uint64_t offset_bytes;
    uint64_t size_bytes;
};

struct tyto_plan;

TYTO_MUST_CHECK
enum tyto_err tyto_plan_create(struct tyto_gpu *gpu, const char *name, struct tyto_plan **ret_plan);
void tyto_plan_destroy(struct tyto_plan **plan);
/* Records one dispatch of gx*gy*gz groups. Kernel and buffers are borrowed until
 * the plan is destroyed; push is copied. Each dispatch sees what the ones before
 * it wrote, unless tyto_plan_concurrent() said otherwise. */
TYTO_MUST_CHECK
enum tyto_err tyto_plan_dispatch(struct tyto_plan *plan, const struct tyto_kernel *kernel,
                                 const struct tyto_bind *binds, const void *push, uint32_t gx,
                                 uint32_t gy, uint32_t gz);
TYTO_MUST_CHECK
enum tyto_err tyto_plan_copy(struct tyto_plan *plan, const struct tyto_buf *src,
                             uint64_t src_offset_bytes, struct tyto_buf *dst,
                             uint64_t dst_offset_bytes, uint64_t size_bytes);
/* The next dispatch does not depend on the one before it: no barrier between them. */
void tyto_plan_concurrent(struct tyto_plan *plan);
/* Ends the recording. */
TYTO_MUST_CHECK
enum tyto_err tyto_plan_finish(struct tyto_plan *plan);
/* Submits a finished plan and waits for it, at most wait_timeout_ns (then
 * TYTO_ERR_TIMEOUT, and the gpu counts as lost). */
TYTO_MUST_CHECK
enum tyto_err tyto_plan_run(struct tyto_plan *plan);

/* What the last run took by the device's own clock, without submission and wait: first command's
 * begin to last one's end. 0 before the first run, without timestamps in the gpu's params, with a
 * profile, and on software drivers (lavapipe takes its timestamps when all is done). */
uint64_t tyto_plan_device_ns(const struct tyto_plan *plan);

/* One command of a plan, with profile in the gpu's params. */
struct tyto_plan_part {
    const char *name;   /* the kernel's; borrowed until the plan is destroyed */
    uint32_t groups[3]; /* 0: a copy */
    uint64_t best_ns;   /* of all runs: CPU time of the process on a software driver, which other
                           programs disturb less, else by the device's own clock where it has one
                           and from submission to the end where not */
};
/* False when there is no command idx, or no profile. */
bool tyto_plan_part(const struct tyto_plan *plan, uint32_t idx, struct tyto_plan_part *ret_part);

#endif
