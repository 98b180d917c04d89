/* SPDX-License-Identifier: MIT */
/* Written by scripts/golden: where each array lies in import.f32, in floats. */
#ifndef TYTO_GOLDEN_IMPORT_H
#define TYTO_GOLDEN_IMPORT_H

enum {
    /* cnn.onnx: 5 */
    GOLDEN_IMPORT_CNN_AT = 0,
    GOLDEN_IMPORT_CNN_NUM = 5,
    /* flat.onnx: 7 */
    GOLDEN_IMPORT_FLAT_AT = 5,
    GOLDEN_IMPORT_FLAT_NUM = 7,
    /* nhwc.onnx: 4x5x4 */
    GOLDEN_IMPORT_NHWC_AT = 12,
    GOLDEN_IMPORT_NHWC_NUM = 80,
    /* half.tflite: 6 */
    GOLDEN_IMPORT_HALF_AT = 92,
    GOLDEN_IMPORT_HALF_NUM = 6,
    /* int8.tflite, from log_mel on: 3x4x4 */
    GOLDEN_IMPORT_INT8_AT = 98,
    GOLDEN_IMPORT_INT8_NUM = 48,
    /* mel.onnx's window: 64 */
    GOLDEN_IMPORT_WINDOW_AT = 146,
    GOLDEN_IMPORT_WINDOW_NUM = 64,
    /* mel.onnx's bands: 33x8 */
    GOLDEN_IMPORT_MEL_AT = 210,
    GOLDEN_IMPORT_MEL_NUM = 264,
    /* spectrum.tflite's window: 48 */
    GOLDEN_IMPORT_SPECTRUM_WINDOW_AT = 474,
    GOLDEN_IMPORT_SPECTRUM_WINDOW_NUM = 48,
    /* spectrum.tflite's bands: 33x8 */
    GOLDEN_IMPORT_SPECTRUM_MEL_AT = 522,
    GOLDEN_IMPORT_SPECTRUM_MEL_NUM = 264,
    /* detector.tflite's features, classes and cover: 4x6x11 */
    GOLDEN_IMPORT_DETECTOR_AT = 786,
    GOLDEN_IMPORT_DETECTOR_NUM = 264,
    /* highest values of level0 at its places: 4x6x6 */
    GOLDEN_IMPORT_DETECTOR_POOLED_AT = 1050,
    GOLDEN_IMPORT_DETECTOR_POOLED_NUM = 144,
    /* its scores without the background: 468x1x2 */
    GOLDEN_IMPORT_DETECTOR_SCORES_AT = 1194,
    GOLDEN_IMPORT_DETECTOR_SCORES_NUM = 936,
    /* its boxes: 468x1x4 */
    GOLDEN_IMPORT_DETECTOR_BOXES_AT = 2130,
    GOLDEN_IMPORT_DETECTOR_BOXES_NUM = 1872,
    /* detector.tflite, both: 8x12x14 */
    GOLDEN_IMPORT_DETECTOR_BOTH_AT = 4002,
    GOLDEN_IMPORT_DETECTOR_BOTH_NUM = 1344,
    GOLDEN_IMPORT_NUM = 5346,
};

#endif
