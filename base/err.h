/* SPDX-License-Identifier: MIT */
/* Error codes of all rooms: 0 is success, every error is negative. One list
 * holds names and texts, so that no code can lack either. */
#ifndef TYTO_BASE_ERR_H
#define TYTO_BASE_ERR_H

#define TYTO_MUST_CHECK __attribute__((warn_unused_result))
#define TYTO_PRINTF(fmt_idx, args_idx) __attribute__((format(printf, fmt_idx, args_idx)))

/* X(NAME, value, text) */
#define TYTO_ERR_LIST(X)                                                                           \
    X(OK, 0, "success")                                                                            \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(INVALID, -2, "invalid argument or value")                                                    \
    X(IO, -3, "input/output error")                                                                \
    X(NOT_FOUND, -4, "not found")                                                                  \
    X(FORMAT, -5, "malformed data")                                                                \
    X(UNSUPPORTED, -6, "not supported")                                                            \
    X(SHAPE, -7, "shape out of limits")                                                            \
    X(TIMEOUT, -8, "timed out")                                                                    \
    X(FULL, -9, "full")                                                                            \
    X(EMPTY, -10, "empty")                                                                         \
    X(CLOSED, -11, "closed")                                                                       \
    X(DEVICE_LOST, -12, "Vulkan device lost")                                                      \
    X(NO_DEVICE, -13, "no Vulkan device")                                                          \
    X(EXISTS, -14, "exists already")                                                               \
    X(INTERNAL, -15, "internal error")

#define TYTO_ERR_ENUM_ENTRY(name, value, text) TYTO_ERR_##name = (value),
enum tyto_err { TYTO_ERR_LIST(TYTO_ERR_ENUM_ENTRY) };
#undef TYTO_ERR_ENUM_ENTRY
#define TYTO_OK TYTO_ERR_OK

/* The text of a code; never NULL, also for a number that is no code. Static. */
const char *tyto_err_text(enum tyto_err err);

#endif
