/* SPDX-License-Identifier: MIT */
/* How often somebody may try a password: so many at once, then one every few seconds. What is tried
 * costs a try of the address it comes from and of the user it is for, so that neither one address
 * nor many together can guess for long. Three rules keep wrong tries from keeping the right one
 * out: a browser in which this user has been logged in has tries of its own; an address that has
 * not been wrong of late has others of the user than those that have; and a right password gives
 * back what it took.
 *
 * Bounded: 4096 addresses (that which tried longest ago makes room), 1024 browsers, and names that
 * nobody has share 1024 counts, so that they look like any user's. Times are in milliseconds of a
 * clock that is never set. One thread. */
#ifndef TYTO_WEB_USERS_LIMITS_H
#define TYTO_WEB_USERS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct tyto_limits;

/* NULL: out of memory. */
struct tyto_limits *tyto_limits_new(void);
void tyto_limits_free(struct tyto_limits *limits);

struct tyto_limits_try {
    const char *address; /* as text; an IPv6 network of /64 counts as one: the caller cuts it */
    const char *name;    /* of the user */
    const char *browser; /* what tells the known browser; NULL: it is none */
    bool is_user;        /* there is one of that name */
    bool was_wrong;      /* set by take: the address has been wrong of late */
};

/* Takes a try. 0: go on; else how many seconds from now there is one again. */
uint32_t tyto_limits_take(struct tyto_limits *limits, struct tyto_limits_try *attempt,
                          int64_t now_ms);
/* The password was right: what this try took is there again. */
void tyto_limits_give_back(struct tyto_limits *limits, struct tyto_limits_try *attempt,
                           int64_t now_ms);

#endif
