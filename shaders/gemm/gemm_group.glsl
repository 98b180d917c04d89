// SPDX-License-Identifier: MIT
// Products for real GPUs: 64 lanes, both operands of 16 k at a time in shared memory, those of the
// next 16 already on their way in registers. Lane (tx, ty) owns GROUP_LANE_ROWS rows from
// ty * GROUP_LANE_ROWS on and columns 4 tx.. of each of GROUP_PANELS panels of 32: a 32x32 tile, or
// with BIG 64x64, which reads half as much for a product and wants many groups.
// Barriers are met by all lanes; no subgroup operation, so any subgroup size will do.
// The includer defines vec4 acc[GROUP_PANELS * GROUP_LANE_ROWS] or more, cleared, and
//   GROUP_ROW, tile_row(row)     what the loads of a row need (any row: past the end the last one's)
//   tile_load(GROUP_ROW, k4)     4 k of it
//   tile_load_w(panel, k, lane)  4 columns of the weights at k; any panel and k below 4 num_k4

GROUP_ROW tile_row(uint row);
vec4 tile_load(GROUP_ROW row, uint k4);
vec4 tile_load_w(uint panel, uint k, uint lane);

const uint GROUP_X_LOADS = GROUP_ROWS * GEMM_GROUP_K4 / GEMM_GROUP_LANES;
const uint GROUP_COLS = GROUP_PANELS * GEMM_LANES; // texels in a row of the weights' part
const uint GROUP_W_LOADS = 4 * GEMM_GROUP_K4 * GROUP_COLS / GEMM_GROUP_LANES;

// One more texel a row, and one more a lane's rows, keep what is read and written together out of
// each other's banks.
shared vec4 group_x[GROUP_ROWS * (GEMM_GROUP_K4 + 1) + GEMM_GROUP_LANES / GEMM_LANES];
shared vec4 group_w[4 * GEMM_GROUP_K4 * GROUP_COLS];

vec4 group_next_x[GROUP_X_LOADS];
vec4 group_next_w[GROUP_W_LOADS];
GROUP_ROW group_row[GROUP_X_LOADS]; // of what this lane loads

uint group_x_at(uint row, uint k4)
{
    return row * (GEMM_GROUP_K4 + 1) + row / GROUP_LANE_ROWS + k4;
}

void group_fetch(uint first_k4, uint num_k4)
{
    uint me = gl_LocalInvocationID.x;
    uint k4 = first_k4 + me % GEMM_GROUP_K4;

    [[unroll]] for (uint i = 0; i < GROUP_X_LOADS; i++) {
        vec4 v = tile_load(group_row[i], min(k4, num_k4 - 1));

        group_next_x[i] = k4 < num_k4 ? v : vec4(0.0);
    }
    [[unroll]] for (uint i = 0; i < GROUP_W_LOADS; i++) {
        uint at = i * GEMM_GROUP_LANES + me;
        uint k = min(first_k4 * 4 + at / GROUP_COLS, num_k4 * 4 - 1);
        uint col = at % GROUP_COLS;

        group_next_w[i] = tile_load_w(gl_WorkGroupID.x * GROUP_PANELS + col / GEMM_LANES, k,
                                      col % GEMM_LANES);
    }
}

void group_put()
{
    uint me = gl_LocalInvocationID.x;

    [[unroll]] for (uint i = 0; i < GROUP_X_LOADS; i++)
        group_x[group_x_at((i * GEMM_GROUP_LANES + me) / GEMM_GROUP_K4, me % GEMM_GROUP_K4)] =
            group_next_x[i];
    [[unroll]] for (uint i = 0; i < GROUP_W_LOADS; i++)
        group_w[i * GEMM_GROUP_LANES + me] = group_next_w[i];
}

void group_step(uint tx, uint ty, uint k4)
{
    vec4 x[GROUP_LANE_ROWS];

    [[unroll]] for (uint r = 0; r < GROUP_LANE_ROWS; r++)
        x[r] = group_x[group_x_at(ty * GROUP_LANE_ROWS + r, k4)];
    [[unroll]] for (uint i = 0; i < 4; i++) {
        [[unroll]] for (uint c = 0; c < GROUP_PANELS; c++) {
            vec4 w = group_w[(k4 * 4 + i) * GROUP_COLS + c * GEMM_LANES + tx];

            [[unroll]] for (uint r = 0; r < GROUP_LANE_ROWS; r++)
                acc[c * GROUP_LANE_ROWS + r] = fma(vec4(x[r][i]), w, acc[c * GROUP_LANE_ROWS + r]);
        }
    }
}

// Leaves row r of the lane's rows in panel c in acc[c * GROUP_LANE_ROWS + r].
void group_multiply(uint row0, uint num_k4)
{
    uint me = gl_LocalInvocationID.x;

    [[unroll]] for (uint i = 0; i < GROUP_X_LOADS; i++)
        group_row[i] = tile_row(row0 + (i * GEMM_GROUP_LANES + me) / GEMM_GROUP_K4);
    group_fetch(0, num_k4);
    for (uint first_k4 = 0; first_k4 < num_k4; first_k4 += GEMM_GROUP_K4) {
        barrier();
        group_put();
        barrier();
        if (first_k4 + GEMM_GROUP_K4 < num_k4)
            group_fetch(first_k4 + GEMM_GROUP_K4, num_k4);
        [[unroll]] for (uint k4 = 0; k4 < GEMM_GROUP_K4; k4++)
            group_step(me % GEMM_LANES, me / GEMM_LANES, k4);
    }
}
