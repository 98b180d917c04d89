// SPDX-License-Identifier: MIT
// A tile of ROWS rows and 32 columns of x W^T in registers, and its way out: shared by gemm and
// conv. One subgroup of 8 lanes makes it; lane l owns columns 4l..4l+3 of the panel.
//
// Written for lavapipe, correct anywhere: a texel fetch is one call and a shuffle by a constant one
// instruction there, while a broadcast, a branch or an array in a loop is dozens. The product of
// one step is summed per row over all 4 k before the accumulator goes back to the stack.
// STORE64 writes pairs of floats as 64-bit words, half the work of lavapipe's store loop. WIDE_STORE64
// puts two rows side by side first, so that a lane has 8 floats in a row to write: a third less again.
// GROUP is for real GPUs: see gemm_group.glsl, whose tile_row and tile_load the includer defines.
// SCALAR reads x and residual and writes y float by float: any alignment, any N.
// Needs before: push constants p with n, slope, clamp_min; for GROUP, GROUP_ROW. The includer defines
// tile_load_row; for GROUP tile_num_k4 and what gemm_group.glsl asks for.

// The panel that tile_finish writes.
#ifdef GROUP
uint tile_panel;
layout(local_size_x = GEMM_GROUP_LANES) in;
#else
#define tile_panel gl_WorkGroupID.x
layout(local_size_x = GEMM_LANES) in;
#endif
layout(constant_id = 0) const uint ROWS = 16;
layout(constant_id = 1) const uint ACT = 0;
layout(constant_id = 2) const uint FLAGS = 0;
// 0 where subgroups are narrower than 8 (128-bit lavapipe): every lane then reads each row itself.
layout(constant_id = 3) const uint SHUFFLE = 1;

layout(binding = 0) uniform textureBuffer x_tex;
layout(binding = 1) uniform textureBuffer w_tex;
layout(binding = 2) uniform textureBuffer bias_tex;
layout(binding = 3) uniform textureBuffer residual_tex;
#if defined(SCALAR)
layout(binding = 4) writeonly buffer Y { float y[]; };
#elif defined(WIDE_STORE64)
layout(binding = 4) writeonly buffer Y { u64vec4 y[]; };
#elif defined(STORE64)
layout(binding = 4) writeonly buffer Y { u64vec2 y[]; };
#else
layout(binding = 4) writeonly buffer Y { vec4 y[]; };
#endif

vec4 acc[GEMM_MAX_ROWS];

// A group is one subgroup, or part of one, unless SHUFFLE is 0. The subgroup's number of the lane is
// a constant vector on lavapipe.
uint tile_lane()
{
#ifdef GROUP
    return gl_LocalInvocationID.x % GEMM_LANES;
#endif
    return SHUFFLE == 0 ? gl_LocalInvocationID.x : gl_SubgroupInvocationID;
}

void tile_clear()
{
    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++)
        acc[r] = vec4(0.0);
}

#ifdef GROUP
uint tile_num_k4(); // k of the product, in fours
#else
// The 4 k of the current step of row row0 + r.
vec4 tile_load_row(uint r);
#endif

#ifndef GROUP
// xa and xb hold 4 k of the rows: lane l has row l in xa and row l + 8 in xb. w_at is the texel of
// the lane's first weight.
void tile_multiply(vec4 xa, vec4 xb, uint w_at)
{
    vec4 w[4];

    [[unroll]] for (uint i = 0; i < 4; i++)
        w[i] = texelFetch(w_tex, int(w_at + i * GEMM_LANES));
    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++) {
        if (r < ROWS) {
            vec4 from = SHUFFLE == 0 ? tile_load_row(r) : r < GEMM_LANES ? xa : xb;
            vec4 sum = acc[r];
            float x[4];

            [[unroll]] for (uint i = 0; i < 4; i++)
                x[i] = SHUFFLE == 0 ? from[i] : subgroupShuffle(from[i], r % GEMM_LANES);
            [[unroll]] for (uint c = 0; c < 4; c++)
                [[unroll]] for (uint i = 0; i < 4; i++)
                    sum[c] += x[i] * w[i][c];
            acc[r] = sum;
        }
    }
}
#endif

vec4 tile_residual(uint at, uint num)
{
#ifdef SCALAR
    vec4 v = vec4(0.0);

    [[unroll]] for (uint i = 0; i < 4; i++)
        v[i] = texelFetch(residual_tex, int(at + min(i, num - 1))).x;
    return v;
#else
    return texelFetch(residual_tex, int(at / 4));
#endif
}

#if defined(STORE64) || defined(WIDE_STORE64)
u64vec2 pairs_of(vec4 v)
{
    return u64vec2(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#endif

#ifdef WIDE_STORE64
// Rows row and row + 1 as they leave: lanes 0..3 write the first, 4..7 the second, 8 columns each.
void tile_put_two(uint row, uint num_rows, uint y_at, uint y_row, vec4 first, vec4 second)
{
    uint lane = gl_SubgroupInvocationID;
    uint col = gl_WorkGroupID.x * GEMM_PANEL + lane % 4 * 8;
    uint at = y_at + min(row + lane / 4, num_rows - 1) * y_row + col;
    vec4 low, high;

    [[unroll]] for (uint i = 0; i < 4; i++) {
        float low_0 = subgroupShuffle(first[i], lane % 4 * 2);
        float low_1 = subgroupShuffle(second[i], lane % 4 * 2);
        float high_0 = subgroupShuffle(first[i], lane % 4 * 2 + 1);
        float high_1 = subgroupShuffle(second[i], lane % 4 * 2 + 1);

        low[i] = lane < 4 ? low_0 : low_1;
        high[i] = lane < 4 ? high_0 : high_1;
    }
    if (col < p.n)
        y[at / 8] = u64vec4(pairs_of(low), pairs_of(high));
}
#else
void tile_put(uint row, uint num_rows, uint y_at, uint y_row, vec4 v)
{
    uint col = tile_panel * GEMM_PANEL + tile_lane() * 4;
    uint at = y_at + min(row, num_rows - 1) * y_row + col;

    if (col >= p.n)
        return;
#ifdef GROUP
    // Another lane has the last row, and residual may be y: a copy made later would count it twice.
    if (row >= num_rows)
        return;
#endif
#if defined(SCALAR)
    [[unroll]] for (uint i = 0; i < 4; i++)
        if (col + i < p.n)
            y[at + i] = v[i];
#elif defined(STORE64)
    y[at / 4] = pairs_of(v);
#else
    y[at / 4] = v;
#endif
}
#endif

// Rows row0.. of y, num_rows of them exist. Rows past the end are copies of the last one (their x
// was), so they may be written to its place.
void tile_finish(uint row0, uint num_rows, uint y_at, uint y_row, uint r_at, uint r_row)
{
    uint col = tile_panel * GEMM_PANEL + tile_lane() * 4;
    uint r_col = min(col, p.n - 1); // columns past the end are read from somewhere, and not written
    vec4 bias = (FLAGS & GEMM_BIAS) != 0 ? texelFetch(bias_tex, int(col / 4)) : vec4(0.0);

    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r++) {
        if (r < ROWS) {
            uint row = min(row0 + r, num_rows - 1);
            vec4 v = acc[r] + bias;

            if ((FLAGS & GEMM_RESIDUAL) != 0)
                v += tile_residual(r_at + row * r_row + r_col, p.n - r_col);
            v = tyto_act(ACT, v, p.slope);
            if ((FLAGS & GEMM_CLAMP_MIN) != 0)
                v = max(v, vec4(p.clamp_min));
            acc[r] = v;
        }
    }
    [[unroll]] for (uint r = 0; r < GEMM_MAX_ROWS; r += 2) {
        if (r < ROWS) {
#ifdef WIDE_STORE64
            tile_put_two(row0 + r, num_rows, y_at, y_row, acc[r], acc[r + 1]);
#else
            tile_put(row0 + r, num_rows, y_at, y_row, acc[r]);
            tile_put(row0 + r + 1, num_rows, y_at, y_row, acc[r + 1]);
#endif
        }
    }
}

#ifdef GROUP
#include "shaders/gemm/gemm_group.glsl"

vec4 tile_load_w(uint panel, uint k, uint lane)
{
    uint num_k = tile_num_k4() * 4;
    uint last = (p.n - 1) / GEMM_PANEL;

    return texelFetch(w_tex, int((min(panel, last) * num_k + k) * GEMM_LANES + lane));
}

// A group's tile, from the product to what is written.
void group_tile(uint num_rows, uint y_at, uint y_row, uint r_at, uint r_row)
{
    uint first = gl_WorkGroupID.y * GROUP_ROWS;
    uint row0 = first + gl_LocalInvocationID.x / GEMM_LANES * GROUP_LANE_ROWS;

    tile_clear();
    group_multiply(first, tile_num_k4());
    [[unroll]] for (uint c = 0; c < GROUP_PANELS; c++) {
        [[unroll]] for (uint r = 0; r < GROUP_LANE_ROWS; r++)
            acc[r] = acc[c * GROUP_LANE_ROWS + r];
        tile_panel = gl_WorkGroupID.x * GROUP_PANELS + c;
        tile_finish(row0, num_rows, y_at, y_row, r_at, r_row);
    }
}
#endif
