/* SPDX-License-Identifier: MIT */
/* A folder of assets for scenes, with its manifest. */
#ifndef TYTO_TESTS_COMPOSE_RIG_H
#define TYTO_TESTS_COMPOSE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/folder.h"
#include "trainer/compose/truth.h"

enum { PER_CLASS = 4, NUM_FAULTS = 8 };

extern const char *const names[4]; /* of classes */

struct fixture {
    char folder[FOLDER_MAX], manifest[96];
    struct tyto_compose_assets assets;
    struct tyto_compose_options options;
    struct tyto_compose_scene scene, other;
    struct tyto_fault faults[NUM_FAULTS];
    uint32_t num_faults;
};

/* Keeps it in the fixture. */
void on_fault(void *user, const struct tyto_fault *fault);
void touch(const struct fixture *f, const char *name);
void write_manifest(const struct fixture *f, const char *text);
enum tyto_err read_assets(struct fixture *f, const char *split, const char *const *classes,
                          uint32_t num_classes, struct tyto_compose_assets *ret_assets);
int setup(void **state);
int teardown(void **state);
void make(struct fixture *f, struct tyto_compose_scene *scene, uint64_t clip);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
