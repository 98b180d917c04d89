/* SPDX-License-Identifier: MIT */
/* pipeline/zones: polygons against points counted one by one, masks in cells and in pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/zones/mask.h"
#include "pipeline/zones/zones.h"

enum { NUM_TRIES = 400, GRID = 160 };

static uint32_t seed = 12345;

static float any(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (float)(1u << 24);
}

/* A star around a point: each corner farther round than the one before, so that no edges cross. */
static struct tyto_polygon any_polygon(void)
{
    struct tyto_polygon polygon = {.num = 3 + (uint32_t)(any() * 10)};
    const float x = 0.3f + 0.4f * any(), y = 0.3f + 0.4f * any();
    for (uint32_t i = 0; i < polygon.num; i++) {
        const float angle = 6.2831853f * ((float)i + 0.8f * any()) / (float)polygon.num;
        const float far = 0.05f + 0.25f * any();
        polygon.corners[i] = (struct tyto_corner){x + far * cosf(angle), y + far * sinf(angle)};
    }
    return polygon;
}

/* By winding: another rule than the one that is tested, the same for what does not cross itself. */
static bool winds_around(const struct tyto_polygon *polygon, double x, double y)
{
    double sum = 0;
    for (uint32_t i = 0; i < polygon->num; i++) {
        const struct tyto_corner *a = &polygon->corners[i];
        const struct tyto_corner *b = &polygon->corners[(i + 1) % polygon->num];
        const double ax = (double)a->x - x, ay = (double)a->y - y;
        const double bx = (double)b->x - x, by = (double)b->y - y;
        sum += atan2(ax * by - ay * bx, ax * bx + ay * by);
    }
    return fabs(sum) > 3;
}

static struct tyto_polygon polygon_of(const char *text)
{
    struct tyto_polygon polygon;
    assert_int_equal(tyto_polygon_read(text, &polygon, NULL), TYTO_OK);
    return polygon;
}

static void a_point_is_inside_as_its_winding_says(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_TRIES; i++) {
        const struct tyto_polygon polygon = any_polygon();
        for (int k = 0; k < 50; k++) {
            const float x = any(), y = any();
            assert_int_equal(tyto_polygon_holds(&polygon, x, y),
                             winds_around(&polygon, (double)x, (double)y));
        }
    }
}

static void what_a_box_shares_is_what_its_points_say(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_TRIES / 4; i++) {
        const struct tyto_polygon polygon = any_polygon();
        struct tyto_box box = {any(), any(), any(), any()};
        if (box.x0 > box.x1)
            box = (struct tyto_box){box.x1, box.y0, box.x0, box.y1};
        if (box.y0 > box.y1)
            box = (struct tyto_box){box.x0, box.y1, box.x1, box.y0};
        const double width = (double)box.x1 - (double)box.x0;
        const double height = (double)box.y1 - (double)box.y0;
        uint32_t num = 0;
        for (int p = 0; p < GRID * GRID; p++)
            num += winds_around(&polygon, (double)box.x0 + width * (p % GRID + 0.5) / GRID,
                                (double)box.y0 + height * (p / GRID + 0.5) / GRID);
        const double counted = width * height * num / (GRID * GRID);
        assert_true(fabs(tyto_polygon_shared(&polygon, &box) - counted) <= 0.012 * width * height);
        const struct tyto_box all = {-1, -1, 2, 2};
        assert_true(fabs(tyto_polygon_shared(&polygon, &all) - tyto_polygon_area(&polygon)) < 1e-9);
    }
}

static void spans_hold_the_points_that_lie_inside(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_TRIES; i++) {
        const struct tyto_polygon polygon = any_polygon();
        double x[TYTO_POLYGON_MAX_CORNERS];
        uint32_t num;
        const float y = any();
        tyto_polygon_spans(&polygon, (double)y, x, &num);
        for (int k = 0; k < 40; k++) {
            const float at = any();
            bool is_in = false;
            for (uint32_t s = 0; s < num; s++)
                is_in |= (double)at >= x[2 * s] && (double)at < x[2 * s + 1];
            assert_int_equal(is_in, tyto_polygon_holds(&polygon, at, y));
        }
    }
}

/* Edges that cross are found however the corners are turned; a star's never are. */
static void a_polygon_that_crosses_itself_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_TRIES; i++) {
        struct tyto_polygon polygon = any_polygon();
        struct tyto_fault fault;
        const enum tyto_err err = tyto_polygon_check(&polygon, &fault);
        assert_true(!err || strstr(fault.text, "outside") || strstr(fault.text, "less than"));
        if (err || polygon.num < 4)
            continue;
        const uint32_t at = (uint32_t)(any() * (float)(polygon.num - 1));
        const struct tyto_corner kept = polygon.corners[at];
        polygon.corners[at] = polygon.corners[at + 1];
        polygon.corners[at + 1] = kept;
        /* Two neighbours changed places. Whether edges cross then is asked of all pairs again, by
         * where two lines meet. */
        bool crosses = false;
        for (uint32_t a = 0; a < polygon.num; a++) {
            for (uint32_t b = a + 2; b < polygon.num; b++) {
                if ((b + 1) % polygon.num == a)
                    continue;
                const struct tyto_corner *p = &polygon.corners[a];
                const struct tyto_corner *q = &polygon.corners[a + 1];
                const struct tyto_corner *r = &polygon.corners[b];
                const struct tyto_corner *s = &polygon.corners[(b + 1) % polygon.num];
                const double px = (double)q->x - (double)p->x, py = (double)q->y - (double)p->y;
                const double rx = (double)s->x - (double)r->x, ry = (double)s->y - (double)r->y;
                const double dx = (double)r->x - (double)p->x, dy = (double)r->y - (double)p->y;
                const double det = px * ry - py * rx;
                const double t = (dx * ry - dy * rx) / det, u = (dx * py - dy * px) / det;
                crosses |= t >= 0 && t <= 1 && u >= 0 && u <= 1;
            }
        }
        const enum tyto_err twisted_err = tyto_polygon_check(&polygon, &fault);
        assert_int_equal(crosses, twisted_err && strstr(fault.text, "crosses itself"));
    }
}

static void what_is_no_polygon_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"", "3 to 32 corners"},
        {"0,0 1,1", "3 to 32 corners"},
        {"0,0 1,0 1,1.5", "outside the picture"},
        {"0,0 1,0 nan,1", "must be corners"},
        {"0,0 1,0 1,1,1", "must be corners"},
        {"0 0 1 0 1 1", "must be corners"},
        {"0,0 1,0 1,0 1,1", "twice in a row"},
        {"0,0 1,1 1,0 0,1", "crosses itself"},
        {"0,0 1,0 0.5,0 1,1", "goes back along its own edge"},
        {"0,0 0.001,0 0,0.001", "ten-thousandth"},
        {"0,0 1,0 1,1 0.5,0 0,1", "crosses itself"}, /* touches its first edge with a corner */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tyto_polygon polygon;
        struct tyto_fault fault = {.text = ""};
        assert_int_equal(tyto_polygon_read(bad[i].text, &polygon, &fault), TYTO_ERR_INVALID);
        assert_non_null(strstr(fault.text, bad[i].said));
    }
    char many[33 * 16] = "";
    for (int i = 0; i < 33; i++)
        snprintf(many + strlen(many), 16, "%.4f,%.4f ", 0.5 + 0.4 * cos(i * 0.19),
                 0.5 + 0.4 * sin(i * 0.19));
    struct tyto_polygon polygon;
    struct tyto_fault fault;
    assert_int_equal(tyto_polygon_read(many, &polygon, &fault), TYTO_ERR_INVALID);
    assert_non_null(strstr(fault.text, "too many corners"));
}

static void a_polygon_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_TRIES; i++) {
        const struct tyto_polygon polygon = any_polygon();
        struct tyto_polygon got = {.num = 0};
        char text[1024];
        if (tyto_polygon_check(&polygon, NULL))
            continue;
        tyto_polygon_print(&polygon, text, sizeof(text));
        assert_int_equal(tyto_polygon_read(text, &got, NULL), TYTO_OK);
        assert_memory_equal(&got, &polygon,
                            offsetof(struct tyto_polygon, corners) +
                                polygon.num * sizeof(struct tyto_corner));
    }
}

static void a_zone_is_touched_by_a_tenth_of_the_smaller(void **state)
{
    (void)state;
    struct tyto_zone both[2] = {
        {.name = "left", .polygon = polygon_of("0,0 0.5,0 0.5,1 0,1")},
        {.name = "spot", .polygon = polygon_of("0.8,0.8 0.9,0.8 0.9,0.9 0.8,0.9")},
    };
    const struct tyto_zones zones = {.zones = both, .num_zones = 2};
    const struct tyto_box inside = {0.1f, 0.1f, 0.2f, 0.2f};
    const struct tyto_box just = {0.44f, 0, 0.94f, 0.5f}, hardly = {0.46f, 0, 0.96f, 0.5f};
    const struct tyto_box whole = {0, 0, 1, 1}, none = {0.6f, 0.1f, 0.7f, 0.2f};
    assert_int_equal(tyto_zones_touched(&zones, &inside), 1);
    assert_int_equal(tyto_zones_touched(&zones, &just), 1);
    assert_int_equal(tyto_zones_touched(&zones, &hardly), 0);
    assert_int_equal(tyto_zones_touched(&zones, &whole), 3);
    assert_int_equal(tyto_zones_touched(&zones, &none), 0);
}

static void a_copy_of_zones_shares_nothing(void **state)
{
    (void)state;
    char *only[] = {(char[]){"dog"}};
    struct tyto_zone_class class = {.class_name = "dog", .threshold = 0.5f};
    struct tyto_zone zone = {.name = "drive",
                             .polygon = polygon_of("0,0 1,0 1,1"),
                             .only = {.texts = only, .num = 1},
                             .classes = &class,
                             .num_classes = 1};
    struct tyto_polygon mask = polygon_of("0,0 1,0 1,0.1");
    const struct tyto_zones zones = {
        .zones = &zone, .num_zones = 1, .masks = &mask, .num_masks = 1};
    struct tyto_zones copy;
    assert_int_equal(tyto_zones_copy(&zones, &copy), TYTO_OK);
    memset(&mask, 0, sizeof(mask));
    memset(&class, 0, sizeof(class));
    only[0][0] = 'x';
    assert_string_equal(copy.zones[0].only.texts[0], "dog");
    assert_string_equal(copy.zones[0].classes[0].class_name, "dog");
    assert_int_equal(copy.masks[0].num, 3);
    assert_true(tyto_zone_is_for(&copy.zones[0], "dog"));
    assert_false(tyto_zone_is_for(&copy.zones[0], "cat"));
    tyto_zones_finish(&copy);
    assert_int_equal(tyto_zones_copy(NULL, &copy), TYTO_OK);
    assert_int_equal(copy.num_zones, 0);
}

static void cells_are_hidden_by_the_share_that_is_covered(void **state)
{
    (void)state;
    const struct tyto_polygon mask = polygon_of("0,0 0.3,0 0.3,1 0,1");
    uint8_t half[2 * 4], any_part[2 * 4];
    tyto_mask_cells(&mask, 1, 2, 4, 0.5, half);
    tyto_mask_cells(&mask, 1, 2, 4, 0.01, any_part);
    const uint8_t half_said[] = {1, 0, 0, 0, 1, 0, 0, 0}, any_said[] = {1, 1, 0, 0, 1, 1, 0, 0};
    assert_memory_equal(half, half_said, sizeof(half));
    assert_memory_equal(any_part, any_said, sizeof(any_part));
}

/* Every element of every plane is grey if its centre lies in the mask, else as it was; what the
 * decoder gave out is left alone. Sides are odd, rows have gaps. */
static void a_copy_is_painted_where_the_mask_is(void **state)
{
    (void)state;
    enum { W = 37, H = 21, STRIDE = 128 };
    static uint8_t from[3][STRIDE * H], before[3][STRIDE * H];
    for (int format = TYTO_PIXEL_I420; format <= TYTO_PIXEL_RGB; format++) {
        const struct tyto_polygon masks[] = {polygon_of("0.1,0.1 0.6,0.2 0.3,0.9"),
                                             polygon_of("0.7,0 1,0 1,1 0.8,1")};
        struct tyto_masked masked = {.bytes = NULL};
        for (int p = 0; p < 3; p++) {
            for (int i = 0; i < STRIDE * H; i++)
                from[p][i] = (uint8_t)(any() * 100);
        }
        memcpy(before, from, sizeof(from));
        const struct tyto_frame frame = {
            .format = (enum tyto_pixel_format)format,
            .width = W,
            .height = H,
            .planes = {from[0], from[1], from[2]},
            .strides_bytes = {STRIDE, STRIDE, STRIDE},
        };
        for (int again = 0; again < 2; again++)
            assert_int_equal(tyto_masked_paint(&masked, masks, 2, &frame), TYTO_OK);
        assert_memory_equal(before, from, sizeof(from));
        const int num_planes = format == TYTO_PIXEL_I420 ? 3 : format == TYTO_PIXEL_NV12 ? 2 : 1;
        for (int p = 0; p < num_planes; p++) {
            const int w = p ? (W + 1) / 2 : W, h = p ? (H + 1) / 2 : H;
            const int bytes = format == TYTO_PIXEL_RGB ? 3 : format == TYTO_PIXEL_NV12 && p ? 2 : 1;
            for (int i = 0; i < w * h * bytes; i++) {
                const int x = i / bytes % w, y = i / bytes / w;
                const double at_x = (x + 0.5) / w, at_y = (y + 0.5) / h;
                const bool is_hidden =
                    winds_around(&masks[0], at_x, at_y) || winds_around(&masks[1], at_x, at_y);
                const uint8_t got =
                    masked.frame
                        .planes[p][y * (int)masked.frame.strides_bytes[p] + i % (w * bytes)];
                assert_int_equal(got, is_hidden ? 128 : from[p][y * STRIDE + i % (w * bytes)]);
            }
        }
        tyto_masked_finish(&masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_is_inside_as_its_winding_says),
        cmocka_unit_test(what_a_box_shares_is_what_its_points_say),
        cmocka_unit_test(spans_hold_the_points_that_lie_inside),
        cmocka_unit_test(a_polygon_that_crosses_itself_is_refused),
        cmocka_unit_test(what_is_no_polygon_is_said),
        cmocka_unit_test(a_polygon_is_read_as_it_was_written),
        cmocka_unit_test(a_zone_is_touched_by_a_tenth_of_the_smaller),
        cmocka_unit_test(a_copy_of_zones_shares_nothing),
        cmocka_unit_test(cells_are_hidden_by_the_share_that_is_covered),
        cmocka_unit_test(a_copy_is_painted_where_the_mask_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
