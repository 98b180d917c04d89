/* SPDX-License-Identifier: MIT */
/* Text from outside: what is sound in it. */
#include "base/text.h"

/* Of a lead byte: how many bytes follow; -1: it cannot lead. Overlong forms and surrogates are
 * refused by the range of the first that follows. */
static int follow_of(unsigned char lead, unsigned char *ret_min, unsigned char *ret_max)
{
    *ret_min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *ret_max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0x80)
        return 0;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 2;
    return lead >= 0xF0 && lead <= 0xF4 ? 3 : -1;
}

bool tyto_text_is_utf8(const char *bytes, size_t num_bytes)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + num_bytes;
    while (at < end) {
        unsigned char min, max;
        const int num = follow_of(*at++, &min, &max);
        if (num < 0 || end - at < num)
            return false;
        for (int i = 0; i < num; i++, at++, min = 0x80, max = 0xBF) {
            if (*at < min || *at > max)
                return false;
        }
    }
    return true;
}
