// SPDX-License-Identifier: MIT
// gemm_tile's product for real GPUs, behind the same epilogue: 64 lanes, x and the weights of 16 k at
// a time in shared memory. Lane (tx, ty) owns rows 4 ty.. and columns 4 tx.. of a 32x32 tile.
// Barriers are met by all lanes; no subgroup operation, so any subgroup size will do.
// The includer defines tile_load_at(row, k4): 4 k of row (any number; rows past the end copy the
// last one), 0 where k is past the end.

vec4 tile_load_at(uint row, uint k4);

// One more texel a row keeps the 8 rows that are read together out of each other's banks.
shared vec4 group_x[GEMM_GROUP_ROWS * (GEMM_GROUP_K4 + 1)];
shared vec4 group_w[4 * GEMM_GROUP_K4 * GEMM_LANES];

void group_load(uint row0, uint num_k4, uint first_k4)
{
    uint me = gl_LocalInvocationID.x;
    uint w_base = gl_WorkGroupID.x * num_k4 * 4 * GEMM_LANES;

    [[unroll]] for (uint i = 0; i < GEMM_GROUP_ROWS * GEMM_GROUP_K4; i += GEMM_GROUP_LANES) {
        uint at = i + me;
        uint r = at / GEMM_GROUP_K4;
        uint k4 = first_k4 + at % GEMM_GROUP_K4;
        vec4 v = tile_load_at(row0 + r, min(k4, num_k4 - 1));

        group_x[r * (GEMM_GROUP_K4 + 1) + at % GEMM_GROUP_K4] = k4 < num_k4 ? v : vec4(0.0);
    }
    [[unroll]] for (uint i = 0; i < 4 * GEMM_GROUP_K4 * GEMM_LANES; i += GEMM_GROUP_LANES) {
        uint at = i + me;
        uint k = first_k4 * 4 + at / GEMM_LANES;
        uint texel = min(k, num_k4 * 4 - 1) * GEMM_LANES + at % GEMM_LANES;

        group_w[at] = texelFetch(w_tex, int(w_base + texel));
    }
}

// Leaves rows 4 ty.. of the tile in acc[0..3].
void group_multiply(uint row0, uint num_k4)
{
    uint tx = gl_LocalInvocationID.x % GEMM_LANES;
    uint ty = gl_LocalInvocationID.x / GEMM_LANES;

    for (uint first_k4 = 0; first_k4 < num_k4; first_k4 += GEMM_GROUP_K4) {
        group_load(row0, num_k4, first_k4);
        barrier();
        [[unroll]] for (uint k4 = 0; k4 < GEMM_GROUP_K4; k4++) {
            vec4 x[4];

            [[unroll]] for (uint r = 0; r < 4; r++)
                x[r] = group_x[(ty * 4 + r) * (GEMM_GROUP_K4 + 1) + k4];
            [[unroll]] for (uint i = 0; i < 4; i++) {
                vec4 w = group_w[(k4 * 4 + i) * GEMM_LANES + tx];

                [[unroll]] for (uint r = 0; r < 4; r++)
                    acc[r] = fma(vec4(x[r][i]), w, acc[r]);
            }
        }
        barrier();
    }
}
