#!/bin/sh
# SPDX-License-Identifier: MIT
# embed.sh GLSLC SPIRV_VAL ROOT SOURCE OUTPUT DEPFILE NAME [FLAG...]
# Compiles SOURCE, validates the SPIR-V, and writes it to OUTPUT as the array
# `static const uint32_t NAME_spv[]`.
set -eu
glslc=$1 spirv_val=$2 root=$3 source=$4 output=$5 depfile=$6 name=$7
shift 7
spirv=$output.spv
"$glslc" --target-env=vulkan1.2 -fshader-stage=compute -Werror -I"$root" -DTYTO_GLSL=1 "$@" \
    -MD -MF "$depfile" -MT "$output" -o "$spirv" "$source"
"$spirv_val" --target-env vulkan1.2 "$spirv"
{
    echo "/* Made from $name. */"
    echo "#include <stdint.h>"
    echo "static const uint32_t ${name}_spv[] = {"
    od -An -v -tx4 "$spirv" | sed 's/ \([0-9a-f]\{8\}\)/0x\1,/g'
    echo "};"
} >"$output.tmp"
rm -f "$spirv"
mv "$output.tmp" "$output"
