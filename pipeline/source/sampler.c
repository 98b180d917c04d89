/* SPDX-License-Identifier: MIT */
#include "pipeline/source/sampler.h"

/* Encoders put a keyframe a frame early or late. */
#define TOLERANCE_SHARE 20
/* After keyframes were once too far apart they have to prove themselves again. */
#define CLOSE_AFTER_FAR 8
/* A keyframe lost on the way is no reason to decode everything, least of all
 * when it was lost because there is too much to do: so many missing hops are. */
#define FAR_LIMIT 8
/* Of hops: one keyframe that was lost on the way lets the next one come within these. */
#define LACKING_HALVES 5
#define BACK_NS 1000000000ll
/* A live stream without one for so long has none: encoders can refresh bit by bit. */
#define FIRST_KEY_NS (60ll * 1000000000)

void tyto_sampler_init(struct tyto_sampler *sampler, enum tyto_keyframes policy, int64_t hop_ns,
                       int64_t length_ns, bool is_live)
{
    *sampler = (struct tyto_sampler){
        .policy = policy,
        .hop_ns = hop_ns,
        .length_ns = length_ns,
        .is_live = is_live,
        .only_keys = policy == TYTO_KEYFRAMES_ALWAYS,
        .num_close_due = 1,
    };
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

/* The k-th middle lies in (t - d/2, t + d/2] exactly for the picture nearest to
 * it when pictures come every d. */
static bool pick(const struct tyto_sampler *sampler, struct tyto_picker *picker, int64_t t_ns)
{
    if (picker->any && t_ns > picker->last_ns)
        picker->interval_ns = t_ns - picker->last_ns;
    if (picker->any && t_ns < picker->last_ns - BACK_NS)
        picker->picked = false; /* the clock was set back */
    picker->any = true;
    picker->last_ns = t_ns;
    const int64_t half_ns = picker->interval_ns < sampler->hop_ns ? picker->interval_ns / 2 : 0;
    const int64_t slot = floor_div(t_ns + half_ns - sampler->length_ns / 2, sampler->hop_ns);
    /* Of pictures about a hop apart each is needed, jitter or not. */
    if (picker->interval_ns <= sampler->hop_ns * 2 / 3 && picker->picked &&
        slot <= picker->last_slot)
        return false;
    picker->picked = true;
    picker->last_slot = slot;
    return true;
}

/* What the distance of a keyframe from the one before says. */
static void judge(struct tyto_sampler *sampler, int64_t interval_ns)
{
    const int64_t far_ns = sampler->hop_ns + sampler->hop_ns / TOLERANCE_SHARE;
    if (interval_ns > 0 && interval_ns <= far_ns) {
        sampler->num_close++;
        sampler->num_far = 0;
        sampler->proven = true;
        sampler->only_keys |= sampler->num_close >= sampler->num_close_due;
        return;
    }
    const int64_t num_hops = interval_ns > 0 ? interval_ns / far_ns : 1;
    sampler->num_close = 0;
    sampler->num_far += (uint32_t)(num_hops < FAR_LIMIT ? num_hops : FAR_LIMIT);
    if (sampler->only_keys && (!sampler->proven || sampler->num_far >= FAR_LIMIT))
        tyto_sampler_decode_all(sampler); /* from this keyframe on */
}

bool tyto_sampler_wants_coded(struct tyto_sampler *sampler, int64_t pts_ns, bool is_key)
{
    if (sampler->policy == TYTO_KEYFRAMES_NEVER)
        return true;
    if (!sampler->any)
        sampler->first_ns = pts_ns;
    sampler->any = true;
    if (!is_key)
        return !sampler->only_keys &&
               (!tyto_sampler_waits_for_key(sampler) || pts_ns - sampler->first_ns > FIRST_KEY_NS);
    if (sampler->num_keys > 0 && sampler->policy == TYTO_KEYFRAMES_AUTO)
        judge(sampler, pts_ns - sampler->last_key_ns);
    sampler->num_keys++;
    sampler->last_key_ns = pts_ns;
    const bool wanted = pick(sampler, &sampler->keys, pts_ns);
    return wanted || !sampler->only_keys;
}

bool tyto_sampler_lacks_key(const struct tyto_sampler *sampler, int64_t pts_ns)
{
    return sampler->only_keys && sampler->policy == TYTO_KEYFRAMES_AUTO && sampler->num_keys > 0 &&
           pts_ns - sampler->last_key_ns > sampler->hop_ns * LACKING_HALVES / 2;
}

void tyto_sampler_decode_all(struct tyto_sampler *sampler)
{
    sampler->only_keys = false;
    sampler->num_close = 0;
    sampler->num_close_due = CLOSE_AFTER_FAR;
}

bool tyto_sampler_waits_for_key(const struct tyto_sampler *sampler)
{
    return sampler->is_live && sampler->any && sampler->num_keys == 0 &&
           sampler->policy != TYTO_KEYFRAMES_NEVER;
}

bool tyto_sampler_wants_decoded(struct tyto_sampler *sampler, int64_t pts_ns, bool all_come)
{
    const bool wanted = pick(sampler, &sampler->frames, pts_ns);
    return wanted || (sampler->only_keys && !all_come);
}
