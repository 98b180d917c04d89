/* SPDX-License-Identifier: MIT */
#include "base/err.h"

const char *tyto_err_text(enum tyto_err err)
{
#define TYTO_ERR_CASE(name, value, text)                                                           \
    case TYTO_ERR_##name:                                                                          \
        return text;
    switch (err) {
        TYTO_ERR_LIST(TYTO_ERR_CASE)
    }
#undef TYTO_ERR_CASE
    return "unknown error";
}
