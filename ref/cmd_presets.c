/* cmd_presets.c -- sdref presets: the table of presets.h for people, as text or as the README's Markdown */
#include "ref/cli.h"
#include "ref/presets.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref presets",
    "sdref presets sdi             # its options, with the published values where they were scaled",
    "sdref presets --markdown      # the README's table",
    NULL
};
static const Command command = {
    "presets", "settings of published configurations, for `sdref distill --preset NAME`", "sdref presets [NAME] [--markdown]", examples, cli_table_options, 1, 0, 1, "NAME",
};

static const char *value_of(const Preset *p, const char *option)
{
    const PresetValue *v = preset_value(p, option);
    return v == NULL ? "" : v->value;
}

static void print_table(void)
{
    for (int i = 0; i < preset_count(); i++) {
        const Preset *p = preset_at(i);
        printf("%-16s %s (%s)\n", p->name, p->paper, p->source);
        printf("%-16s %s, t %s, %s to %s; views a step %s, %s steps\n", "", value_of(p, "estimator"), value_of(p, "anneal"), value_of(p, "t-max"),
               value_of(p, "t-min"), value_of(p, "views"), value_of(p, "steps"));
    }
    printf("`sdref distill PROMPT --preset NAME --out FOLDER` takes one; `sdref presets NAME` prints all of its options.\n");
}

static void print_values(const PresetValue *v)
{
    for (; v->option != NULL; v++) {
        printf("  --%-18s %s", v->option, v->value);
        if (v->published != NULL) printf("%*spublished %s", strlen(v->value) < 12 ? 12 - (int)strlen(v->value) : 1, "", v->published);
        printf("\n");
    }
}

static int print_one(const char *name, Err *err)
{
    const Preset *p = preset_find(name);
    const char *near = p == NULL ? text_nearest(name, preset_names, preset_count()) : NULL;
    if (p == NULL)
        return err_set(err, "NAME: found '%.40s', expected one that `sdref presets` lists%s%s%s", name, near == NULL ? "" : "; did you mean '",
                       near == NULL ? "" : near, near == NULL ? "" : "'?");
    printf("%s: %s (%s)\n\n", p->name, p->paper, p->source);
    print_values(p->value);
    if (p->worded[0].option != NULL) printf("\nand with a folder that is told of the view in words:\n");
    print_values(p->worded);
    printf("\nnot in it: %s%sregularisers, learning rate, field, background\n", p->missing, p->missing[0] == '\0' ? "" : "; ");
    return 0;
}

/* "0.143, 0.2, 0.02", or none */
static void stray_text(char out[64], const Preset *p)
{
    snprintf(out, 64, "%s, %s, %s", value_of(p, "camera-jitter"), value_of(p, "target-jitter"), value_of(p, "up-jitter"));
    if (strcmp(value_of(p, "camera-jitter"), "0") == 0) snprintf(out, 64, "none");
}

static void light_text(char out[64], const Preset *p)
{
    if (preset_value(p, "diffuse-prob") == NULL) snprintf(out, 64, "none");
    else snprintf(out, 64, "from %s on %s, of it white %s", value_of(p, "albedo-share"), value_of(p, "diffuse-prob"), value_of(p, "textureless-prob"));
}

static void guidance_text(char out[64], const Preset *p)
{
    if (preset_value(p, "guidance") == NULL) snprintf(out, 64, "w1 %s, w2 %s", value_of(p, "w1"), value_of(p, "w2"));
    else snprintf(out, 64, "%s%s", value_of(p, "guidance"), strcmp(value_of(p, "cfg-convention"), "text") == 0 ? " + 1" : "");
}

static void print_markdown(void)
{
    char guidance[64], stray[64], light[64];
    printf("| preset | paper | configuration | estimator | guidance | t | views, steps | elevation | cameras stray | light |\n"
           "|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < preset_count(); i++) {
        const Preset *p = preset_at(i);
        guidance_text(guidance, p);
        stray_text(stray, p);
        light_text(light, p);
        printf("| %s | %s | %s | %s | %s | %s, %s to %s | %s, %s | %s to %s | %s | %s |\n", p->name, p->paper, p->source, value_of(p, "estimator"), guidance,
               value_of(p, "anneal"), value_of(p, "t-max"), value_of(p, "t-min"), value_of(p, "views"), value_of(p, "steps"), value_of(p, "elevation-min"),
               value_of(p, "elevation-max"), stray, light);
    }
}

int cmd_presets(int argc, char *const *argv)
{
    static const TableShow show = { print_table, print_markdown, print_one };
    return cli_table(&command, &show, argc, argv);
}
