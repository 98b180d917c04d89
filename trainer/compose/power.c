/* SPDX-License-Identifier: MIT */
#include "trainer/compose/power.h"

double tyto_compose_power(const float *samples, uint32_t num_samples)
{
    double sum = 0;
    for (uint32_t i = 0; i < num_samples; i++)
        sum += (double)samples[i] * (double)samples[i];
    return num_samples ? sum / num_samples : 0;
}
