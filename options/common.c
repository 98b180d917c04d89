/* SPDX-License-Identifier: MIT */
#include "options/common.h"

#include <string.h>

enum tyto_err tyto_option_check_device(const char *text, struct tyto_fault *ret_fault)
{
    const size_t len = strlen(text);
    const bool is_word =
        strcmp(text, "auto") == 0 || strcmp(text, "gpu") == 0 || strcmp(text, "cpu") == 0;
    if (is_word || (len >= 1 && len <= 3 && strspn(text, "0123456789") == len))
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "'%.40s' must be auto, gpu, cpu or an index of `tyto devices`", text);
}
