/* config.c -- config.json, key by key */
#include "nn/config.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

void config_begin(Config *c, const Json *object, const char *name, Err *err)
{
    *c = (Config){ .object = object, .name = name, .err = err };
    if (json_type(object) != JSON_OBJECT) err_set(err, "%s: is %s, expected an object", name, json_type_name(object));
}

/* A value as text, for messages: a number as written, a string in quotes, the rest by type. */
static const char *show(char out[SHOW_ROOM], const Json *v)
{
    char text[SHOW_ROOM];
    int truth;
    if (json_number(v) != NULL) return json_show(out, json_number(v));
    if (json_bool(&truth, v) == 0) return truth ? "true" : "false";
    if (json_string(v) == NULL) return json_type(v) == JSON_NULL ? "null" : json_type_name(v);
    snprintf(text, sizeof text, "\"%.60s\"", json_string(v));
    return json_show(out, text);
}

int config_refuse(Config *c, const char *key, const char *found, const char *expected)
{
    return err_set(c->err, "%s: '%s' is %s, expected %s", c->name, key, found, expected);
}

static void refuse_value(Config *c, const char *key, const Json *v, const char *expected)
{
    char text[SHOW_ROOM];
    config_refuse(c, key, show(text, v), expected);
}

void config_ignore(Config *c, const char *key)
{
    for (int i = 0; i < c->count; i++)
        if (strcmp(c->asked[i], key) == 0) return;
    BUG_IF(c->count == CONFIG_KEYS, "%s: more than %d keys", c->name, (int)CONFIG_KEYS);
    c->asked[c->count++] = key;
}

const Json *config_value(Config *c, const char *key)
{
    config_ignore(c, key);
    const Json *v = json_get(c->object, key);
    return v == NULL || json_type(v) == JSON_NULL ? NULL : v;
}

int config_end(Config *c)
{
    if (c->err->set) return -1;
    for (const Json *v = json_first(c->object); v != NULL; v = json_next(v)) {
        const char *key = json_key(v);
        int asked = key[0] == '_';
        for (int i = 0; i < c->count && !asked; i++) asked = strcmp(c->asked[i], key) == 0;
        if (asked) continue;
        char text[SHOW_ROOM], name[SHOW_ROOM];
        return err_set(c->err, "%s: '%s' is %s: a key that is unknown here, expected none", c->name, json_show(name, key), show(text, v));
    }
    return 0;
}

static int whole(int *out, const Json *v, int lo, int hi)
{
    int64_t i;
    if (json_int64(&i, v) != 0 || i < lo || i > hi) return -1;
    *out = (int)i;
    return 0;
}

static void refuse_int(Config *c, const char *key, const Json *v, int lo, int hi)
{
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from %d to %d", lo, hi);
    refuse_value(c, key, v, expected);
}

int config_int(Config *c, const char *key, int fallback, int lo, int hi)
{
    const Json *v = config_value(c, key);
    int out = fallback;
    if (v != NULL && whole(&out, v, lo, hi) != 0) refuse_int(c, key, v, lo, hi);
    return out;
}

double config_double(Config *c, const char *key, double fallback)
{
    const Json *v = config_value(c, key);
    double out = fallback;
    if (v != NULL && json_double(&out, v) != 0) refuse_value(c, key, v, "a number");
    return out;
}

int config_bool(Config *c, const char *key, int fallback)
{
    const Json *v = config_value(c, key);
    int out = fallback;
    if (v != NULL && json_bool(&out, v) != 0) refuse_value(c, key, v, "true or false");
    return out;
}

const char *config_string(Config *c, const char *key, const char *fallback)
{
    const Json *v = config_value(c, key);
    if (v == NULL) return fallback;
    if (json_string(v) == NULL) refuse_value(c, key, v, "a string");
    return json_string(v) == NULL ? fallback : json_string(v);
}

int config_ints(int *out, Config *c, const char *key, int count, int fallback, int lo, int hi)
{
    const Json *v = config_value(c, key);
    for (int i = 0; i < count; i++) out[i] = fallback;
    if (v == NULL) return 0;
    if (json_type(v) != JSON_ARRAY) {
        if (whole(&out[0], v, lo, hi) != 0) refuse_int(c, key, v, lo, hi);
        for (int i = 1; i < count; i++) out[i] = out[0];
        return 1;
    }
    if (json_count(v) != (size_t)count) {
        char found[64], expected[64];
        snprintf(found, sizeof found, "a list of %zu", json_count(v));
        snprintf(expected, sizeof expected, "one number or a list of %d", count);
        config_refuse(c, key, found, expected);
        return 1;
    }
    for (int i = 0; i < count; i++)
        if (whole(&out[i], json_at(v, (size_t)i), lo, hi) != 0) refuse_int(c, key, json_at(v, (size_t)i), lo, hi);
    return 1;
}

void config_only(Config *c, const char *key, const char *value)
{
    char text[SHOW_ROOM], expected[96];
    double found, wanted;
    const Json *v = config_value(c, key);
    if (v == NULL || strcmp(show(text, v), value) == 0) return;
    if (json_double(&found, v) == 0 && text_to_double(&wanted, value) == 0 && found == wanted) return;
    snprintf(expected, sizeof expected, "%s (others are not supported)", value);
    refuse_value(c, key, v, expected);
}
