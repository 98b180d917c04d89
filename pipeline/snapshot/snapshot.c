/* SPDX-License-Identifier: MIT */
/* Segments and events become pictures to be made. */
#include "pipeline/snapshot/snapshot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "pipeline/snapshot/internal.h"
#include "pipeline/snapshot/jpeg.h"

/* A picture is made anew for that much more, not for a trifle. */
#define LEAST_GAIN 0.01f
#define STOP_NS (5 * TYTO_NS_PER_S)

static const char person[] = "person";

/* --- jobs --------------------------------------------------------------------------------------
 */

/* The event's place among those that wait, for event_id "" that of the camera's picture of now;
 * num_jobs: it has none. Locked, as the next three. */
static uint32_t find_job(const struct tyto_snapshots *self, const char *event_id,
                         const char *camera)
{
    uint32_t i = 0;
    while (i < self->num_jobs && (strcmp(self->jobs[i].event_id, event_id) != 0 ||
                                  (!event_id[0] && strcmp(self->jobs[i].camera, camera) != 0)))
        i++;
    return i;
}

/* Of the event, else a new one; NULL: there is no room. Half of it is for events alone. */
static struct tyto_snapshot_job *place_for(struct tyto_snapshots *self, const char *event_id,
                                           const char *camera)
{
    const uint32_t i = find_job(self, event_id, camera);
    const uint32_t max = event_id[0] ? TYTO_SNAPSHOTS_MAX_WAITING : TYTO_SNAPSHOTS_MAX_WAITING / 2;
    if (i < self->num_jobs)
        tyto_snapshot_job_finish(&self->jobs[i]);
    else if (i < max)
        self->num_jobs++;
    return i < max ? &self->jobs[i] : NULL;
}

static void drop_job(struct tyto_snapshots *self, const char *event_id)
{
    const uint32_t i = find_job(self, event_id, "");
    if (i == self->num_jobs)
        return;
    tyto_snapshot_job_finish(&self->jobs[i]);
    self->num_jobs--;
    memmove(&self->jobs[i], &self->jobs[i + 1], (self->num_jobs - i) * sizeof(self->jobs[0]));
}

static bool is_on_its_way(const struct tyto_snapshots *self, const char *event_id)
{
    return strcmp(self->busy_id, event_id) == 0 || find_job(self, event_id, "") < self->num_jobs;
}

static void fill_people(struct tyto_snapshot_job *job, const struct tyto_snapshot_current *current)
{
    for (uint32_t i = 0; i < current->num_found; i++) {
        if (strcmp(current->names[i], person) == 0)
            job->people[job->num_people++] = current->boxes[i];
    }
}

/* Where the class is in the picture: the box of the highest detection that shows it, else where
 * the sound is. */
static void fill_box(struct tyto_snapshot_job *job, const struct tyto_snapshot_current *current)
{
    for (uint32_t i = 0; i < current->num_found && !job->has_box; i++) {
        job->has_box = tyto_sight_shows(current->names[i], job->class_name);
        job->box = current->boxes[i];
    }
    if (!job->has_box && current->has_box) {
        job->has_box = true;
        job->box = current->box;
    }
}

/* A picture that is to be made, as the current segment shows it, of nothing yet; NULL: there is no
 * room, which is counted. Locked, as the next two. */
static struct tyto_snapshot_job *make_job(struct tyto_snapshots *self, const char *event_id,
                                          const char *camera)
{
    const struct tyto_snapshot_current *current = &self->current;
    const bool hides = self->params.hides_people;
    struct tyto_polygon *masks = NULL;
    if (current->num_masks > 0) {
        const size_t bytes = current->num_masks * sizeof(*masks);
        masks = malloc(bytes);
        if (masks)
            memcpy(masks, current->masks, bytes);
    }
    struct tyto_snapshot_job *job =
        masks || current->num_masks == 0 ? place_for(self, event_id, camera) : NULL;
    if (!job) {
        free(masks);
        self->status.num_dropped++;
        return NULL;
    }
    *job = (struct tyto_snapshot_job){
        .media_ns = current->media_ns,
        .unix_ns = current->unix_ns,
        .picture = tyto_picture_ref(current->picture),
        .hides_people = hides,
        .hides_all = hides && current->may_lack,
        .masks = masks,
        .num_masks = current->num_masks,
    };
    snprintf(job->event_id, sizeof(job->event_id), "%s", event_id);
    snprintf(job->camera, sizeof(job->camera), "%s", camera);
    fill_people(job, current);
    pthread_cond_signal(&self->changed);
    return job;
}

/* Asks for a picture of the event. */
static void post(struct tyto_snapshots *self, struct tyto_snapshot_open *open, float score)
{
    if (self->params.hides_people && !self->current.can_hide) {
        self->status.num_withheld++;
        return;
    }
    struct tyto_snapshot_job *job = make_job(self, open->event_id, open->camera);
    if (!job)
        return;
    job->begin_unix_ns = open->begin_unix_ns;
    job->score = score;
    memcpy(job->class_name, open->class_name, sizeof(job->class_name));
    fill_box(job, &self->current);
    open->best = score;
}

/* Asks for a picture of now. Where people cannot be hidden there is none, as the detector does not
 * look at each second's. */
static void post_live(struct tyto_snapshots *self)
{
    if (self->params.sends && (!self->params.hides_people || self->current.can_hide) &&
        self->params.is_live_wanted(self->params.user))
        (void)make_job(self, "", self->current.camera);
}

/* --- segments ----------------------------------------------------------------------------------
 */

static void drop_current(struct tyto_snapshots *self)
{
    tyto_picture_unref(&self->current.picture);
    self->current.camera[0] = '\0';
    self->current.masks = NULL;
}

static bool knows_people(const struct tyto_detector *detector)
{
    bool knows = false;
    for (uint32_t i = 0; detector && i < detector->num_classes && !knows; i++)
        knows = strcmp(detector->names[i], person) == 0;
    return knows;
}

static void take_current(struct tyto_snapshots *self, const struct tyto_snapshot_segment *segment)
{
    struct tyto_snapshot_current *current = &self->current;
    drop_current(self);
    if (!segment->picture)
        return;
    snprintf(current->camera, sizeof(current->camera), "%s", segment->camera);
    current->picture = tyto_picture_ref(segment->picture);
    current->media_ns = segment->picture->pts_ns;
    current->unix_ns = segment->picture->pts_ns + segment->unix_offset_ns;
    current->can_hide = segment->is_looked_at && knows_people(segment->detector);
    current->may_lack = segment->num_found >= TYTO_SIGHT_MAX_FOUND;
    current->num_found = 0;
    for (uint32_t i = 0; segment->detector && i < segment->num_found && i < TYTO_SIGHT_MAX_FOUND;
         i++) {
        const struct tyto_detection *one = &segment->found[i];
        memcpy(current->names[i], segment->detector->names[one->class_idx],
               sizeof(current->names[0]));
        current->boxes[i] = (struct tyto_box){one->left, one->top, one->right, one->bottom};
        current->num_found++;
    }
    current->has_box = segment->evidence->has_box;
    current->box = segment->evidence->box;
    current->masks = segment->masks;
    current->num_masks = segment->num_masks;
}

/* By what the event was noticed. */
static float score_of(enum tyto_modality modality, float joint, float heard, float seen)
{
    const float score = modality == TYTO_MODALITY_A   ? heard
                        : modality == TYTO_MODALITY_V ? seen
                                                      : joint;
    return isfinite(score) ? score : 0.0f;
}

bool tyto_snapshots_are_wanted(struct tyto_snapshots *self)
{
    pthread_mutex_lock(&self->lock);
    const bool sends = self->params.sends;
    const bool has_files = self->uri != NULL;
    pthread_mutex_unlock(&self->lock);
    return has_files || (sends && (self->params.is_wanted(self->params.user) ||
                                   self->params.is_live_wanted(self->params.user)));
}

void tyto_snapshots_segment(struct tyto_snapshots *self,
                            const struct tyto_snapshot_segment *segment)
{
    const struct tyto_evidence *evidence = segment->evidence;
    take_current(self, segment);
    if (!self->current.picture)
        return;
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->num_open; i++) {
        struct tyto_snapshot_open *open = &self->open[i];
        const uint32_t k = open->class_id;
        if (strcmp(open->camera, segment->camera) != 0 || k >= segment->num_classes ||
            strcmp(segment->class_names[k], open->class_name) != 0)
            continue;
        const bool has_both = evidence->has_heard_seen;
        const float score =
            score_of(has_both ? open->modality : TYTO_MODALITY_AV, evidence->joint[k],
                     has_both ? evidence->heard[k] : 0, has_both ? evidence->seen[k] : 0);
        if (score > open->best + LEAST_GAIN)
            post(self, open, score);
    }
    post_live(self);
    pthread_mutex_unlock(&self->lock);
}

/* --- events ------------------------------------------------------------------------------------
 */

static struct tyto_snapshot_open *begin_event(struct tyto_snapshots *self,
                                              const struct tyto_event *event)
{
    if ((!self->uri && !self->params.sends) || self->num_open == TYTO_SNAPSHOTS_MAX_OPEN)
        return NULL;
    struct tyto_snapshot_open *open = &self->open[self->num_open++];
    *open = (struct tyto_snapshot_open){
        .class_id = event->class_id,
        .modality = event->modality,
        .begin_unix_ns = event->begin_unix_ns,
        .best = -1.0f,
    };
    memcpy(open->event_id, event->id, sizeof(open->event_id));
    memcpy(open->camera, event->camera, sizeof(open->camera));
    memcpy(open->class_name, event->class_name, sizeof(open->class_name));
    const uint32_t last = event->num_segments - 1;
    if (event->num_segments > 0 && self->current.picture &&
        strcmp(self->current.camera, event->camera) == 0)
        post(self, open,
             score_of(event->modality, event->segment_joint[last], event->segment_heard[last],
                      event->segment_seen[last]));
    return open;
}

static void set_uri(const struct tyto_snapshots *self, const struct tyto_snapshot_open *open,
                    struct tyto_event *event)
{
    char name[TYTO_FILE_NAME_MAX];
    const bool is_end = event->phase == TYTO_EVENT_PHASE_END;
    const bool will_be = is_end && !self->status.is_failing && is_on_its_way(self, event->id);
    if (!self->uri || !(open->is_written || will_be))
        return;
    tyto_file_name(name, open->begin_unix_ns, open->class_name, open->event_id);
    const int num = snprintf(event->snapshot_uri, sizeof(event->snapshot_uri), "%s/%s/%s.jpg",
                             self->uri, open->camera, name);
    if (num < 0 || (size_t)num >= sizeof(event->snapshot_uri))
        event->snapshot_uri[0] = '\0';
}

void tyto_snapshots_event(struct tyto_snapshots *self, struct tyto_event *event)
{
    event->snapshot_uri[0] = '\0';
    pthread_mutex_lock(&self->lock);
    struct tyto_snapshot_open *open = tyto_snapshots_find_open(self, event->id);
    if (!open && event->phase == TYTO_EVENT_PHASE_NEW)
        open = begin_event(self, event);
    if (open) {
        open->class_id = event->class_id;
        open->modality = event->modality;
        set_uri(self, open, event);
    }
    if (open && event->phase == TYTO_EVENT_PHASE_RETRACTED)
        drop_job(self, event->id);
    if (open &&
        (event->phase == TYTO_EVENT_PHASE_END || event->phase == TYTO_EVENT_PHASE_RETRACTED))
        *open = self->open[--self->num_open];
    pthread_mutex_unlock(&self->lock);
}

/* --- life --------------------------------------------------------------------------------------
 */

static bool are_sound(const struct tyto_snapshots_params *params)
{
    return params->width >= TYTO_SNAPSHOTS_MIN_WIDTH && params->width <= TYTO_SNAPSHOTS_MAX_WIDTH &&
           params->quality >= 1 && params->quality <= 100 && params->is_wanted &&
           params->is_live_wanted && params->on_thumbnail &&
           (!params->store.dir || strlen(params->store.dir) < TYTO_SNAPSHOTS_DIR_BYTES);
}

enum tyto_err tyto_snapshots_change(struct tyto_snapshots *self,
                                    const struct tyto_snapshots_params *params)
{
    if (!are_sound(params))
        return TYTO_ERR_INVALID;
    const char *dir = params->store.dir ? params->store.dir : "";
    char *uri = dir[0] ? tyto_clip_dir_uri(dir) : NULL;
    if (dir[0] && !uri)
        return TYTO_ERR_NOMEM;
    pthread_mutex_lock(&self->lock);
    free(self->uri);
    self->uri = uri;
    self->params = *params;
    snprintf(self->dir, sizeof(self->dir), "%s", dir);
    self->params.store.dir = self->dir;
    self->params.store.ending = ".jpg";
    if (self->params.store.max_bytes == 0)
        self->params.store.max_bytes = TYTO_SNAPSHOTS_DEFAULT_MAX_BYTES;
    self->has_change = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return TYTO_OK;
}

static void free_all(struct tyto_snapshots *self)
{
    for (uint32_t i = 0; i < self->num_jobs; i++)
        tyto_snapshot_job_finish(&self->jobs[i]);
    tyto_clip_store_destroy(&self->store);
    tyto_canvas_finish(&self->canvas);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self->open);
    free(self->uri);
    free(self);
}

enum tyto_err tyto_snapshots_create(const struct tyto_snapshots_params *params,
                                    struct tyto_snapshots **ret_snapshots)
{
    struct tyto_snapshots *self = calloc(1, sizeof(*self));
    if (!self)
        return TYTO_ERR_NOMEM;
    tyto_cond_init(&self->changed);
    pthread_mutex_init(&self->lock, NULL);
    self->open = calloc(TYTO_SNAPSHOTS_MAX_OPEN, sizeof(*self->open));
    enum tyto_err err = self->open ? tyto_snapshots_change(self, params) : TYTO_ERR_NOMEM;
    if (!err && pthread_create(&self->thread, NULL, tyto_snapshots_work, self) != 0)
        err = TYTO_ERR_NOMEM;
    if (err)
        free_all(self);
    else
        *ret_snapshots = self;
    return err;
}

bool tyto_snapshots_can_code(void)
{
    return tyto_jpeg_is_there();
}

bool tyto_snapshots_destroy(struct tyto_snapshots **snapshots)
{
    if (!snapshots || !*snapshots)
        return true;
    struct tyto_snapshots *self = *snapshots;
    *snapshots = NULL;
    drop_current(self);
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (!tyto_thread_join(self->thread, STOP_NS))
        return false;
    free_all(self);
    return true;
}

uint64_t tyto_snapshots_num_turns(const struct tyto_snapshots *self)
{
    return atomic_load(&self->num_turns);
}

void tyto_snapshots_get_status(struct tyto_snapshots *self,
                               struct tyto_snapshots_status *ret_status)
{
    pthread_mutex_lock(&self->lock);
    *ret_status = self->status;
    ret_status->num_waiting = self->num_jobs;
    pthread_mutex_unlock(&self->lock);
}
