/* SPDX-License-Identifier: MIT */
#include "web/door.h"

#include <gio/gio.h>
#include <libsoup/soup.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

enum {
    FOLLOW_S = 2, /* how often the file of users and the ends of sessions are looked at */
    TOKEN_BYTES = 16,
    BROWSER_BYTES = TYTO_DOOR_BROWSER_CHARS / 2,
    MAC_BYTES = 16,
    KNOWN_CHARS = TYTO_DOOR_BROWSER_CHARS + 1 + 2 * MAC_BYTES,
    KNOWN_S = 365 * 24 * 3600,
};

struct tyto_door {
    const struct tyto_door_params *params;
    GInetAddress *proxy; /* NULL: none */
    struct tyto_users users;
    struct stat users_stat;
    struct tyto_sessions *sessions;  /* NULL: there are no users */
    char token[2 * TOKEN_BYTES + 1]; /* of who is not logged in */
    guint timer;
};

static int64_t now_s(void)
{
    return (int64_t)(tyto_clock_mono_ns() / TYTO_NS_PER_S);
}

static const char *request_header(SoupServerMessage *msg, const char *name)
{
    return soup_message_headers_get_one(soup_server_message_get_request_headers(msg), name);
}

/* --- users ----------------------------------------------------------------------------------- */

static bool is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_dev == other->st_dev &&
           one->st_size == other->st_size && one->st_mode == other->st_mode &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static enum tyto_err read_users(struct tyto_door *door, struct tyto_fault *ret_fault)
{
    struct tyto_users users;
    const enum tyto_err err = tyto_users_read(door->params->users, &users, ret_fault);
    if (err)
        return err;
    if (users.num == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, door->params->users, 0, NULL,
                              "has no user in it: tyto user add NAME --users %s",
                              door->params->users);
    tyto_users_finish(&door->users);
    door->users = users;
    return TYTO_OK;
}

/* How the users' file is; zeros where it is not. */
static struct stat look_at_users(const struct tyto_door *door)
{
    struct stat found;
    if (stat(door->params->users, &found) != 0)
        memset(&found, 0, sizeof(found));
    return found;
}

void tyto_door_follow(struct tyto_door *door)
{
    struct tyto_fault fault = {.text = ""};
    char text[1024];
    if (!door->sessions)
        return;
    const struct stat found = look_at_users(door);
    if (is_same_file(&found, &door->users_stat))
        return;
    door->users_stat = found;
    if (!read_users(door, &fault)) {
        tyto_sessions_follow(door->sessions, &door->users);
        return;
    }
    tyto_fault_print(&fault, text, sizeof(text));
    g_warning("users stay as they were: %s", text);
}

static gboolean on_timer(gpointer user)
{
    struct tyto_door *door = user;
    tyto_door_follow(door);
    tyto_sessions_sweep(door->sessions, now_s());
    return G_SOURCE_CONTINUE;
}

static enum tyto_err open_users(struct tyto_door *door, struct tyto_fault *ret_fault)
{
    if (!door->params->users)
        return TYTO_OK;
    door->users_stat = look_at_users(door);
    const enum tyto_err err = read_users(door, ret_fault);
    if (err)
        return err;
    door->sessions = tyto_sessions_new(door->params->on_over, door->params->user);
    if (!door->sessions)
        return TYTO_ERR_NOMEM;
    door->timer = g_timeout_add_seconds(FOLLOW_S, on_timer, door);
    return TYTO_OK;
}

enum tyto_err tyto_door_create(const struct tyto_door_params *params, struct tyto_door **ret_door,
                               struct tyto_fault *ret_fault)
{
    struct tyto_door *door = g_new0(struct tyto_door, 1);
    uint8_t token[TOKEN_BYTES];
    door->params = params;
    enum tyto_err err = sodium_init() < 0 ? TYTO_ERR_INTERNAL : TYTO_OK;
    randombytes_buf(token, sizeof(token));
    (void)sodium_bin2hex(door->token, sizeof(door->token), token, sizeof(token));
    if (params->proxy && !(door->proxy = g_inet_address_new_from_string(params->proxy)))
        err = tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "proxy",
                             "'%s' must be an address, such as 127.0.0.1", params->proxy);
    if (!err)
        err = open_users(door, ret_fault);
    if (err)
        tyto_door_destroy(&door);
    else
        *ret_door = door;
    return err;
}

void tyto_door_destroy(struct tyto_door **door)
{
    if (!door || !*door)
        return;
    if ((*door)->timer != 0)
        g_source_remove((*door)->timer);
    tyto_sessions_free((*door)->sessions);
    tyto_users_finish(&(*door)->users);
    g_clear_object(&(*door)->proxy);
    g_free(*door);
    *door = NULL;
}

bool tyto_door_has_users(const struct tyto_door *door)
{
    return door->sessions != NULL;
}

const struct tyto_user *tyto_door_user(struct tyto_door *door, const char *name)
{
    tyto_door_follow(door);
    return tyto_users_find(&door->users, name);
}

/* --- names and addresses ---------------------------------------------------------------------- */

/* host: "tyto.example.org", "tyto.example.org:8443" */
static bool is_named(const struct tyto_door *door, const char *host)
{
    const size_t len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
    for (uint32_t i = 0; i < door->params->num_names; i++) {
        const char *name = door->params->names[i];
        if (strlen(name) == len && g_ascii_strncasecmp(name, host, len) == 0)
            return true;
    }
    return false;
}

static GInetAddress *peer_of(SoupServerMessage *msg)
{
    GSocketAddress *address = soup_server_message_get_remote_address(msg);
    return G_IS_INET_SOCKET_ADDRESS(address)
               ? g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address))
               : NULL;
}

bool tyto_door_is_addressed(const struct tyto_door *door, SoupServerMessage *msg)
{
    const char *host = request_header(msg, "Host");
    GInetAddress *peer = peer_of(msg);
    if (door->proxy && (!peer || !g_inet_address_equal(peer, door->proxy))) {
        tyto_http_error(msg, SOUP_STATUS_FORBIDDEN, "only the proxy is served here");
        return false;
    }
    const bool is_any = door->params->has_any_name && door->params->num_names == 0;
    if (host && (is_any || is_named(door, host) || tyto_http_host_is_local(host)))
        return true;
    tyto_http_error(msg, SOUP_STATUS_MISDIRECTED_REQUEST, "this server is not called so");
    return false;
}

/* The address that the proxy had the request from: it adds that as the last one. */
static GInetAddress *forwarded_for(SoupServerMessage *msg)
{
    const char *list = soup_message_headers_get_list(soup_server_message_get_request_headers(msg),
                                                     "X-Forwarded-For");
    const char *comma = list ? strrchr(list, ',') : NULL;
    char *text = list ? g_strstrip(g_strdup(comma ? comma + 1 : list)) : NULL;
    GInetAddress *address = text ? g_inet_address_new_from_string(text) : NULL;
    g_free(text);
    return address;
}

/* As a text that counts as one place. */
static void print_place(GInetAddress *address, char ret_place[TYTO_DOOR_ADDRESS_BYTES])
{
    static const guint8 mapped[12] = {[10] = 0xff, 0xff};
    const guint8 *bytes = address ? g_inet_address_to_bytes(address) : NULL;
    if (!bytes) {
        (void)g_strlcpy(ret_place, "?", TYTO_DOOR_ADDRESS_BYTES);
    } else if (g_inet_address_get_family(address) != G_SOCKET_FAMILY_IPV6) {
        char *text = g_inet_address_to_string(address);
        (void)g_strlcpy(ret_place, text, TYTO_DOOR_ADDRESS_BYTES);
        g_free(text);
    } else if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        g_snprintf(ret_place, TYTO_DOOR_ADDRESS_BYTES, "%u.%u.%u.%u", bytes[12], bytes[13],
                   bytes[14], bytes[15]);
    } else {
        g_snprintf(ret_place, TYTO_DOOR_ADDRESS_BYTES, "%x:%x:%x:%x::/64", bytes[0] << 8 | bytes[1],
                   bytes[2] << 8 | bytes[3], bytes[4] << 8 | bytes[5], bytes[6] << 8 | bytes[7]);
    }
}

void tyto_door_peer(SoupServerMessage *msg, char ret_address[TYTO_DOOR_ADDRESS_BYTES])
{
    print_place(peer_of(msg), ret_address);
}

void tyto_door_address(const struct tyto_door *door, SoupServerMessage *msg,
                       char ret_address[TYTO_DOOR_ADDRESS_BYTES])
{
    GInetAddress *forwarded = door->proxy ? forwarded_for(msg) : NULL;
    print_place(forwarded ? forwarded : peer_of(msg), ret_address);
    g_clear_object(&forwarded);
}

/* --- who is asking ---------------------------------------------------------------------------- */

/* What __Host- begins a browser takes by TLS alone, for this host and all of its paths. */
static const char *session_cookie(const struct tyto_door *door)
{
    return door->params->is_secure ? "__Host-tyto" : "tyto";
}

static const char *known_cookie(const struct tyto_door *door)
{
    return door->params->is_secure ? "__Host-tyto-known" : "tyto-known";
}

void tyto_door_look(struct tyto_door *door, SoupServerMessage *msg,
                    struct tyto_visitor *ret_visitor)
{
    char secret[TYTO_SESSION_SECRET_CHARS + 1];
    *ret_visitor = (struct tyto_visitor){.name = "", .token = door->token};
    if (!door->sessions) {
        ret_visitor->is_let_in = true;
        ret_visitor->role = TYTO_ROLE_ADMIN;
        return;
    }
    const struct tyto_session *session =
        tyto_http_cookie(msg, session_cookie(door), secret, sizeof(secret))
            ? tyto_sessions_use(door->sessions, secret, now_s())
            : NULL;
    if (!session)
        return;
    *ret_visitor = (struct tyto_visitor){.is_let_in = true,
                                         .role = session->role,
                                         .name = session->name,
                                         .token = session->token,
                                         .session_id = session->id};
}

bool tyto_door_is_own_page(const struct tyto_door *door, SoupServerMessage *msg,
                           const struct tyto_visitor *visitor)
{
    const char *token = request_header(msg, "X-Tyto-Token");
    const char *site = request_header(msg, "Sec-Fetch-Site");
    const char *origin = request_header(msg, "Origin");
    const char *host = request_header(msg, "Host");
    const size_t len = strlen(visitor->token);
    if (!token || strlen(token) != len || sodium_memcmp(token, visitor->token, len) != 0)
        return false;
    if (site && strcmp(site, "same-origin") != 0)
        return false;
    if (!origin)
        return true;
    const char *begin = strstr(origin, "://");
    return begin && host && (g_ascii_strcasecmp(begin + 3, host) == 0 || is_named(door, begin + 3));
}

/* --- logging in and out ------------------------------------------------------------------------
 */

/* A browser is known by a number and a sum over it and the user's name, whose key is the hash of
 * his password: nothing has to be kept, and another password makes them all strangers. */
static void sum_of(const struct tyto_user *user, const char *browser,
                   char ret_text[2 * MAC_BYTES + 1])
{
    uint8_t key[crypto_generichash_KEYBYTES], mac[MAC_BYTES];
    char text[TYTO_USER_NAME_MAX + TYTO_DOOR_BROWSER_CHARS + 16];
    g_snprintf(text, sizeof(text), "known %s %s", user->name, browser);
    (void)crypto_generichash(key, sizeof(key), (const uint8_t *)user->hash, strlen(user->hash),
                             NULL, 0);
    (void)crypto_generichash(mac, sizeof(mac), (const uint8_t *)text, strlen(text), key,
                             sizeof(key));
    (void)sodium_bin2hex(ret_text, 2 * MAC_BYTES + 1, mac, sizeof(mac));
}

bool tyto_door_knows_browser(const struct tyto_door *door, SoupServerMessage *msg,
                             const struct tyto_user *user,
                             char ret_browser[TYTO_DOOR_BROWSER_CHARS + 1])
{
    char known[KNOWN_CHARS + 1], sum[2 * MAC_BYTES + 1];
    if (!tyto_http_cookie(msg, known_cookie(door), known, sizeof(known)) ||
        strlen(known) != KNOWN_CHARS)
        return false;
    (void)g_strlcpy(ret_browser, known, TYTO_DOOR_BROWSER_CHARS + 1);
    sum_of(user, ret_browser, sum);
    return sodium_memcmp(known + TYTO_DOOR_BROWSER_CHARS + 1, sum, 2 * MAC_BYTES) == 0;
}

static void set_cookie(const struct tyto_door *door, SoupServerMessage *msg, const char *name,
                       const char *value, int lasts_s)
{
    char text[256];
    g_snprintf(text, sizeof(text), "%s=%s; Max-Age=%d; Path=/; HttpOnly; SameSite=Strict%s", name,
               value, lasts_s, door->params->is_secure ? "; Secure" : "");
    soup_message_headers_append(soup_server_message_get_response_headers(msg), "Set-Cookie", text);
}

void tyto_door_let_in(struct tyto_door *door, SoupServerMessage *msg, const struct tyto_user *user)
{
    char secret[TYTO_SESSION_SECRET_CHARS + 1], browser[TYTO_DOOR_BROWSER_CHARS + 1];
    char sum[2 * MAC_BYTES + 1], known[KNOWN_CHARS + 1];
    struct tyto_visitor visitor;
    tyto_door_look(door, msg, &visitor);
    tyto_sessions_end(door->sessions, visitor.session_id);
    (void)tyto_sessions_begin(door->sessions, user, now_s(), secret);
    set_cookie(door, msg, session_cookie(door), secret, TYTO_SESSION_WHOLE_S);
    sodium_memzero(secret, sizeof(secret));
    if (!tyto_door_knows_browser(door, msg, user, browser)) {
        uint8_t bytes[BROWSER_BYTES];
        randombytes_buf(bytes, sizeof(bytes));
        (void)sodium_bin2hex(browser, sizeof(browser), bytes, sizeof(bytes));
    }
    sum_of(user, browser, sum);
    g_snprintf(known, sizeof(known), "%s-%s", browser, sum);
    set_cookie(door, msg, known_cookie(door), known, KNOWN_S);
}

void tyto_door_see_off(struct tyto_door *door, SoupServerMessage *msg,
                       const struct tyto_visitor *visitor)
{
    if (!door->sessions)
        return;
    tyto_sessions_end(door->sessions, visitor->session_id);
    set_cookie(door, msg, session_cookie(door), "", 0);
}
