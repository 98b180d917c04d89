/* SPDX-License-Identifier: MIT */
/* What happens in a clip: which object appears where and when, what sounds when, before which
 * place, through which camera. A pure function of options, asset list, seed and clip number; knows
 * nothing of pixels and samples. */
#ifndef TYTO_TRAINER_COMPOSE_SCENE_H
#define TYTO_TRAINER_COMPOSE_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "trainer/compose/assets.h"

enum {
    TYTO_COMPOSE_MAX_ACTS = 64, /* a clip of ten minutes */
    TYTO_COMPOSE_MAX_OBJECTS = 4 * TYTO_COMPOSE_MAX_ACTS,
    TYTO_COMPOSE_MAX_SOUNDS = 4 * TYTO_COMPOSE_MAX_ACTS,
};

/* What an act (some ten seconds before one place) is about. */
enum tyto_compose_kind {
    TYTO_COMPOSE_BOTH,     /* one event, seen and heard; one of the two may come later */
    TYTO_COMPOSE_HEARD,    /* sound from outside the picture */
    TYTO_COMPOSE_SEEN,     /* a silent object */
    TYTO_COMPOSE_MISMATCH, /* an object of one class, a sound of another */
    TYTO_COMPOSE_SEVERAL,  /* two or three events of different classes */
    TYTO_COMPOSE_NOTHING,
    TYTO_COMPOSE_NUM_KINDS,
};
extern const char *const tyto_compose_kind_names[TYTO_COMPOSE_NUM_KINDS];

enum tyto_compose_look {
    TYTO_COMPOSE_CUT_OUT, /* against what its border looks like; a soft oval where that fails */
    TYTO_COMPOSE_OVAL,
    TYTO_COMPOSE_RECTANGLE,
    TYTO_COMPOSE_FILLING, /* the whole picture, as if the camera had been cut */
};
extern const char *const tyto_compose_look_names[];

/* How an object comes and goes. */
enum tyto_compose_entrance { TYTO_COMPOSE_POP, TYTO_COMPOSE_FADE, TYTO_COMPOSE_SLIDE };
extern const char *const tyto_compose_entrance_names[];

/* What an object does while its sound is heard (trainer/compose/motion.h). */
enum tyto_compose_motion {
    TYTO_COMPOSE_STILL,
    TYTO_COMPOSE_SWELL,   /* grows with the sound's loudness */
    TYTO_COMPOSE_HOP,     /* is the higher the louder */
    TYTO_COMPOSE_TREMBLE, /* swings from side to side, the wider the louder */
    TYTO_COMPOSE_FLASH,   /* is the brighter the louder */
    TYTO_COMPOSE_NUM_MOTIONS,
};
extern const char *const tyto_compose_motion_names[TYTO_COMPOSE_NUM_MOTIONS];

#define TYTO_COMPOSE_NO_EVENT UINT32_MAX
#define TYTO_COMPOSE_NO_ENTRY UINT32_MAX

struct tyto_compose_object {
    uint32_t entry_idx, event; /* event: number in the clip; NO_EVENT: a distractor */
    int64_t begin_ns, end_ns;  /* shown from the first to before the last; whole frames */
    enum tyto_compose_look look;
    enum tyto_compose_entrance entrance;
    bool is_mirrored;
    float height, grow;   /* share of the picture's height at begin; times grow at the end */
    float x0, foot0, x1;  /* middle and foot at begin, middle at the end; shares of the picture */
    float bob, max_width; /* how much it hops; share of the picture's width it may take */
    float aspect;         /* width / height; 1 until its picture is read */
    enum tyto_compose_motion motion;
    uint32_t sound_idx;      /* whose loudness it moves with; NO_ENTRY: a rhythm of its own */
    float reach, tremble_hz; /* at the loudest: share of its height, of its brightness */
    uint64_t motion_seed;
};

struct tyto_compose_sound {
    uint32_t entry_idx, event;
    int64_t begin_ns, end_ns; /* on the sound's own timeline: what is written to the file */
    float snr_db;             /* its power from begin to end, over the noise's in the whole clip */
    float pause_s;            /* between repetitions */
    float start;              /* share of the recording where it begins */
    float speed, tilt;        /* 1: as recorded; -0.6 dull to 0.6 bright */
    float room_s, wet_db;     /* reverberation's RT60, 0: none; its power over the dry sound's */
    uint64_t seed;
};

struct tyto_compose_act {
    enum tyto_compose_kind kind;
    int64_t begin_ns, end_ns;
    uint32_t place_idx;                 /* entry; NO_ENTRY: a painted wall, floor and sky */
    float zoom0, x0, y0, zoom1, x1, y1; /* part of the place that is seen: 1 / zoom of it */
    float blur;                         /* 0..1 */
    uint64_t seed;
};

enum tyto_compose_noise {
    TYTO_COMPOSE_WHITE,
    TYTO_COMPOSE_PINK,
    TYTO_COMPOSE_HUM,    /* pink with mains hum */
    TYTO_COMPOSE_BABBLE, /* up to three recordings of "other" at once */
    TYTO_COMPOSE_NUM_NOISES,
};
extern const char *const tyto_compose_noise_names[TYTO_COMPOSE_NUM_NOISES];

/* One camera's way to spoil picture and sound; may be shared by clips. */
struct tyto_compose_camera {
    int64_t offset_ns; /* the sound is written this much later than it was; negative: earlier */
    float gain, lift, gamma; /* of brightness */
    float drift, drift_hz;   /* slow change of brightness: share, and how often */
    float tint_u, tint_v, saturation;
    float noise, shake; /* grey values; share of the picture's height */
    uint32_t num_blurs; /* passes of a 3 x 3 binomial */
    uint32_t quality;   /* of the encoder: CRF */
};

struct tyto_compose_scene {
    uint64_t clip, camera_idx, seed;
    int64_t duration_ns;
    uint32_t num_acts, num_objects, num_sounds, num_events;
    struct tyto_compose_act acts[TYTO_COMPOSE_MAX_ACTS];
    struct tyto_compose_object objects[TYTO_COMPOSE_MAX_OBJECTS]; /* the last is in front */
    struct tyto_compose_sound sounds[TYTO_COMPOSE_MAX_SOUNDS];
    struct tyto_compose_camera camera;
    enum tyto_compose_noise noise;
    float noise_db; /* power of the noise over full scale */
    uint32_t babble[3], num_babble;
};

struct tyto_compose_options {
    uint64_t seed;
    double seconds;                        /* of a clip, 2..600 */
    double fps;                            /* whole frames end events; 1..60 */
    uint32_t width_px, height_px;          /* even, 64..1920 */
    double shares[TYTO_COMPOSE_NUM_KINDS]; /* of acts; their sum counts as 1 */
    double min_snr_db, max_snr_db;
    double min_height, max_height; /* of objects, share of the picture's; 0.02..1 */
    double max_offset_s;           /* streams differ by up to this much; 0: not at all */
    double whole_seconds;          /* share of events that begin and end on whole seconds */
    double
        lags; /* share of events that begin, and that end, up to 1.5 s apart in the two streams */
    double distractors;        /* share of acts with an object, and with a sound, of no label */
    double moving;             /* share of objects that move with their sound, or by themselves */
    uint32_t clips_per_camera; /* in a row; 0 counts as 1 */
    double quiet_s;            /* at an act's begin and at its end, without events; at most 4 */
    bool is_still; /* one place for the whole clip; the camera neither pans nor zooms, and nothing
                      fills the picture as if it had been cut */
};

/* What is used where nobody says otherwise: 10 s, 320 x 240 at 12.5, SNR 0..20 dB, objects 0.35 to
 * 0.9 high. */
void tyto_compose_options_default(struct tyto_compose_options *ret_options);

/* Clip number clip (from 0) of an endless series. Its objects' aspects are 1. INVALID when options
 * are out of range or no kind has a share. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_scene_init(struct tyto_compose_scene *scene,
                                      const struct tyto_compose_options *options,
                                      const struct tyto_compose_assets *assets, uint64_t clip);

struct tyto_compose_box {
    float x0, y0, x1, y1; /* shares of the picture, y downwards; may lie outside */
    float opacity;        /* 0: not shown at this time */
};

/* Where the object is at a time; the camera's shake comes on top. picture_aspect: width / height
 * of the frame. */
struct tyto_compose_box tyto_compose_object_box(const struct tyto_compose_object *object,
                                                float picture_aspect, int64_t time_ns);

#endif
