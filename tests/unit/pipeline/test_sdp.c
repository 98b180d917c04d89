/* SPDX-License-Identifier: MIT */
/* What is left of session descriptions, hostile ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <gst/sdp/gstsdpmessage.h>

#include "pipeline/source/sdp.h"

static const bool both[TYTO_NUM_STREAMS] = {true, true};

static GString *begin_text(void)
{
    return g_string_new("v=0\r\no=- 0 0 IN IP4 0\r\ns=x\r\nt=0 0\r\n");
}

static void add_media(GString *text, const char *kind, const char *formats, uint32_t num_attributes)
{
    g_string_append_printf(text, "m=%s 0 RTP/AVP %s\r\n", kind, formats);
    for (uint32_t i = 0; i < num_attributes; i++)
        g_string_append_printf(text, "a=control:t%u\r\n", i);
}

/* Taken: text. */
static GstSDPMessage *parse(GString *text)
{
    GstSDPMessage *sdp = NULL;
    assert_int_equal(gst_sdp_message_new(&sdp), GST_SDP_OK);
    assert_int_equal(gst_sdp_message_parse_buffer((const guint8 *)text->str, (guint)text->len, sdp),
                     GST_SDP_OK);
    g_string_free(text, TRUE);
    return sdp;
}

static void the_first_stream_of_each_wanted_kind_is_left(void **state)
{
    (void)state;
    static const struct {
        bool wanted[TYTO_NUM_STREAMS];
        uint32_t num;
        const char *first;
    } cases[] = {
        {{true, true}, 2, "video"}, {{true, false}, 1, "audio"}, {{false, true}, 1, "video"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char said[160] = "";
        GString *text = begin_text();
        add_media(text, "application", "107", 1);
        add_media(text, "video", "96", 1);
        add_media(text, "video", "97", 1);
        add_media(text, "audio", "0", 1);
        add_media(text, "audio", "8", 1);
        GstSDPMessage *sdp = parse(text);
        assert_int_equal(tyto_sdp_cut(sdp, cases[i].wanted, said, sizeof(said)), TYTO_OK);
        assert_int_equal(gst_sdp_message_medias_len(sdp), cases[i].num);
        const GstSDPMedia *media = gst_sdp_message_get_media(sdp, 0);
        assert_string_equal(gst_sdp_media_get_media(media), cases[i].first);
        const bool is_video = strcmp(cases[i].first, "video") == 0;
        assert_string_equal(gst_sdp_media_get_format(media, 0), is_video ? "96" : "0");
        gst_sdp_message_free(sdp);
    }
}

static void too_many_streams_leave_nothing(void **state)
{
    (void)state;
    for (uint32_t num = TYTO_SDP_MAX_MEDIA; num <= TYTO_SDP_MAX_MEDIA + 1; num++) {
        char said[160] = "";
        GString *text = begin_text();
        for (uint32_t i = 0; i < num; i++)
            add_media(text, "video", "96", 1);
        GstSDPMessage *sdp = parse(text);
        const enum tyto_err err = tyto_sdp_cut(sdp, both, said, sizeof(said));
        assert_int_equal(err, num > TYTO_SDP_MAX_MEDIA ? TYTO_ERR_UNSUPPORTED : TYTO_OK);
        assert_int_equal(gst_sdp_message_medias_len(sdp), !err ? 1 : 0);
        assert_int_equal(strstr(said, "17 streams") != NULL, err ? 1 : 0);
        gst_sdp_message_free(sdp);
    }
}

static void formats_and_attributes_are_bounded(void **state)
{
    (void)state;
    char said[160] = "";
    GString *text = begin_text();
    for (uint32_t i = 0; i < 5000; i++)
        g_string_append(text, "a=tool:x\r\n");
    GString *formats = g_string_new("96");
    for (uint32_t i = 0; i < 5000; i++)
        g_string_append(formats, " 97");
    add_media(text, "video", formats->str, 5000);
    g_string_free(formats, TRUE);
    GstSDPMessage *sdp = parse(text);
    assert_int_equal(tyto_sdp_cut(sdp, both, said, sizeof(said)), TYTO_OK);
    const GstSDPMedia *media = gst_sdp_message_get_media(sdp, 0);
    assert_int_equal(gst_sdp_message_attributes_len(sdp), TYTO_SDP_MAX_ATTRIBUTES);
    assert_int_equal(gst_sdp_media_formats_len(media), TYTO_SDP_MAX_FORMATS);
    assert_int_equal(gst_sdp_media_attributes_len(media), TYTO_SDP_MAX_ATTRIBUTES);
    assert_string_equal(gst_sdp_media_get_format(media, 0), "96");
    gst_sdp_message_free(sdp);
}

static void a_description_without_anything_wanted_says_so(void **state)
{
    (void)state;
    char said[160] = "";
    GString *text = begin_text();
    add_media(text, "application", "107", 1);
    GstSDPMessage *sdp = parse(text);
    assert_int_equal(tyto_sdp_cut(sdp, both, said, sizeof(said)), TYTO_ERR_UNSUPPORTED);
    assert_non_null(strstr(said, "no sound or picture"));
    gst_sdp_message_free(sdp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_stream_of_each_wanted_kind_is_left),
        cmocka_unit_test(too_many_streams_leave_nothing),
        cmocka_unit_test(formats_and_attributes_are_bounded),
        cmocka_unit_test(a_description_without_anything_wanted_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
