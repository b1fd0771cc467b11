/* shards.h -- the weights of one model folder, in one file or in shards behind an index, under the names in use
 *
 * Tried in this order, STEM being diffusion_pytorch_model (diffusers) or model (transformers):
 *   STEM.safetensors, STEM.safetensors.index.json, STEM.fp16.safetensors, STEM.safetensors.index.fp16.json,
 *   STEM.safetensors.fp16.index.json, STEM.fp16.safetensors.index.json. The first that exists is used, and
 *   st_set_source says which.
 * An index is {"weight_map": {tensor: file}, ...}. A file must be a plain name ending in .safetensors: no folder, so
 * that no index can lead out of the folder. Every tensor of the map must be in the file that the map names, and a
 * file may hold no other tensor: so a tensor in two files is an error, as is one that the map forgot.
 */
#ifndef SDREF_WEIGHTS_SHARDS_H
#define SDREF_WEIGHTS_SHARDS_H

#include "weights/safetensors.h"

typedef struct StSet StSet;

StSet *st_set_open(const char *folder, const char *stem, Err *err);   /* NULL on error; maps the files until st_set_close */
void   st_set_close(StSet *s);                            /* NULL is fine */

const char     *st_set_source(const StSet *s);            /* the file or index found, without its folder */
int             st_set_count(const StSet *s);             /* tensors in all files */
const StTensor *st_set_at(const StSet *s, int i);         /* by file in the map's order of first mention, then as st_at */
const StTensor *st_set_find(const StSet *s, const char *name);   /* NULL: not there */
int             st_set_files(const StSet *s);
const StFile   *st_set_file(const StSet *s, int i);

#endif
