/* SPDX-License-Identifier: MIT */
/* Classes and kinds take turns (a shuffled order, and the multiples of the golden ratio), so that
 * few clips are already balanced; everything else is drawn. */
#include "trainer/compose/scene.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

#define NS_PER_S 1000000000LL

static const double act_s = 10, min_event_s = 1.5;

/* What a state is for, so that no two draws share one. */
enum purpose { FOR_CAMERA = 1, FOR_ORDER, FOR_TURN, FOR_ACT, FOR_KIND, FOR_SOUND, FOR_MOTION };

struct draft {
    struct tyto_compose_scene *scene;
    const struct tyto_compose_options *options;
    const struct tyto_compose_assets *assets;
    struct tyto_compose_act *act;
    uint64_t act_number; /* over all clips */
    uint64_t random;
};

struct span {
    double begin_s, end_s;
};

/* --- chance ------------------------------------------------------------------------------- */

static double between(uint64_t *random, double low, double high)
{
    return low + (high - low) * tyto_random_share(random);
}

static bool happens(uint64_t *random, double share)
{
    return tyto_random_share(random) < share;
}

/* Number `turn` of a series in which each of num comes once before any comes again. */
static uint32_t take_turn(uint64_t seed, uint64_t purpose, uint64_t turn, uint32_t num)
{
    const uint64_t key = tyto_random_state(seed, purpose, turn / num);
    /* A permutation without memory: four Feistel rounds over the next power of four, repeated
     * until the number is one of ours. */
    uint32_t bits = 1;
    while ((1u << (2 * bits)) < num)
        bits++;
    const uint32_t half = (1u << bits) - 1;
    uint32_t at = (uint32_t)(turn % num);
    do {
        uint32_t left = at >> bits, right = at & half;
        for (uint32_t round = 0; round < 4; round++) {
            const uint64_t mixed = tyto_random_state(key, round, right);
            const uint32_t next = left ^ ((uint32_t)mixed & half);
            left = right;
            right = next;
        }
        at = left << bits | right;
    } while (at >= num);
    return at;
}

static uint32_t pick(const struct tyto_compose_list *list, uint64_t *random)
{
    return list->idxs[tyto_random_below(random, list->num)];
}

/* --- options ------------------------------------------------------------------------------- */

void tyto_compose_options_default(struct tyto_compose_options *ret_options)
{
    *ret_options = (struct tyto_compose_options){
        .seed = 1,
        .seconds = 10,
        .fps = 12.5,
        .width_px = 320,
        .height_px = 240,
        .shares = {[TYTO_COMPOSE_BOTH] = 0.5,
                   [TYTO_COMPOSE_HEARD] = 0.12,
                   [TYTO_COMPOSE_SEEN] = 0.12,
                   [TYTO_COMPOSE_MISMATCH] = 0.08,
                   [TYTO_COMPOSE_SEVERAL] = 0.12,
                   [TYTO_COMPOSE_NOTHING] = 0.06},
        .min_snr_db = 0,
        .max_snr_db = 20,
        .min_height = 0.35,
        .max_height = 0.9,
        .whole_seconds = 0.5,
        .lags = 0.3,
        .distractors = 0.25,
        .clips_per_camera = 1,
    };
}

static bool is_in(double value, double min, double max)
{
    return value >= min && value <= max; /* false for NaN */
}

static bool are_good(const struct tyto_compose_options *options,
                     const struct tyto_compose_assets *assets)
{
    double sum = 0;
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS; i++) {
        if (!is_in(options->shares[i], 0, 1e6))
            return false;
        sum += options->shares[i];
    }
    return sum > 0 && assets->num_wanted > 0 && is_in(options->seconds, 2, 600) &&
           is_in(options->fps, 1, 60) && is_in(options->min_snr_db, -40, 80) &&
           is_in(options->max_snr_db, options->min_snr_db, 80) &&
           is_in(options->min_height, 0.02, 1) &&
           is_in(options->max_height, options->min_height, 1) &&
           is_in(options->max_offset_s, 0, 5) && is_in(options->whole_seconds, 0, 1) &&
           is_in(options->distractors, 0, 1) && is_in(options->moving, 0, 1) &&
           is_in(options->quiet_s, 0, 4) && is_in(options->lags, 0, 1) &&
           options->width_px % 2 == 0 && options->height_px % 2 == 0 &&
           is_in(options->width_px, 64, 1920) && is_in(options->height_px, 64, 1920);
}

/* --- times --------------------------------------------------------------------------------- */

static int64_t whole_frames_ns(const struct tyto_compose_options *options, double seconds)
{
    return llround((double)llround(seconds * options->fps) / options->fps * 1e9);
}

/* Events begin and end with frames, in both streams: then what happens at once does so exactly. */
static struct span on_frames(const struct draft *d, struct span span)
{
    return (struct span){(double)whole_frames_ns(d->options, span.begin_s) / 1e9,
                         (double)whole_frames_ns(d->options, span.end_s) / 1e9};
}

/* The part of an act in which events may be; some two seconds of it always. */
static struct span lively_part(const struct draft *d)
{
    const double begin_s = (double)d->act->begin_ns / 1e9, end_s = (double)d->act->end_ns / 1e9;
    const double quiet_s = fmax(0, fmin(d->options->quiet_s, (end_s - begin_s - 2) / 2));
    return (struct span){begin_s + quiet_s, end_s - quiet_s};
}

/* An event within an act. */
static struct span draw_span(struct draft *d)
{
    const struct span part = lively_part(d);
    const double begin_s = part.begin_s, end_s = part.end_s;
    const double all_s = end_s - begin_s, least_s = fmin(2, all_s);
    if (happens(&d->random, 0.2))
        return on_frames(d, part);
    const double length_s = between(&d->random, least_s, fmax(least_s, 0.85 * all_s));
    const double at_s = begin_s + between(&d->random, 0, all_s - length_s);
    struct span span = {at_s, at_s + length_s};
    if (happens(&d->random, d->options->whole_seconds)) {
        span.begin_s = fmax(round(span.begin_s), begin_s);
        span.end_s = fmin(round(span.end_s), end_s);
    }
    return on_frames(d, span);
}

/* The same moment for the other stream: mostly the same, sometimes earlier or later. */
static struct span draw_lag(struct draft *d, struct span span)
{
    const struct span part = lively_part(d);
    const double begin_s = part.begin_s, end_s = part.end_s;
    struct span other = span;
    if (happens(&d->random, d->options->lags))
        other.begin_s = fmax(begin_s, span.begin_s + between(&d->random, -1.5, 1.5));
    if (happens(&d->random, d->options->lags))
        other.end_s = fmin(end_s, span.end_s + between(&d->random, -1.5, 1.5));
    const bool meets = fmin(span.end_s, other.end_s) - fmax(span.begin_s, other.begin_s) >= 1;
    return meets && other.end_s - other.begin_s >= min_event_s ? on_frames(d, other) : span;
}

/* --- objects and sounds ---------------------------------------------------------------------- */

static bool is_small_picture(const struct tyto_compose_entry *entry)
{
    const char *slash = strrchr(entry->name, '/');
    return strncmp(slash ? slash + 1 : entry->name, "tiny-", 5) == 0;
}

/* Of 64 pixels little is left when the object is cut out of them: those mostly fill the frame. */
static enum tyto_compose_look choose_look(double share, bool is_small, bool may_fill)
{
    const double filling = !may_fill ? 0 : is_small ? 0.6 : 0.2;
    const double rectangle = filling + (is_small ? 0.1 : 0.08);
    const double oval = rectangle + (is_small ? 0.2 : 0.07) * (may_fill ? 1 : 2);
    return share < filling     ? TYTO_COMPOSE_FILLING
           : share < rectangle ? TYTO_COMPOSE_RECTANGLE
           : share < oval      ? TYTO_COMPOSE_OVAL
                               : TYTO_COMPOSE_CUT_OUT;
}

/* Share of the picture's height. Each doubling is as likely as any other, because areas count:
 * small things are told worse. Pictures of 64 px do not get below what they have to show, and
 * several objects leave room for each other. */
static double draw_height(struct draft *d, bool is_small, uint32_t num_slots)
{
    const double min = d->options->min_height, max = d->options->max_height;
    const double low = is_small ? fmin(max, fmax(min, 0.45)) : min;
    const double high = num_slots == 1 ? max : fmax(low, fmin(max, 0.65));
    return low * pow(high / low, tyto_random_share(&d->random));
}

/* slot of num_slots from left to right; a sole object goes anywhere. */
static void place_object(struct draft *d, struct tyto_compose_object *object, uint32_t slot,
                         uint32_t num_slots)
{
    uint64_t *random = &d->random;
    const bool is_small = is_small_picture(&d->assets->entries[object->entry_idx]);
    const double slot_width = 1.0 / num_slots, middle = (slot + 0.5) * slot_width;
    const double spread = num_slots == 1 ? 0.28 : 0.12 * slot_width;
    object->is_mirrored = happens(random, 0.5);
    object->height = (float)draw_height(d, is_small, num_slots);
    object->max_width = (float)(num_slots == 1 ? 0.85 : 0.95 * slot_width);
    object->grow = happens(random, 0.4) ? (float)between(random, 0.8, 1.25) : 1;
    object->x0 = (float)(middle + between(random, -spread, spread));
    object->x1 = object->x0;
    if (happens(random, 0.6)) {
        object->x1 += (float)(between(random, -0.25, 0.25) * slot_width);
        object->x1 =
            (float)fmin(middle + spread + 0.05, fmax(middle - spread - 0.05, (double)object->x1));
    }
    const double room = 1 - (double)object->height;
    object->foot0 = (float)(1 - between(random, 0, 0.85) * fmax(0, room));
    object->bob = happens(random, 0.5) ? (float)between(random, 0, 0.015) : 0;
    object->entrance = (enum tyto_compose_entrance)tyto_random_below(random, 3);
    const bool may_fill = num_slots == 1 && !d->options->is_still;
    object->look = choose_look(tyto_random_share(random), is_small, may_fill);
    if (object->look == TYTO_COMPOSE_FILLING)
        object->entrance = TYTO_COMPOSE_POP;
}

static void add_object(struct draft *d, uint32_t entry_idx, uint32_t event, struct span span,
                       uint32_t slot, uint32_t num_slots)
{
    struct tyto_compose_scene *scene = d->scene;
    if (scene->num_objects == TYTO_COMPOSE_MAX_OBJECTS)
        return;
    struct tyto_compose_object *object = &scene->objects[scene->num_objects];
    *object = (struct tyto_compose_object){
        .entry_idx = entry_idx,
        .event = event,
        .begin_ns = whole_frames_ns(d->options, span.begin_s),
        .end_ns = whole_frames_ns(d->options, span.end_s),
        .aspect = 1,
    };
    if (object->end_ns > scene->duration_ns)
        object->end_ns = scene->duration_ns;
    place_object(d, object, slot, num_slots);
    if (event == TYTO_COMPOSE_NO_EVENT && object->look == TYTO_COMPOSE_FILLING)
        object->look = TYTO_COMPOSE_CUT_OUT; /* else it hides what has a label */
    if (object->end_ns > object->begin_ns)
        scene->num_objects++;
}

static void add_sound(struct draft *d, uint32_t entry_idx, uint32_t event, struct span span)
{
    struct tyto_compose_scene *scene = d->scene;
    uint64_t *random = &d->random;
    if (scene->num_sounds == TYTO_COMPOSE_MAX_SOUNDS)
        return;
    const int64_t offset_ns = scene->camera.offset_ns;
    struct tyto_compose_sound sound = {
        .entry_idx = entry_idx,
        .event = event,
        .begin_ns = whole_frames_ns(d->options, span.begin_s) + offset_ns,
        .end_ns = whole_frames_ns(d->options, span.end_s) + offset_ns,
        .snr_db = (float)between(random, d->options->min_snr_db, d->options->max_snr_db),
        .pause_s = happens(random, 0.6) ? (float)between(random, 0, 0.45) : 0,
        .start = happens(random, 0.4) ? (float)tyto_random_share(random) : 0,
        .speed = happens(random, 0.3) ? (float)between(random, 0.93, 1.07) : 1,
        .tilt = happens(random, 0.5) ? (float)between(random, -0.6, 0.6) : 0,
        .room_s = happens(random, 0.4) ? (float)between(random, 0.15, 0.8) : 0,
        .wet_db = (float)between(random, -15, -2),
        .seed = tyto_random_bits(random),
    };
    sound.begin_ns = sound.begin_ns < 0 ? 0 : sound.begin_ns;
    sound.end_ns = sound.end_ns > scene->duration_ns ? scene->duration_ns : sound.end_ns;
    if (sound.end_ns - sound.begin_ns >= NS_PER_S / 5)
        scene->sounds[scene->num_sounds++] = sound;
}

/* An event of the class, in the streams that the asset list has something for. turn: which
 * recording; UINT64_MAX: any. */
static void add_event(struct draft *d, uint32_t class_idx, bool is_heard, bool is_seen,
                      uint64_t turn, uint32_t slot, uint32_t num_slots)
{
    const struct tyto_compose_class *class = &d->assets->classes[class_idx];
    const uint64_t seed = d->options->seed;
    const struct span seen = draw_span(d);
    const struct span heard = is_seen && is_heard ? draw_lag(d, seen) : seen;
    const uint32_t event = d->scene->num_events++;
    is_seen = (is_seen && class->pictures.num > 0) || class->sounds.num == 0;
    is_heard = (is_heard && class->sounds.num > 0) || !is_seen;
    if (is_seen) {
        const uint32_t at = take_turn(seed, FOR_TURN + 16 * class_idx, turn, class->pictures.num);
        add_object(
            d, turn == UINT64_MAX ? pick(&class->pictures, &d->random) : class->pictures.idxs[at],
            event, seen, slot, num_slots);
    }
    if (is_heard) {
        const uint32_t at = take_turn(seed, FOR_SOUND + 16 * class_idx, turn, class->sounds.num);
        add_sound(d, turn == UINT64_MAX ? pick(&class->sounds, &d->random) : class->sounds.idxs[at],
                  event, heard);
    }
}

/* --- acts ------------------------------------------------------------------------------------- */

static enum tyto_compose_kind choose_kind(const struct draft *d)
{
    const uint64_t start = tyto_random_state(d->options->seed, FOR_KIND, 0);
    /* multiples of the golden ratio in 64 bits: spread evenly, however many are taken */
    uint64_t at = start + d->act_number * 0x9e3779b97f4a7c15u;
    double share = (double)(at >> 11) * 0x1p-53, sum = 0;
    for (int i = 0; i < TYTO_COMPOSE_NUM_KINDS; i++)
        sum += d->options->shares[i];
    share *= sum;
    int kind = 0, last = 0;
    for (; kind < TYTO_COMPOSE_NUM_KINDS; kind++) {
        if (d->options->shares[kind] > 0)
            last = kind;
        if (share < d->options->shares[kind])
            return (enum tyto_compose_kind)kind;
        share -= d->options->shares[kind];
    }
    return (enum tyto_compose_kind)last;
}

static void draw_place(struct draft *d)
{
    struct tyto_compose_act *act = d->act;
    uint64_t *random = &d->random;
    act->place_idx = TYTO_COMPOSE_NO_ENTRY;
    if (d->assets->places.num > 0 && happens(random, 0.6))
        act->place_idx = pick(&d->assets->places, random);
    act->seed = tyto_random_bits(random);
    act->blur = happens(random, 0.4) ? (float)tyto_random_share(random) : 0;
    act->zoom0 = act->zoom1 = (float)between(random, 1.06, 1.5);
    act->x0 = act->x1 = (float)tyto_random_share(random);
    act->y0 = act->y1 = (float)tyto_random_share(random);
    if (happens(random, 0.5)) { /* the camera pans or zooms slowly */
        act->zoom1 = (float)fmin(1.6, fmax(1.06, (double)act->zoom0 + between(random, -0.2, 0.2)));
        act->x1 = (float)fmin(1, fmax(0, (double)act->x0 + between(random, -0.6, 0.6)));
        act->y1 = (float)fmin(1, fmax(0, (double)act->y0 + between(random, -0.4, 0.4)));
    }
    if (d->options->is_still) {
        const struct tyto_compose_act *first = &d->scene->acts[0];
        act->place_idx = first->place_idx;
        act->seed = first->seed;
        act->blur = first->blur;
        act->zoom0 = act->zoom1 = first->zoom0;
        act->x0 = act->x1 = first->x0;
        act->y0 = act->y1 = first->y0;
    }
}

/* The class whose turn it is, or another than those in `not`. */
static uint32_t other_class(struct draft *d, const uint32_t * not, uint32_t num_not)
{
    uint32_t class_idx = not [0];
    for (int i = 0; i < 64; i++) {
        class_idx = d->assets->wanted[tyto_random_below(&d->random, d->assets->num_wanted)];
        uint32_t same = 0;
        for (uint32_t j = 0; j < num_not; j++)
            same += not [j] == class_idx;
        if (same == 0)
            break;
    }
    return class_idx;
}

static void add_several(struct draft *d, uint32_t first, uint64_t turn)
{
    uint32_t classes[3] = {first};
    uint32_t num = happens(&d->random, 0.25) ? 3 : 2;
    num = num > d->assets->num_wanted ? d->assets->num_wanted : num;
    const bool turned = happens(&d->random, 0.5);
    for (uint32_t i = 0; i < num; i++) {
        if (i > 0)
            classes[i] = other_class(d, classes, i);
        const double mode = tyto_random_share(&d->random);
        add_event(d, classes[i], mode < 0.8, mode < 0.6 || mode >= 0.8, i ? UINT64_MAX : turn,
                  turned ? num - 1 - i : i, num);
    }
}

static void add_distractors(struct draft *d)
{
    const struct tyto_compose_assets *assets = d->assets;
    const uint32_t first = d->scene->num_objects;
    if (assets->odd_pictures.num > 0 && happens(&d->random, d->options->distractors)) {
        const uint32_t slot = tyto_random_below(&d->random, 2);
        add_object(d, pick(&assets->odd_pictures, &d->random), TYTO_COMPOSE_NO_EVENT, draw_span(d),
                   slot, 2);
    }
    for (uint32_t i = first; i < d->scene->num_objects; i++) /* smaller than what has a label */
        d->scene->objects[i].height *= 0.8f;
    if (assets->odd_sounds.num > 0 && happens(&d->random, d->options->distractors))
        add_sound(d, pick(&assets->odd_sounds, &d->random), TYTO_COMPOSE_NO_EVENT, draw_span(d));
}

static void draw_act(struct draft *d)
{
    const struct tyto_compose_assets *assets = d->assets;
    const uint64_t seed = d->options->seed, number = d->act_number;
    const uint32_t num = assets->num_wanted;
    d->random = tyto_random_state(seed, FOR_ACT, number);
    d->act->kind = choose_kind(d);
    draw_place(d);
    add_distractors(d); /* behind */
    const uint32_t first = assets->wanted[take_turn(seed, FOR_ORDER, number, num)];
    const uint64_t turn = number / num;
    switch (d->act->kind) {
    case TYTO_COMPOSE_BOTH:
        add_event(d, first, true, true, turn, 0, 1);
        break;
    case TYTO_COMPOSE_HEARD:
        add_event(d, first, true, false, turn, 0, 1);
        break;
    case TYTO_COMPOSE_SEEN:
        add_event(d, first, false, true, turn, 0, 1);
        break;
    case TYTO_COMPOSE_MISMATCH:
        add_event(d, first, false, true, turn, 0, 1);
        if (num > 1)
            add_event(d, other_class(d, &first, 1), true, false, UINT64_MAX, 0, 1);
        break;
    case TYTO_COMPOSE_SEVERAL:
        add_several(d, first, turn);
        break;
    case TYTO_COMPOSE_NOTHING:
    case TYTO_COMPOSE_NUM_KINDS:
        break;
    }
}

/* --- the clip ------------------------------------------------------------------------------- */

static void draw_camera(struct tyto_compose_camera *camera,
                        const struct tyto_compose_options *options, uint64_t number)
{
    uint64_t random = tyto_random_state(options->seed, FOR_CAMERA, number);
    const double offset_s = between(&random, -options->max_offset_s, options->max_offset_s);
    *camera = (struct tyto_compose_camera){
        .offset_ns = llround(offset_s * 1000) * 1000000,
        .gain = (float)between(&random, 0.78, 1.08),
        .lift = (float)between(&random, -12, 12),
        .gamma = (float)between(&random, 0.85, 1.2),
        .drift = happens(&random, 0.5) ? (float)between(&random, 0.01, 0.09) : 0,
        .drift_hz = (float)between(&random, 0.03, 0.4),
        .tint_u = (float)between(&random, -5, 5),
        .tint_v = (float)between(&random, -5, 5),
        .saturation = happens(&random, 0.04) ? 0 : (float)between(&random, 0.75, 1.15),
        .noise = happens(&random, 0.7) ? (float)between(&random, 0, 7) : 0,
        .shake = happens(&random, 0.4) ? (float)between(&random, 0.001, 0.012) : 0,
        .num_blurs = happens(&random, 0.4) ? 1 + tyto_random_below(&random, 2) : 0,
        .quality = 19 + tyto_random_below(&random, 12),
    };
}

static void draw_noise(struct tyto_compose_scene *scene, const struct tyto_compose_assets *assets,
                       uint64_t *random)
{
    scene->noise = (enum tyto_compose_noise)tyto_random_below(random, TYTO_COMPOSE_NUM_NOISES);
    if (scene->noise == TYTO_COMPOSE_BABBLE && assets->noises.num == 0)
        scene->noise = TYTO_COMPOSE_PINK;
    if (scene->noise == TYTO_COMPOSE_BABBLE) {
        scene->num_babble = 1 + tyto_random_below(random, 3);
        for (uint32_t i = 0; i < scene->num_babble; i++)
            scene->babble[i] = pick(&assets->noises, random);
    }
    /* The loudest event lies between -36 and -12 dB of full scale, and the noise by its SNR below;
     * without one the noise is anything from next to nothing to loud. */
    float loudest_db = -1000;
    for (uint32_t i = 0; i < scene->num_sounds; i++)
        loudest_db = fmaxf(loudest_db, scene->sounds[i].snr_db);
    const double level_db = between(random, -36, -14);
    scene->noise_db =
        (float)(scene->num_sounds ? level_db - (double)loudest_db : between(random, -65, -30));
}

/* How far each motion reaches at the loudest. */
static const double reaches[TYTO_COMPOSE_NUM_MOTIONS][2] = {
    [TYTO_COMPOSE_SWELL] = {0.03, 0.12},
    [TYTO_COMPOSE_HOP] = {0.02, 0.09},
    [TYTO_COMPOSE_TREMBLE] = {0.008, 0.025},
    [TYTO_COMPOSE_FLASH] = {0.1, 0.35},
};

/* Draws of their own: the rest of a scene is the same with and without motions. */
static void draw_motions(struct tyto_compose_scene *scene,
                         const struct tyto_compose_options *options)
{
    for (uint32_t i = 0; i < scene->num_objects; i++) {
        struct tyto_compose_object *object = &scene->objects[i];
        uint64_t random = tyto_random_state(scene->seed, FOR_MOTION, i);
        object->sound_idx = TYTO_COMPOSE_NO_ENTRY;
        if (!happens(&random, options->moving))
            continue;
        object->motion = (enum tyto_compose_motion)(
            1 + tyto_random_below(&random, TYTO_COMPOSE_NUM_MOTIONS - 1));
        object->reach =
            (float)between(&random, reaches[object->motion][0], reaches[object->motion][1]);
        object->tremble_hz = (float)between(&random, 4, 9);
        object->motion_seed = tyto_random_bits(&random);
        for (uint32_t s = 0; s < scene->num_sounds; s++) {
            if (object->event != TYTO_COMPOSE_NO_EVENT && scene->sounds[s].event == object->event)
                object->sound_idx = s;
        }
    }
}

enum tyto_err tyto_compose_scene_init(struct tyto_compose_scene *scene,
                                      const struct tyto_compose_options *options,
                                      const struct tyto_compose_assets *assets, uint64_t clip)
{
    if (!are_good(options, assets))
        return TYTO_ERR_INVALID;
    const uint32_t per_camera = options->clips_per_camera ? options->clips_per_camera : 1;
    const uint32_t num_acts = (uint32_t)fmax(1, round(options->seconds / act_s));
    memset(scene, 0, sizeof(*scene));
    scene->clip = clip;
    scene->camera_idx = clip / per_camera;
    scene->seed = tyto_random_state(options->seed, 0, clip);
    scene->duration_ns = whole_frames_ns(options, options->seconds);
    scene->num_acts = num_acts;
    draw_camera(&scene->camera, options, scene->camera_idx);
    struct draft draft = {.scene = scene, .options = options, .assets = assets};
    for (uint32_t i = 0; i < num_acts; i++) {
        struct tyto_compose_act *act = draft.act = &scene->acts[i];
        act->begin_ns = whole_frames_ns(options, options->seconds * i / num_acts);
        act->end_ns = i + 1 == num_acts
                          ? scene->duration_ns
                          : whole_frames_ns(options, options->seconds * (i + 1) / num_acts);
        draft.act_number = clip * num_acts + i;
        draw_act(&draft);
    }
    uint64_t random = scene->seed;
    draw_noise(scene, assets, &random);
    draw_motions(scene, options);
    return TYTO_OK;
}
