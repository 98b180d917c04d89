/* SPDX-License-Identifier: MIT */
#include "trainer/data/ave/hdf5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_LINKS = 4096, /* in the root */
    MAX_FILTERS = 8,
    TRIAL_SECONDS = 20, /* of processor time to open a file */
    CACHE_SLOTS = 12421,
    NAMES_BYTES = 160,
};

#define MAX_ITEMS (1ull << 40)       /* of a dataset */
#define MAX_CHUNK_BYTES (256u << 20) /* that the library holds whole */
#define CACHE_BYTES (64u << 20)      /* of chunks, for each dataset */

struct tyto_hdf5 {
    char path[256];
    hid_t file, dataset;
    struct tyto_hdf5_info info;
};

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER; /* guards every call of the library */

/* The library prints nothing and loads nothing. */
static void lock_library(void)
{
    pthread_mutex_lock(&library);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

/* --- which dataset ------------------------------------------------------------------- */

struct search {
    const char *wanted;
    char found[128];
    char names[NAMES_BYTES]; /* of all, for people */
    uint32_t num, num_links;
    bool is_exact;
};

static herr_t look_at_link(hid_t group, const char *name, const H5L_info_t *link, void *user)
{
    struct search *search = user;
    H5O_info_t object;
    if (++search->num_links > MAX_LINKS)
        return 1;
    if (link->type != H5L_TYPE_HARD || strlen(name) >= sizeof(search->found) ||
        H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
        object.type != H5O_TYPE_DATASET)
        return 0;
    const size_t num = strlen(search->names);
    snprintf(search->names + num, sizeof(search->names) - num, "%s%.40s", num ? ", " : "", name);
    if (!search->is_exact)
        snprintf(search->found, sizeof(search->found), "%s", name);
    search->is_exact |= strcmp(name, search->wanted ? search->wanted : "avadataset") == 0;
    search->num++;
    return 0;
}

static enum tyto_err find_dataset(struct tyto_hdf5 *hdf5, const char *name,
                                  struct tyto_fault *ret_fault)
{
    struct search search = {.wanted = name};
    hsize_t at = 0;
    const herr_t status =
        H5Literate(hdf5->file, H5_INDEX_NAME, H5_ITER_NATIVE, &at, look_at_link, &search);
    if (status < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, hdf5->path, 0, NULL,
                              "its list of datasets is damaged: copy the file again");
    if (!search.is_exact && (name || search.num != 1)) {
        const enum tyto_err err = search.num ? TYTO_ERR_FORMAT : TYTO_ERR_NOT_FOUND;
        return tyto_fault_set(ret_fault, err, hdf5->path, 0, name,
                              search.num == 0 ? "it holds no dataset%.0s"
                              : name          ? "it has no such dataset; it has: %s"
                                              : "it holds several datasets, and none is called "
                                                "avadataset: %s. Keep one in the file",
                              search.names);
    }
    memcpy(hdf5->info.name, search.found, sizeof(hdf5->info.name));
    return TYTO_OK;
}

/* --- what it is like ----------------------------------------------------------------- */

static enum tyto_err refuse(const struct tyto_hdf5 *hdf5, enum tyto_err err,
                            struct tyto_fault *ret_fault, const char *text)
{
    return tyto_fault_set(ret_fault, err, hdf5->path, 0, hdf5->info.name, "%s", text);
}

static enum tyto_err read_type(struct tyto_hdf5 *hdf5, struct tyto_fault *ret_fault)
{
    const hid_t type = H5Dget_type(hdf5->dataset);
    const H5T_class_t kind = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    hdf5->info.item_bytes = type >= 0 ? (uint32_t)H5Tget_size(type) : 0;
    hdf5->info.is_float = kind == H5T_FLOAT;
    if (type >= 0)
        H5Tclose(type);
    if ((kind != H5T_FLOAT && kind != H5T_INTEGER) || hdf5->info.item_bytes == 0 ||
        hdf5->info.item_bytes > 8)
        return refuse(hdf5, TYTO_ERR_UNSUPPORTED, ret_fault,
                      "its values are no numbers of 1 to 8 bytes");
    return TYTO_OK;
}

static enum tyto_err read_dims(struct tyto_hdf5 *hdf5, struct tyto_fault *ret_fault)
{
    struct tyto_hdf5_info *info = &hdf5->info;
    hsize_t dims[H5S_MAX_RANK];
    const hid_t space = H5Dget_space(hdf5->dataset);
    const bool is_simple = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE;
    const int num = is_simple ? H5Sget_simple_extent_ndims(space) : -1;
    const bool is_known = num >= 1 && num <= TYTO_HDF5_MAX_DIMS &&
                          H5Sget_simple_extent_dims(space, dims, NULL) == num;
    if (space >= 0)
        H5Sclose(space);
    if (!is_known)
        return refuse(hdf5, TYTO_ERR_FORMAT, ret_fault, "it is no table of 1 to 8 dimensions");
    uint64_t num_items = 1;
    info->num_dims = (uint32_t)num;
    info->row_items = 1;
    for (int i = 0; i < num; i++) {
        info->dims[i] = dims[i];
        if (dims[i] == 0 || dims[i] > MAX_ITEMS / num_items)
            return refuse(hdf5, TYTO_ERR_SHAPE, ret_fault, "it is empty, or too large");
        num_items *= dims[i];
        info->row_items *= i > 0 ? dims[i] : 1;
    }
    return TYTO_OK;
}

static enum tyto_err check_filters(struct tyto_hdf5 *hdf5, hid_t created,
                                   struct tyto_fault *ret_fault)
{
    const int num = H5Pget_nfilters(created);
    hdf5->info.is_compressed = num > 0;
    for (int i = 0; i < num; i++) {
        char name[64] = "";
        unsigned flags, config;
        size_t num_values = 0;
        const H5Z_filter_t filter = H5Pget_filter2(created, (unsigned)i, &flags, &num_values, NULL,
                                                   sizeof(name), name, &config);
        name[sizeof(name) - 1] = '\0';
        if (num > MAX_FILTERS || filter < 0 || H5Zfilter_avail(filter) <= 0)
            return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, hdf5->path, 0, hdf5->info.name,
                                  "it is packed by '%.40s', which is not there: repack it by "
                                  "h5repack -f GZIP=1 IN OUT",
                                  name[0] ? name : "an unknown filter");
    }
    return TYTO_OK;
}

/* Goes through the whole index, so that a damaged one shows now. */
static bool chunks_are_sound(const struct tyto_hdf5 *hdf5)
{
    hsize_t num_chunks = 0;
    const hid_t space = H5Dget_space(hdf5->dataset);
    const bool ok = space >= 0 && H5Dget_num_chunks(hdf5->dataset, space, &num_chunks) >= 0;
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

static enum tyto_err read_layout(struct tyto_hdf5 *hdf5, struct tyto_fault *ret_fault)
{
    struct tyto_hdf5_info *info = &hdf5->info;
    const hid_t created = H5Dget_create_plist(hdf5->dataset);
    const H5D_layout_t layout = created >= 0 ? H5Pget_layout(created) : H5D_LAYOUT_ERROR;
    enum tyto_err err = TYTO_OK;
    if ((layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED && layout != H5D_COMPACT) ||
        H5Pget_external_count(created) != 0)
        err = refuse(hdf5, TYTO_ERR_UNSUPPORTED, ret_fault,
                     "its values are kept in other files: repack it by h5repack IN OUT");
    if (!err)
        err = check_filters(hdf5, created, ret_fault);
    if (!err && layout == H5D_CHUNKED) {
        hsize_t chunk[H5S_MAX_RANK];
        uint64_t num_bytes = info->item_bytes;
        const int num = H5Pget_chunk(created, H5S_MAX_RANK, chunk);
        for (int i = 0; i < num && i < TYTO_HDF5_MAX_DIMS && num_bytes <= MAX_CHUNK_BYTES; i++) {
            info->chunk[i] = chunk[i];
            num_bytes *= chunk[i];
        }
        if (num != (int)info->num_dims || num_bytes > MAX_CHUNK_BYTES || num_bytes == 0)
            err = refuse(hdf5, TYTO_ERR_UNSUPPORTED, ret_fault,
                         "its chunks are larger than 256 MiB: repack it by h5repack -l "
                         "CHUNK=1x10x7x7x512 IN OUT");
        else if (!chunks_are_sound(hdf5))
            err = refuse(hdf5, TYTO_ERR_FORMAT, ret_fault,
                         "its list of chunks is damaged: copy the file again");
    }
    if (created >= 0)
        H5Pclose(created);
    return err;
}

static enum tyto_err open_dataset(struct tyto_hdf5 *hdf5, struct tyto_fault *ret_fault)
{
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access < 0)
        return TYTO_ERR_NOMEM;
    H5Pset_chunk_cache(access, CACHE_SLOTS, CACHE_BYTES, 0.75);
    hdf5->dataset = H5Dopen2(hdf5->file, hdf5->info.name, access);
    H5Pclose(access);
    if (hdf5->dataset < 0)
        return refuse(hdf5, TYTO_ERR_FORMAT, ret_fault,
                      "the dataset is damaged: copy the file again");
    enum tyto_err err = read_type(hdf5, ret_fault);
    if (!err)
        err = read_dims(hdf5, ret_fault);
    if (!err)
        err = read_layout(hdf5, ret_fault);
    return err;
}

static void close_all(struct tyto_hdf5 *hdf5)
{
    if (hdf5->dataset >= 0)
        H5Dclose(hdf5->dataset);
    if (hdf5->file >= 0)
        H5Fclose(hdf5->file);
    hdf5->dataset = hdf5->file = -1;
}

static enum tyto_err open_all(struct tyto_hdf5 *hdf5, const char *name,
                              struct tyto_fault *ret_fault)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return TYTO_ERR_NOMEM;
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    hdf5->file = H5Fopen(hdf5->path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (hdf5->file < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, hdf5->path, 0, NULL,
                              "it is no HDF5 file, or is damaged: copy it again");
    enum tyto_err err = find_dataset(hdf5, name, ret_fault);
    if (!err)
        err = open_dataset(hdf5, ret_fault);
    if (err)
        close_all(hdf5);
    return err;
}

/* --- trial --------------------------------------------------------------------------- */

/* The library crashes or hangs on some damaged files. What happens on opening happens in a child
 * first; how it ended is all that comes back. */
static bool survives_trial(struct tyto_hdf5 *hdf5, const char *name)
{
    const pid_t child = fork();
    if (child < 0)
        return true; /* no room for a child: the risk is taken */
    if (child == 0) {
        static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU};
        const struct rlimit no_core = {0, 0}, time = {TRIAL_SECONDS, TRIAL_SECONDS + 1};
        for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
            sigaction(deadly[i], &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        setrlimit(RLIMIT_CORE, &no_core);
        setrlimit(RLIMIT_CPU, &time);
        const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nothing, STDERR_FILENO);
        (void)!open_all(hdf5, name, NULL);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum tyto_err tyto_hdf5_open(const char *path, const char *name, struct tyto_hdf5 **ret_hdf5,
                             struct tyto_fault *ret_fault)
{
    if (strlen(path) >= sizeof(((struct tyto_hdf5 *)NULL)->path))
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, path, 0, NULL, "its path is too long");
    if (access(path, R_OK) != 0)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "it cannot be read: %s", strerror(errno));
    struct tyto_hdf5 *hdf5 = calloc(1, sizeof(*hdf5));
    if (!hdf5)
        return TYTO_ERR_NOMEM;
    hdf5->file = hdf5->dataset = -1;
    snprintf(hdf5->path, sizeof(hdf5->path), "%s", path);
    lock_library();
    const enum tyto_err err =
        survives_trial(hdf5, name)
            ? open_all(hdf5, name, ret_fault)
            : tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                             "it is damaged so that the HDF5 library crashes: copy it again");
    pthread_mutex_unlock(&library);
    if (err) {
        free(hdf5);
        return err;
    }
    *ret_hdf5 = hdf5;
    return TYTO_OK;
}

void tyto_hdf5_close(struct tyto_hdf5 **hdf5)
{
    if (!*hdf5)
        return;
    lock_library();
    close_all(*hdf5);
    pthread_mutex_unlock(&library);
    free(*hdf5);
    *hdf5 = NULL;
}

const char *tyto_hdf5_get_path(const struct tyto_hdf5 *hdf5)
{
    return hdf5->path;
}

const struct tyto_hdf5_info *tyto_hdf5_get_info(const struct tyto_hdf5 *hdf5)
{
    return &hdf5->info;
}

/* --- reading ------------------------------------------------------------------------- */

static bool read_rows(struct tyto_hdf5 *hdf5, uint64_t begin, uint64_t num, hid_t type,
                      void *values)
{
    const struct tyto_hdf5_info *info = &hdf5->info;
    hsize_t from[TYTO_HDF5_MAX_DIMS] = {begin}, count[TYTO_HDF5_MAX_DIMS] = {num};
    for (uint32_t i = 1; i < info->num_dims; i++)
        count[i] = info->dims[i];
    const hid_t in_file = H5Dget_space(hdf5->dataset);
    const hid_t in_memory = H5Screate_simple((int)info->num_dims, count, NULL);
    const bool ok = in_file >= 0 && in_memory >= 0 &&
                    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 &&
                    H5Dread(hdf5->dataset, type, in_memory, in_file, H5P_DEFAULT, values) >= 0;
    if (in_memory >= 0)
        H5Sclose(in_memory);
    if (in_file >= 0)
        H5Sclose(in_file);
    return ok;
}

static enum tyto_err read_as(struct tyto_hdf5 *hdf5, uint64_t begin, uint64_t num, bool as_float,
                             void *ret_values, struct tyto_fault *ret_fault)
{
    if (num == 0 || begin > hdf5->info.dims[0] || num > hdf5->info.dims[0] - begin)
        return TYTO_ERR_INVALID;
    lock_library();
    const hid_t type = as_float ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT64;
    const bool ok = read_rows(hdf5, begin, num, type, ret_values);
    pthread_mutex_unlock(&library);
    if (ok)
        return TYTO_OK;
    return tyto_fault_set(
        ret_fault, TYTO_ERR_IO, hdf5->path, 0, hdf5->info.name,
        "row %llu cannot be read: the file is damaged or cut short, copy it again",
        (unsigned long long)begin);
}

enum tyto_err tyto_hdf5_read_f32(struct tyto_hdf5 *hdf5, uint64_t begin, uint64_t num,
                                 float *ret_values, struct tyto_fault *ret_fault)
{
    return read_as(hdf5, begin, num, true, ret_values, ret_fault);
}

enum tyto_err tyto_hdf5_read_i64(struct tyto_hdf5 *hdf5, uint64_t begin, uint64_t num,
                                 int64_t *ret_values, struct tyto_fault *ret_fault)
{
    return read_as(hdf5, begin, num, false, ret_values, ret_fault);
}
