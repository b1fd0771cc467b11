/* config.h -- reading config.json: each key asked for by name, with its default; whoever is left is refused
 *
 * A reader keeps the set of keys that were asked for. A key nobody asked for is an error with its name and value, unless it
 * starts with '_' (_class_name, _diffusers_version, _name_or_path). null counts as absent. The first error stays.
 */
#ifndef SDREF_NN_CONFIG_H
#define SDREF_NN_CONFIG_H

#include "tensor/err.h"
#include "weights/json.h"

enum { CONFIG_KEYS = 128 };
typedef struct Config {
    const Json *object;
    const char *name;                     /* "unet/config.json", for messages */
    Err *err;
    const char *asked[CONFIG_KEYS];
    int count;
} Config;

void config_begin(Config *c, const Json *object, const char *name, Err *err);
int  config_end(Config *c);               /* 0, or -1: an error above, or a key that nobody asked for */

const Json *config_value(Config *c, const char *key);                      /* marks it; NULL: absent or null */
int    config_int(Config *c, const char *key, int fallback, int lo, int hi);
double config_double(Config *c, const char *key, double fallback);
int    config_bool(Config *c, const char *key, int fallback);
const char *config_string(Config *c, const char *key, const char *fallback);   /* lives as long as the JSON; fallback may be NULL */
/* One number for all `count` places, or a list of exactly `count`; 0 when absent leaves out[] at `fallback`. Returns 1 if it was there. */
int    config_ints(int *out, Config *c, const char *key, int count, int fallback, int lo, int hi);
/* For what is not built: the key may be absent, null, or this value (written as JSON: "false", "0.0", "\"default\""); else refused. */
void   config_only(Config *c, const char *key, const char *value);
void   config_ignore(Config *c, const char *key);                          /* of no influence on the computation */
int    config_refuse(Config *c, const char *key, const char *found, const char *expected);   /* -1 */

#endif
