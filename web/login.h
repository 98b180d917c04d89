/* SPDX-License-Identifier: MIT */
/* Logging in by name and password. One thread, on its main loop; passwords are checked on another.
 */
#ifndef TYTO_WEB_LOGIN_H
#define TYTO_WEB_LOGIN_H

#include "web/door.h"

struct tyto_login;

/* door is borrowed until free. */
struct tyto_login *tyto_login_new(struct tyto_door *door);
void tyto_login_free(struct tyto_login *login);
/* Answers {"name", "password"} once the password has been checked, with a session's cookie or an
 * error: 401 it is wrong, 429 too many tries and 503 too many at once, both with Retry-After. */
void tyto_login_answer(struct tyto_login *login, SoupServerMessage *msg);

#endif
