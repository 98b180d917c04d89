/* SPDX-License-Identifier: MIT */
/* What the converters of TFLite's ops share. Inner part of import. */
#ifndef TYTO_MODEL_IMPORT_TFLITE_OPS_H
#define TYTO_MODEL_IMPORT_TFLITE_OPS_H

#include "model/import/tflite/internal.h"

/* The node's input i, which has to be an activation. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_input(struct tyto_tflite_converter *conv,
                                const struct tyto_tflite_node *node, uint32_t i,
                                struct tyto_tflite_state *ret_state);
/* The same, where no PAD may stand before the op: TYTO_ERR_UNSUPPORTED if one does. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_unpadded_input(struct tyto_tflite_converter *conv,
                                         const struct tyto_tflite_node *node, uint32_t i,
                                         struct tyto_tflite_state *ret_state);
/* The input as a value whose shape is the one the op sees; pads only where wanted. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_shaped_input(struct tyto_tflite_converter *conv,
                                       const struct tyto_tflite_node *node, uint32_t i,
                                       bool may_be_padded, struct tyto_tflite_state *ret_state);
/* The activation in that field of the node's options. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_read_act(struct tyto_tflite_converter *conv,
                                   const struct tyto_tflite_node *node, uint32_t field,
                                   struct tyto_layer *layer);
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_append(struct tyto_tflite_converter *conv, const struct tyto_layer *layer,
                                 uint32_t out_c, struct tyto_tflite_state *ret_state);

/* ops_shape.c: each a tyto_tflite_convert. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_convert_pad(struct tyto_tflite_converter *conv,
                                      const struct tyto_tflite_node *node,
                                      struct tyto_tflite_state *ret_state);
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_convert_reshape(struct tyto_tflite_converter *conv,
                                          const struct tyto_tflite_node *node,
                                          struct tyto_tflite_state *ret_state);
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_convert_same(struct tyto_tflite_converter *conv,
                                       const struct tyto_tflite_node *node,
                                       struct tyto_tflite_state *ret_state);
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_convert_concat(struct tyto_tflite_converter *conv,
                                         const struct tyto_tflite_node *node,
                                         struct tyto_tflite_state *ret_state);
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_convert_resize(struct tyto_tflite_converter *conv,
                                         const struct tyto_tflite_node *node,
                                         struct tyto_tflite_state *ret_state);
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_convert_split(struct tyto_tflite_converter *conv,
                                        const struct tyto_tflite_node *node,
                                        struct tyto_tflite_state *ret_state);

#endif
