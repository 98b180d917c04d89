/* SPDX-License-Identifier: MIT */
#include "cli/fetch/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "files/digest.h"

/* Of tries that brought nothing, and of all. */
enum { MAX_IDLE_TRIES = 8, MAX_TRIES = 200, CONNECT_S = 20, FIRST_PAUSE_MS = 200, MS_PER_S = 1000 };

struct fetching {
    const struct tyto_fetch_params *params;
    int fd;
    uint64_t num_bytes; /* in the file */
    uint64_t until_ns;
    bool is_too_large, is_stopped;
    int write_errno; /* 0: the disk took all */
    char said[CURL_ERROR_SIZE];
};

static size_t on_bytes(char *bytes, size_t size, size_t num, void *user)
{
    struct fetching *fetching = user;
    const size_t wanted = size * num;
    if (fetching->num_bytes + wanted > fetching->params->max_bytes) {
        fetching->is_too_large = true;
        return 0;
    }
    for (size_t done = 0; done < wanted;) {
        const ssize_t wrote = write(fetching->fd, bytes + done, wanted - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            fetching->write_errno = wrote < 0 ? errno : EIO;
            return 0;
        }
        done += (size_t)wrote;
        fetching->num_bytes += (uint64_t)wrote;
    }
    return wanted;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    struct fetching *fetching = user;
    const struct tyto_fetch_params *params = fetching->params;
    (void)up_total;
    (void)up;
    (void)now;
    const uint64_t all = total > 0 ? fetching->num_bytes + (uint64_t)(total - now) : 0;
    if (params->on_progress && !params->on_progress(params->user, fetching->num_bytes, all))
        fetching->is_stopped = true;
    return fetching->is_stopped;
}

/* --- one try -----------------------------------------------------------------------------------
 */

static bool is_secure(const char *url)
{
    return strncmp(url, "https:", 6) == 0;
}

static CURLcode try_once(struct fetching *fetching, long *ret_status)
{
    const struct tyto_fetch_params *params = fetching->params;
    const uint64_t now_ns = tyto_clock_mono_ns();
    CURL *curl = curl_easy_init();
    *ret_status = 0;
    fetching->said[0] = '\0';
    if (!curl)
        return CURLE_OUT_OF_MEMORY;
    const long left_ms =
        now_ns < fetching->until_ns ? (long)((fetching->until_ns - now_ns) / 1000000) + 1 : 1;
    curl_easy_setopt(curl, CURLOPT_URL, params->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* What was asked for in secret is not fetched in the open. */
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                     is_secure(params->url) ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)TYTO_FETCH_MAX_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long)(params->stall_s < 1 ? 1 : params->stall_s));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tyto");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetching->said);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetching);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetching);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (fetching->num_bytes > 0)
        curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)fetching->num_bytes);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_easy_cleanup(curl);
    return code;
}

/* --- all tries ---------------------------------------------------------------------------------
 */

static enum tyto_err begin_again(struct fetching *fetching)
{
    fetching->num_bytes = 0;
    return ftruncate(fetching->fd, 0) == 0 && lseek(fetching->fd, 0, SEEK_SET) == 0 ? TYTO_OK
                                                                                    : TYTO_ERR_IO;
}

/* Whether the sum is right; a wrong one is told. */
static enum tyto_err check_sum(struct fetching *fetching, struct tyto_fault *ret_fault)
{
    const struct tyto_fetch_params *params = fetching->params;
    char digest[TYTO_DIGEST_HEX_BYTES];
    if (lseek(fetching->fd, 0, SEEK_SET) != 0)
        return TYTO_ERR_IO;
    const enum tyto_err err = tyto_digest_fd(fetching->fd, NULL, NULL, digest);
    if (err || strcmp(digest, params->sha256) == 0)
        return err;
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, params->url, 0, NULL,
                          "%llu bytes came whose SHA-256 is %.12s..., not %.12s...: it is not the "
                          "file, or it changed on its way",
                          (unsigned long long)fetching->num_bytes, digest, params->sha256);
}

/* What a try that failed for good says. */
static enum tyto_err tell(const struct fetching *fetching, CURLcode code, long status,
                          struct tyto_fault *ret_fault)
{
    const struct tyto_fetch_params *params = fetching->params;
    const char *url = params->url;
    if (fetching->is_stopped)
        return TYTO_ERR_CLOSED;
    if (fetching->is_too_large)
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, url, 0, NULL,
                              "the server sends more than the %llu bytes that the file has",
                              (unsigned long long)params->max_bytes);
    if (fetching->write_errno)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, params->path, 0, NULL,
                              "cannot be written: %s", strerror(fetching->write_errno));
    if (code == CURLE_TOO_MANY_REDIRECTS)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, url, 0, NULL,
                              "the server sends elsewhere more than %d times",
                              TYTO_FETCH_MAX_REDIRECTS);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return tyto_fault_set(ret_fault,
                              status == 404 || status == 410 ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO,
                              url, 0, NULL, "the server answers %ld", status);
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, url, 0, NULL,
                              "is no address of the web, or leads to none");
    if (tyto_clock_mono_ns() >= fetching->until_ns)
        return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, url, 0, NULL,
                              "%llu bytes came in %.0f s; give the same command again to go on",
                              (unsigned long long)fetching->num_bytes, params->timeout_s);
    return tyto_fault_set(ret_fault, TYTO_ERR_IO, url, 0, NULL,
                          "%s; %llu bytes are here: give the same command again to go on",
                          fetching->said[0] ? fetching->said : curl_easy_strerror(code),
                          (unsigned long long)fetching->num_bytes);
}

/* What another try may mend. */
static bool is_passing(CURLcode code, long status)
{
    return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
           code == CURLE_OPERATION_TIMEDOUT || code == CURLE_SEND_ERROR ||
           code == CURLE_SSL_CONNECT_ERROR || code == CURLE_COULDNT_CONNECT ||
           (code == CURLE_HTTP_RETURNED_ERROR && (status >= 500 || status == 429));
}

/* The bytes that were here cannot be gone on with: the server knows no ranges, or has no more. */
static bool is_range_refused(CURLcode code, long status)
{
    return code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME ||
           (code == CURLE_HTTP_RETURNED_ERROR && status == 416);
}

static enum tyto_err pause_before(struct fetching *fetching, int num_idle)
{
    const uint64_t pause_ns = ((uint64_t)FIRST_PAUSE_MS << num_idle) * TYTO_NS_PER_MS;
    const uint64_t until_ns = tyto_clock_mono_ns() + pause_ns;
    while (tyto_clock_mono_ns() < until_ns) {
        if (on_progress(fetching, 0, 0, 0, 0))
            return TYTO_ERR_CLOSED;
        if (tyto_clock_mono_ns() >= fetching->until_ns)
            return TYTO_OK;
        usleep(50 * MS_PER_S);
    }
    return TYTO_OK;
}

static enum tyto_err receive(struct fetching *fetching, struct tyto_fault *ret_fault)
{
    CURLcode code = CURLE_OK;
    long status = 0;
    enum tyto_err err = TYTO_OK;
    int num_idle = 0;
    for (int i = 0; i < MAX_TRIES && num_idle < MAX_IDLE_TRIES && !err; i++) {
        const uint64_t before = fetching->num_bytes;
        code = try_once(fetching, &status);
        if (code == CURLE_OK)
            return TYTO_OK;
        const bool is_over = fetching->is_stopped || fetching->is_too_large ||
                             fetching->write_errno || tyto_clock_mono_ns() >= fetching->until_ns;
        if (!is_over && fetching->num_bytes > 0 && is_range_refused(code, status)) {
            err = begin_again(fetching);
            continue;
        }
        if (is_over || !is_passing(code, status))
            break;
        num_idle = fetching->num_bytes > before ? 0 : num_idle + 1;
        err = pause_before(fetching, num_idle);
    }
    return err ? err : tell(fetching, code, status, ret_fault);
}

enum tyto_err tyto_fetch(const struct tyto_fetch_params *params, struct tyto_fault *ret_fault)
{
    struct fetching fetching = {
        .params = params,
        .fd = open(params->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666),
        .until_ns = tyto_clock_mono_ns() + (uint64_t)(params->timeout_s * 1e9),
    };
    if (fetching.fd < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, params->path, 0, NULL,
                              "cannot be written: %s", strerror(errno));
    const off_t size = lseek(fetching.fd, 0, SEEK_END);
    fetching.num_bytes = size > 0 ? (uint64_t)size : 0;
    enum tyto_err err = TYTO_OK;
    if (fetching.num_bytes > params->max_bytes)
        err = begin_again(&fetching);
    /* A whole file from before needs no server. */
    const bool was_whole = !err && fetching.num_bytes > 0 && check_sum(&fetching, NULL) == TYTO_OK;
    if (!err && !was_whole && lseek(fetching.fd, 0, SEEK_END) < 0)
        err = TYTO_ERR_IO;
    if (!err && !was_whole && fetching.num_bytes == params->max_bytes)
        err = begin_again(&fetching);
    const bool had_bytes = fetching.num_bytes > 0;
    if (!err && !was_whole) {
        const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
        err = code == CURLE_OK ? receive(&fetching, ret_fault) : TYTO_ERR_NOMEM;
        if (!err)
            err = check_sum(&fetching, ret_fault);
        if (err == TYTO_ERR_FORMAT && had_bytes) { /* they were of something else */
            err = begin_again(&fetching);
            if (!err)
                err = receive(&fetching, ret_fault);
            if (!err)
                err = check_sum(&fetching, ret_fault);
        }
        curl_global_cleanup();
    }
    close(fetching.fd);
    if (err == TYTO_ERR_FORMAT || err == TYTO_ERR_FULL || err == TYTO_ERR_NOT_FOUND ||
        err == TYTO_ERR_UNSUPPORTED)
        unlink(params->path);
    return err;
}
