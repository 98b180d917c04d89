/* SPDX-License-Identifier: MIT */
/* How loud a sound is. */
#ifndef TYTO_TRAINER_COMPOSE_POWER_H
#define TYTO_TRAINER_COMPOSE_POWER_H

#include <stdint.h>

/* Mean power, 0 for none. */
double tyto_compose_power(const float *samples, uint32_t num_samples);

#endif
