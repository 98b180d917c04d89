/* SPDX-License-Identifier: MIT */
/* Who may come in: by which names this server is called and by which proxy, which users there are,
 * and who of them is asking. One thread, on its main loop. */
#ifndef TYTO_WEB_DOOR_H
#define TYTO_WEB_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "web/http.h"
#include "web/users/sessions.h"
#include "web/users/users.h"

struct tyto_door_params {
    const char *users; /* file; NULL: there are none, and whoever comes may do everything */
    const char *proxy; /* address of the only one who is let in, for others; NULL: no proxy */
    const char *const *names; /* by which people call this server, besides those of loopback */
    uint32_t num_names;
    bool has_any_name; /* where it listens others may reach it, by names that are not known here */
    bool is_secure;    /* browsers come by TLS */
    void (*on_over)(void *user, uint64_t session_id); /* somebody is not logged in any more */
    void *user;
};

/* Who is asking. */
struct tyto_visitor {
    bool is_let_in;
    enum tyto_role role; /* of who is let in */
    const char *name;    /* of the user; "": there are no users */
    const char *token;   /* that his page must send with what changes something */
    uint64_t session_id; /* 0: none */
};

struct tyto_door;

/* params are borrowed until destroy. What reading the file of users gives, and INVALID (nobody is
 * in it, a proxy that is no address), with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_door_create(const struct tyto_door_params *params, struct tyto_door **ret_door,
                               struct tyto_fault *ret_fault);
void tyto_door_destroy(struct tyto_door **door);

/* Whether the request came by this server's proxy and to one of its names; false: it has been
 * answered. Before anything else. */
bool tyto_door_is_addressed(const struct tyto_door *door, SoupServerMessage *msg);
/* Borrowed until the main loop's next turn. */
void tyto_door_look(struct tyto_door *door, SoupServerMessage *msg,
                    struct tyto_visitor *ret_visitor);
/* Whether a request that changes something comes from this visitor's own page, not from another
 * site's in his browser. */
bool tyto_door_is_own_page(const struct tyto_door *door, SoupServerMessage *msg,
                           const struct tyto_visitor *visitor);
bool tyto_door_has_users(const struct tyto_door *door);

/* --- logging in and out ----------------------------------------------------------------------- */

enum { TYTO_DOOR_BROWSER_CHARS = 32, TYTO_DOOR_ADDRESS_BYTES = 64 };

/* NULL: there is none. Borrowed until the main loop's next turn. */
const struct tyto_user *tyto_door_user(struct tyto_door *door, const char *name);
/* Whether this user has been logged in in this browser before, with the password that he has now;
 * then what tells the browser from others. */
bool tyto_door_knows_browser(const struct tyto_door *door, SoupServerMessage *msg,
                             const struct tyto_user *user,
                             char ret_browser[TYTO_DOOR_BROWSER_CHARS + 1]);
/* From where the request came, as a text that counts as one place: of IPv6 the first 64 bits. */
void tyto_door_address(const struct tyto_door *door, SoupServerMessage *msg,
                       char ret_address[TYTO_DOOR_ADDRESS_BYTES]);
/* The same of whoever the connection is with, be he a proxy. */
void tyto_door_peer(SoupServerMessage *msg, char ret_address[TYTO_DOOR_ADDRESS_BYTES]);
/* Begins a session, which the answer's cookies give to the browser; an earlier one of this browser
 * is over. */
void tyto_door_let_in(struct tyto_door *door, SoupServerMessage *msg, const struct tyto_user *user);
/* Ends the visitor's session. */
void tyto_door_see_off(struct tyto_door *door, SoupServerMessage *msg,
                       const struct tyto_visitor *visitor);
/* Reads the file of users again where it has changed; what is wrong in it changes nothing. */
void tyto_door_follow(struct tyto_door *door);

#endif
