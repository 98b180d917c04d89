/* SPDX-License-Identifier: MIT */
#include "shaders/variants.h"

#include <string.h>

void tyto_variants_init(struct tyto_variants *variants, struct tyto_gpu *gpu)
{
    memset(variants, 0, sizeof(*variants));
    variants->gpu = gpu;
}

void tyto_variants_finish(struct tyto_variants *variants)
{
    for (uint32_t i = 0; i < variants->num; i++)
        tyto_kernel_destroy(&variants->list[i].kernel);
    variants->num = 0;
}

static bool is_same(const struct tyto_variant *have, const struct tyto_kernel_params *want)
{
    return have->spirv == want->spirv && have->num_binds == want->num_binds &&
           have->num_spec == want->num_spec &&
           memcmp(have->binds, want->binds, want->num_binds * sizeof(*want->binds)) == 0 &&
           memcmp(have->spec, want->spec, want->num_spec * sizeof(*want->spec)) == 0;
}

enum tyto_err tyto_variants_get(struct tyto_variants *variants,
                                const struct tyto_kernel_params *params,
                                const struct tyto_kernel **ret_kernel)
{
    struct tyto_variant *made = NULL;
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < variants->num; i++) {
        if (is_same(&variants->list[i], params)) {
            *ret_kernel = variants->list[i].kernel;
            return TYTO_OK;
        }
    }
    if (variants->num == TYTO_VARIANTS_MAX)
        return TYTO_ERR_FULL;
    made = &variants->list[variants->num];
    *made = (struct tyto_variant){
        .spirv = params->spirv, .num_binds = params->num_binds, .num_spec = params->num_spec};
    err = tyto_kernel_create(variants->gpu, params, &made->kernel); /* checks the numbers too */
    if (err)
        return err;
    memcpy(made->binds, params->binds, params->num_binds * sizeof(*params->binds));
    memcpy(made->spec, params->spec, params->num_spec * sizeof(*params->spec));
    *ret_kernel = made->kernel;
    variants->num++;
    return TYTO_OK;
}
