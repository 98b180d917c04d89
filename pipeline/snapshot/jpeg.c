/* SPDX-License-Identifier: MIT */
#include "pipeline/snapshot/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

enum { SPARE_BYTES = 65536 };

/* libjpeg's way out of an error: it must not return. */
struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf out;
};

static void leave(j_common_ptr codec)
{
    struct failure *failure = (struct failure *)codec->err;
    longjmp(failure->out, 1);
}

static void say_nothing(j_common_ptr codec)
{
    (void)codec;
}

enum tyto_err tyto_jpeg_write(const struct tyto_canvas *canvas, uint32_t quality,
                              uint8_t **ret_bytes, size_t *ret_num_bytes)
{
    struct jpeg_compress_struct codec;
    struct failure failure;
    /* More than it can take: the buffer is never exchanged for a larger one. */
    unsigned long num = (unsigned long)canvas->width * canvas->height * 3 + SPARE_BYTES;
    unsigned char *bytes = malloc(num);
    unsigned char *written = bytes;
    if (!bytes)
        return TYTO_ERR_NOMEM;
    codec.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    failure.manager.output_message = say_nothing;
    if (setjmp(failure.out) != 0) {
        jpeg_destroy_compress(&codec);
        free(bytes);
        return TYTO_ERR_INTERNAL;
    }
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &written, &num);
    codec.image_width = canvas->width;
    codec.image_height = canvas->height;
    codec.input_components = 3;
    codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, (int)quality, TRUE);
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < codec.image_height) {
        JSAMPROW row = canvas->rgb + (size_t)codec.next_scanline * canvas->width * 3;
        (void)jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    if (written != bytes)
        free(bytes);
    *ret_bytes = written;
    *ret_num_bytes = num;
    return TYTO_OK;
}

bool tyto_jpeg_is_there(void)
{
    return true;
}
