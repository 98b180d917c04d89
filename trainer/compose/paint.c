/* SPDX-License-Identifier: MIT */
/* Pictures are kept about as large as they will be drawn; drawing interpolates, so that motion is
 * smooth, in whole numbers. */
#include "trainer/compose/paint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "trainer/compose/place.h"

enum { GRAIN_LEN = 1 << 16, FULL_OPACITY = 256, FULL_LIGHT = 256, BLACK = 16, WHITE = 235 };

struct tyto_compose_painter {
    struct tyto_compose_scene *scene;
    const struct tyto_compose_motions *motions; /* NULL: none */
    uint32_t width_px, height_px;
    struct tyto_compose_planes places[TYTO_COMPOSE_MAX_ACTS];
    struct tyto_compose_planes objects[TYTO_COMPOSE_MAX_OBJECTS];
    int8_t *grain;      /* owned: GRAIN_LEN + width values */
    uint8_t *lines;     /* owned: three rows, for the blur */
    uint16_t *mixed[2]; /* owned: as long as the widest planes' rows */
    uint64_t random;
    double phases[3]; /* of shake and drift */
    uint8_t u_of[256], v_of[256];
};

/* --- reading ------------------------------------------------------------------------------- */

/* So large that its height and width are at most these. */
static enum tyto_err fit(struct tyto_compose_rgba *image, double max_width, double max_height)
{
    const double width = image->width_px, height = image->height_px;
    const double scale = fmin(max_width / width, max_height / height);
    const double part[4] = {0, 0, width, height};
    struct tyto_compose_rgba fitted;
    const enum tyto_err err =
        tyto_compose_resize(image, part, (uint32_t)fmax(2, width * scale + 0.5),
                            (uint32_t)fmax(2, height * scale + 0.5), &fitted);
    if (!err) {
        tyto_compose_rgba_finish(image);
        *image = fitted;
    }
    return err;
}

/* Filling the frame: a part with the frame's aspect, as large as can be. */
static enum tyto_err fill(struct tyto_compose_rgba *image, uint32_t width_px, uint32_t height_px)
{
    const double width = image->width_px, height = image->height_px;
    const double aspect = (double)width_px / height_px;
    /* what is out of shape by up to a third is squeezed rather than cut */
    const double kept_w = fmin(width, height * aspect * 1.33);
    const double kept_h = fmin(height, width / aspect * 1.33);
    const double part[4] = {(width - kept_w) / 2, (height - kept_h) / 2, (width + kept_w) / 2,
                            (height + kept_h) / 2};
    struct tyto_compose_rgba filled;
    const enum tyto_err err = tyto_compose_resize(image, part, width_px, height_px, &filled);
    if (!err) {
        tyto_compose_rgba_finish(image);
        *image = filled;
    }
    return err;
}

static enum tyto_err shape_object(const struct tyto_compose_painter *painter,
                                  struct tyto_compose_object *object,
                                  struct tyto_compose_rgba *image)
{
    const double frame_h = painter->height_px, frame_w = painter->width_px;
    if (object->look == TYTO_COMPOSE_FILLING)
        return fill(image, painter->width_px, painter->height_px);
    enum tyto_err err = fit(image, frame_w, frame_h);
    if (err)
        return err;
    if (object->look == TYTO_COMPOSE_CUT_OUT && !tyto_compose_cut_out(image))
        object->look = TYTO_COMPOSE_OVAL;
    if (object->look == TYTO_COMPOSE_OVAL)
        tyto_compose_soften_oval(image);
    if (object->look == TYTO_COMPOSE_RECTANGLE)
        tyto_compose_soften_edges(image);
    object->aspect = (float)image->width_px / (float)image->height_px;
    const double largest = (double)object->height * fmax(1, (double)object->grow);
    return fit(image, (double)object->max_width * frame_w, largest * frame_h);
}

static void mirror(struct tyto_compose_rgba *image)
{
    for (uint32_t y = 0; y < image->height_px; y++) {
        uint8_t *row = image->pixels + (size_t)y * image->width_px * 4;
        for (uint32_t i = 0, j = image->width_px - 1; i < j; i++, j--) {
            uint8_t kept[4];
            memcpy(kept, row + (size_t)i * 4, 4);
            memcpy(row + (size_t)i * 4, row + (size_t)j * 4, 4);
            memcpy(row + (size_t)j * 4, kept, 4);
        }
    }
}

static enum tyto_err load_object(struct tyto_compose_painter *painter,
                                 const struct tyto_compose_pictures *pictures, uint32_t idx,
                                 struct tyto_fault *ret_fault)
{
    struct tyto_compose_object *object = &painter->scene->objects[idx];
    struct tyto_compose_rgba image;
    enum tyto_err err = pictures->read(pictures->user, object->entry_idx, &image, ret_fault);
    if (err)
        return err;
    err = shape_object(painter, object, &image);
    if (!err) {
        if (object->is_mirrored)
            mirror(&image);
        err = tyto_compose_to_planes(&image, &painter->objects[idx]);
    }
    tyto_compose_rgba_finish(&image);
    return err;
}

/* A place is kept at 1.3 times the frame's size: zoomed in a little, it is a little soft. */
static enum tyto_err load_place(struct tyto_compose_painter *painter,
                                const struct tyto_compose_pictures *pictures, uint32_t idx,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_compose_act *act = &painter->scene->acts[idx];
    const uint32_t width = painter->width_px * 13 / 10, height = painter->height_px * 13 / 10;
    struct tyto_compose_rgba image;
    enum tyto_err err;
    if (act->place_idx == TYTO_COMPOSE_NO_ENTRY) {
        err = tyto_compose_make_place(act->seed, width, height, &image);
    } else {
        err = pictures->read(pictures->user, act->place_idx, &image, ret_fault);
        if (!err) {
            err = fill(&image, width, height);
            if (err)
                tyto_compose_rgba_finish(&image);
        }
    }
    if (err)
        return err;
    if (act->blur > 0.2f) { /* out of focus: made small, and large again */
        const double small = 1 - 0.85 * (double)act->blur;
        err = fit(&image, width * small, height * small);
        if (!err)
            err = fit(&image, width, height);
    }
    if (!err)
        err = tyto_compose_to_planes(&image, &painter->places[idx]);
    tyto_compose_rgba_finish(&image);
    return err;
}

/* --- making -------------------------------------------------------------------------------- */

static void make_grain(struct tyto_compose_painter *painter, float sigma)
{
    for (size_t i = 0; i < GRAIN_LEN + (size_t)painter->width_px; i++) {
        /* the sum of four uniform bytes has a deviation of 147.8 */
        const uint64_t bits = tyto_random_bits(&painter->random);
        const int sum = (int)(bits & 255) + (int)(bits >> 8 & 255) + (int)(bits >> 16 & 255) +
                        (int)(bits >> 24 & 255) - 510;
        painter->grain[i] = (int8_t)fmaxf(-127, fminf(127, rintf((float)sum * sigma / 147.8f)));
    }
}

static enum tyto_err make_lines(struct tyto_compose_painter *painter)
{
    uint32_t widest = 1;
    for (uint32_t i = 0; i < painter->scene->num_acts; i++)
        widest = painter->places[i].width_px > widest ? painter->places[i].width_px : widest;
    for (uint32_t i = 0; i < painter->scene->num_objects; i++)
        widest = painter->objects[i].width_px > widest ? painter->objects[i].width_px : widest;
    for (int i = 0; i < 2; i++)
        painter->mixed[i] = malloc(widest * sizeof(*painter->mixed[i]));
    return painter->mixed[0] && painter->mixed[1] ? TYTO_OK : TYTO_ERR_NOMEM;
}

static uint8_t limit(double value)
{
    return (uint8_t)(value < 16 ? 16 : value > 240 ? 240 : value + 0.5);
}

enum tyto_err tyto_compose_painter_create(struct tyto_compose_scene *scene,
                                          const struct tyto_compose_options *options,
                                          const struct tyto_compose_pictures *pictures,
                                          const struct tyto_compose_motions *motions,
                                          struct tyto_compose_painter **ret_painter,
                                          struct tyto_fault *ret_fault)
{
    struct tyto_compose_painter *painter = calloc(1, sizeof(*painter));
    if (!painter)
        return TYTO_ERR_NOMEM;
    const struct tyto_compose_camera *camera = &scene->camera;
    painter->scene = scene;
    painter->motions = motions;
    painter->width_px = options->width_px;
    painter->height_px = options->height_px;
    painter->random = tyto_random_state(scene->seed, 1, 0);
    painter->grain = malloc(GRAIN_LEN + (size_t)options->width_px);
    painter->lines = malloc((size_t)options->width_px * 3);
    enum tyto_err err = painter->grain && painter->lines ? TYTO_OK : TYTO_ERR_NOMEM;
    for (uint32_t i = 0; !err && i < scene->num_acts; i++)
        err = load_place(painter, pictures, i, ret_fault);
    for (uint32_t i = 0; !err && i < scene->num_objects; i++)
        err = load_object(painter, pictures, i, ret_fault);
    if (!err)
        err = make_lines(painter);
    if (err) {
        tyto_compose_painter_destroy(&painter);
        return err;
    }
    make_grain(painter, camera->noise);
    for (int i = 0; i < 3; i++)
        painter->phases[i] = 2 * M_PI * tyto_random_share(&painter->random);
    for (int i = 0; i < 256; i++) {
        const double value = (i - 128) * (double)camera->saturation + 128;
        painter->u_of[i] = limit(value + (double)camera->tint_u);
        painter->v_of[i] = limit(value + (double)camera->tint_v);
    }
    *ret_painter = painter;
    return TYTO_OK;
}

void tyto_compose_painter_destroy(struct tyto_compose_painter **painter)
{
    if (!*painter)
        return;
    for (uint32_t i = 0; i < TYTO_COMPOSE_MAX_ACTS; i++)
        tyto_compose_planes_finish(&(*painter)->places[i]);
    for (uint32_t i = 0; i < TYTO_COMPOSE_MAX_OBJECTS; i++)
        tyto_compose_planes_finish(&(*painter)->objects[i]);
    free((*painter)->grain);
    free((*painter)->lines);
    free((*painter)->mixed[0]);
    free((*painter)->mixed[1]);
    free(*painter);
    *painter = NULL;
}

/* --- drawing -------------------------------------------------------------------------------- */

/* One plane, interpolated, into the box (pixels of the target, may lie outside). */
struct drawing {
    uint8_t *to;
    const uint8_t *from, *alpha; /* alpha NULL: opaque */
    int to_w, to_h, from_w, from_h;
    double x0, y0, x1, y1;
    int opacity;            /* of 256 */
    int light;              /* what brightness over black is multiplied by, of 256 */
    uint16_t *const *lines; /* two, as long as a row of from */
};

/* Two rows become one, of 16 bits. */
static void mix_rows(const uint8_t *above, const uint8_t *below, int share, int first, int last,
                     uint16_t *line)
{
    for (int i = first; i <= last; i++)
        line[i] = (uint16_t)(above[i] * (256 - share) + below[i] * share);
}

static int interpolate(const uint16_t *line, int i, int next, int share)
{
    return (line[i] * (256 - share) + line[next] * share) >> 16;
}

static void draw_row(const struct drawing *d, int y, int first, int last, int64_t sx, int64_t step)
{
    const double scale_y = d->from_h / (d->y1 - d->y0);
    const double at_y = fmin(fmax((y + 0.5 - d->y0) * scale_y - 0.5, 0), d->from_h - 1);
    const int row = (int)at_y, below = row + 1 < d->from_h ? row + 1 : row;
    const int share = (int)((at_y - row) * 256);
    const size_t at0 = (size_t)row * (size_t)d->from_w, at1 = (size_t)below * (size_t)d->from_w;
    const int64_t most = (int64_t)(d->from_w - 1) << 16, end = sx + step * (last - 1 - first);
    const int from_first = (int)((sx < 0 ? 0 : sx > most ? most : sx) >> 16);
    int from_last = (int)((end < 0 ? 0 : end > most ? most : end) >> 16) + 1;
    from_last = from_last < d->from_w ? from_last : d->from_w - 1;
    uint8_t *to = d->to + (size_t)y * (size_t)d->to_w;
    mix_rows(d->from + at0, d->from + at1, share, from_first, from_last, d->lines[0]);
    if (d->alpha)
        mix_rows(d->alpha + at0, d->alpha + at1, share, from_first, from_last, d->lines[1]);
    for (int x = first; x < last; x++, sx += step) {
        const int64_t at = sx < 0 ? 0 : sx > most ? most : sx;
        const int i = (int)(at >> 16), part = (int)(at >> 8 & 255);
        const int next = i + 1 < d->from_w ? i + 1 : i;
        int value = interpolate(d->lines[0], i, next, part);
        if (d->light != FULL_LIGHT) {
            value = BLACK + ((value - BLACK) * d->light >> 8);
            value = value > WHITE ? WHITE : value;
        }
        if (!d->alpha && d->opacity == FULL_OPACITY) {
            to[x] = (uint8_t)value;
            continue;
        }
        int cover = d->opacity;
        if (d->alpha)
            cover = interpolate(d->lines[1], i, next, part) * cover / 255;
        to[x] = (uint8_t)(to[x] + (value - to[x]) * cover / FULL_OPACITY);
    }
}

static void draw(const struct drawing *d)
{
    const int first_x = (int)fmax(0, ceil(d->x0 - 0.5)), last_x = (int)fmin(d->to_w, d->x1 + 0.5);
    const int first_y = (int)fmax(0, ceil(d->y0 - 0.5)), last_y = (int)fmin(d->to_h, d->y1 + 0.5);
    const double scale_x = d->from_w / (d->x1 - d->x0);
    const int64_t step = llround(scale_x * 65536);
    const int64_t sx = llround(((first_x + 0.5 - d->x0) * scale_x - 0.5) * 65536);
    for (int y = first_y; y < last_y; y++)
        draw_row(d, y, first_x, last_x, sx, step);
}

static void draw_planes(const struct tyto_compose_painter *painter,
                        const struct tyto_compose_planes *planes, const double box[4],
                        float opacity, float light, uint8_t *out)
{
    const int width = (int)painter->width_px, height = (int)painter->height_px;
    uint8_t *out_u = out + (size_t)width * (size_t)height;
    if (box[2] - box[0] < 1 || box[3] - box[1] < 1)
        return;
    struct drawing d = {
        .to = out,
        .from = planes->y,
        .alpha = planes->alpha,
        .to_w = width,
        .to_h = height,
        .from_w = (int)planes->width_px,
        .from_h = (int)planes->height_px,
        .x0 = box[0],
        .y0 = box[1],
        .x1 = box[2],
        .y1 = box[3],
        .opacity = (int)(opacity * FULL_OPACITY + 0.5f),
        .light = (int)(light * FULL_LIGHT + 0.5f),
        .lines = painter->mixed,
    };
    draw(&d);
    d.to_w /= 2;
    d.to_h /= 2;
    d.from_w /= 2;
    d.from_h /= 2;
    d.x0 /= 2;
    d.y0 /= 2;
    d.x1 /= 2;
    d.y1 /= 2;
    d.alpha = planes->alpha_half;
    d.light = FULL_LIGHT; /* colours stay */
    d.to = out_u;
    d.from = planes->u;
    draw(&d);
    d.to = out_u + (size_t)d.to_w * (size_t)d.to_h;
    d.from = planes->v;
    draw(&d);
}

static const struct tyto_compose_act *act_at(const struct tyto_compose_scene *scene,
                                             int64_t time_ns)
{
    uint32_t i = 0;
    while (i + 1 < scene->num_acts && time_ns >= scene->acts[i].end_ns)
        i++;
    return &scene->acts[i];
}

static void draw_place(const struct tyto_compose_painter *painter, int64_t time_ns,
                       const double shake[2], uint8_t *out)
{
    const struct tyto_compose_act *act = act_at(painter->scene, time_ns);
    const double share = (double)(time_ns - act->begin_ns) / (double)(act->end_ns - act->begin_ns);
    const double zoom = (double)act->zoom0 + ((double)act->zoom1 - (double)act->zoom0) * share;
    const double x = (double)act->x0 + ((double)act->x1 - (double)act->x0) * share;
    const double y = (double)act->y0 + ((double)act->y1 - (double)act->y0) * share;
    const double width = painter->width_px, height = painter->height_px;
    const double spare_w = width * (zoom - 1), spare_h = height * (zoom - 1);
    const double left = -fmin(spare_w, fmax(0, x * spare_w - shake[0]));
    const double top = -fmin(spare_h, fmax(0, y * spare_h - shake[1]));
    const double box[4] = {left, top, left + width * zoom, top + height * zoom};
    draw_planes(painter, &painter->places[act - painter->scene->acts], box, 1, 1, out);
}

/* --- the camera ------------------------------------------------------------------------------- */

/* [1 2 1] across and down. */
static void blur(const struct tyto_compose_painter *painter, uint8_t *out)
{
    const size_t width = painter->width_px, height = painter->height_px;
    uint8_t *across[2] = {painter->lines, painter->lines + width};
    for (size_t y = 0; y < height; y++) {
        uint8_t *row = out + y * width, *to = across[y % 2];
        to[0] = row[0];
        for (size_t x = 1; x + 1 < width; x++)
            to[x] = (uint8_t)((row[x - 1] + 2 * row[x] + row[x + 1] + 2) >> 2);
        to[width - 1] = row[width - 1];
        if (y == 0) {
            memcpy(row, to, width);
            continue;
        }
        /* the row above becomes half itself and half the mean of its old self and this one */
        uint8_t *above = row - width;
        for (size_t x = 0; x < width; x++)
            above[x] = (uint8_t)((above[x] * 3 + to[x] + 2) >> 2);
        for (size_t x = 0; x < width; x++)
            row[x] = (uint8_t)((across[(y + 1) % 2][x] + 3 * to[x] + 2) >> 2);
    }
}

static void spoil(struct tyto_compose_painter *painter, double time_s, uint8_t *out)
{
    const struct tyto_compose_camera *camera = &painter->scene->camera;
    const size_t width = painter->width_px, height = painter->height_px;
    const double drift =
        1 + (double)camera->drift *
                sin(2 * M_PI * (double)camera->drift_hz * time_s + painter->phases[2]);
    uint8_t y_of[256];
    for (int i = 0; i < 256; i++) {
        const double light = fmin(1, fmax(0, (i - 16) / 219.0));
        const double value = pow(light, (double)camera->gamma) * (double)camera->gain * drift;
        y_of[i] = (uint8_t)fmin(235, fmax(16, 16 + 219 * value + (double)camera->lift + 0.5));
    }
    for (uint32_t i = 0; i < camera->num_blurs; i++)
        blur(painter, out);
    for (size_t y = 0; y < height; y++) {
        const int8_t *grain = painter->grain + tyto_random_bits(&painter->random) % GRAIN_LEN;
        uint8_t *row = out + y * width;
        for (size_t x = 0; x < width; x++) {
            const int value = y_of[row[x]] + grain[x];
            row[x] = (uint8_t)(value < 16 ? 16 : value > 235 ? 235 : value);
        }
    }
    uint8_t *u = out + width * height, *v = u + width * height / 4;
    for (size_t i = 0; i < width * height / 4; i++) {
        u[i] = painter->u_of[u[i]];
        v[i] = painter->v_of[v[i]];
    }
}

void tyto_compose_painter_paint(struct tyto_compose_painter *painter, int64_t time_ns, uint8_t *out)
{
    const struct tyto_compose_scene *scene = painter->scene;
    const double time_s = (double)time_ns / 1e9, width = painter->width_px;
    const double height = painter->height_px;
    const double reach = (double)scene->camera.shake * height;
    const double shake[2] = {
        reach * (sin(2 * M_PI * 0.9 * time_s + painter->phases[0]) + 0.5 * sin(17 * time_s)),
        reach * (sin(2 * M_PI * 1.3 * time_s + painter->phases[1]) + 0.5 * sin(23 * time_s))};
    draw_place(painter, time_ns, shake, out);
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        const struct tyto_compose_box box =
            tyto_compose_object_box(&scene->objects[i], (float)(width / height), time_ns);
        if (box.opacity <= 0)
            continue;
        const bool is_filling = scene->objects[i].look == TYTO_COMPOSE_FILLING;
        /* a picture that fills the frame moves within it: a little is cut off all around */
        const double margin = is_filling ? 0.03 : 0;
        double pixels[4] = {((double)box.x0 - margin) * width + shake[0],
                            ((double)box.y0 - margin) * height + shake[1],
                            ((double)box.x1 + margin) * width + shake[0],
                            ((double)box.y1 + margin) * height + shake[1]};
        float light = 1;
        if (painter->motions)
            light = tyto_compose_motions_apply(painter->motions, i, time_ns, pixels);
        draw_planes(painter, &painter->objects[i], pixels, box.opacity, light, out);
    }
    spoil(painter, time_s, out);
}
