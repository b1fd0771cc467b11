/* t_plot.c -- ticks and places worked out by hand; the picture read back by a small XML reader; what must be refused
 *
 * The reader takes XML's elements, attributes, the entities of < > & and UTF-8 text, and nothing else; it is shown
 * ill-formed texts of each kind first.
 */
#include "ref/plot.h"
#include "tensor/mem.h"
#include "tests/harness.h"
#include "weights/json.h"

#include <math.h>

/* ---- reading a picture ---- */

enum { DEPTH = 8, ATTRIBUTES = 12, KEPT = 64, POINTS = 64 };

/* An element of the kinds that are looked at; for text its letters, a tspan's behind ^. */
typedef struct Element {
    char name[16], stroke[16], dash[16], anchor[16], letters[128];
    double x, y, cx, cy, point[2 * POINTS];
    int points;
} Element;
typedef struct Picture { Element element[KEPT]; int count; } Picture;
typedef struct Reader { const char *s; Picture *picture; char stack[DEPTH][16], anchor[16]; int depth, roots; } Reader;

static int name_length(const char *s) { return (int)strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"); }

/* Characters up to `end` as plain text; -1: not XML. */
static int read_text(char *out, size_t room, Reader *r, char end)
{
    size_t n = 0;
    while (*r->s != end && *r->s != '\0') {
        static const char *const entity[3] = { "&lt;", "&gt;", "&amp;" };
        const size_t bytes = json_utf8((const unsigned char *)r->s, strlen(r->s));
        if (bytes == 0 || *r->s == '<' || ((unsigned char)*r->s < ' ' && *r->s != '\n')) return -1;
        if (*r->s == '&') {
            int which = 0;
            while (which < 3 && strncmp(r->s, entity[which], strlen(entity[which])) != 0) which++;
            if (which == 3) return -1;
            if (n + 1 < room) out[n++] = "<>&"[which];
            r->s += strlen(entity[which]);
            continue;
        }
        for (size_t i = 0; i < bytes; i++, r->s++) if (n + 1 < room) out[n++] = *r->s;
    }
    out[n] = '\0';
    return *r->s == end ? 0 : -1;
}

static void attribute(Element *e, const char *key, const char *value)
{
    const struct { const char *key; char *to; } words[] = { { "stroke", e->stroke }, { "stroke-dasharray", e->dash }, { "text-anchor", e->anchor } };
    const struct { const char *key; double *to; } numbers[] = { { "x", &e->x }, { "y", &e->y }, { "cx", &e->cx }, { "cy", &e->cy } };
    for (int i = 0; i < 3; i++) if (strcmp(key, words[i].key) == 0) snprintf(words[i].to, 16, "%.15s", value);
    for (int i = 0; i < 4; i++) if (strcmp(key, numbers[i].key) == 0) *numbers[i].to = strtod(value, NULL);
    if (strcmp(key, "points") != 0) return;
    for (char *end = NULL; *value != '\0' && e->points < 2 * POINTS; value = *end == '\0' ? end : end + 1)
        e->point[e->points++] = strtod(value, &end);
    e->points /= 2;
}

/* One tag, r->s behind its <. */
static int read_tag(Reader *r)
{
    static char value[1 << 16];
    char keys[ATTRIBUTES][24], name[16];
    Element e = { .points = 0 };
    const int closing = *r->s == '/';
    r->s += closing;
    int n = name_length(r->s), used = 0;
    if (n == 0 || n > 15) return -1;
    snprintf(name, sizeof name, "%.*s", n, r->s);
    r->s += n;
    if (closing) {
        if (r->depth == 0 || strcmp(r->stack[--r->depth], name) != 0 || *r->s++ != '>') return -1;
        if (strcmp(name, "g") == 0) r->anchor[0] = '\0';
        return 0;
    }
    while (strspn(r->s, " \n") > 0) {
        r->s += strspn(r->s, " \n");
        n = name_length(r->s);
        if (n == 0 || n > 23 || used == ATTRIBUTES || strncmp(r->s + n, "=\"", 2) != 0) return -1;
        snprintf(keys[used], 24, "%.*s", n, r->s);
        for (int i = 0; i < used; i++) if (strcmp(keys[i], keys[used]) == 0) return -1;
        r->s += n + 2;
        if (read_text(value, sizeof value, r, '"') != 0) return -1;
        r->s++;
        attribute(&e, keys[used++], value);
    }
    memcpy(e.name, name, sizeof e.name);
    if (strcmp(name, "g") == 0) memcpy(r->anchor, e.anchor, sizeof r->anchor);
    else if (e.anchor[0] == '\0') memcpy(e.anchor, r->anchor, sizeof e.anchor);
    const int kept = strstr("text polyline circle path", name) != NULL;
    if (kept && r->picture->count < KEPT) r->picture->element[r->picture->count++] = e;
    if (strncmp(r->s, "/>", 2) == 0) { r->s += 2; return 0; }
    if (*r->s++ != '>' || r->depth == DEPTH) return -1;
    memcpy(r->stack[r->depth++], name, sizeof name);
    return 0;
}

/* 0 when the text is one whole element of XML, its pieces then in the picture. */
static int read_xml(Picture *picture, const char *text)
{
    Reader r = { .s = text, .picture = picture };
    picture->count = 0;
    while (*r.s != '\0') {
        if (r.depth == 0) {
            if (*r.s == '\n') { r.s++; continue; }
            if (*r.s != '<' || r.roots++ > 0) return -1;
        }
        if (*r.s == '<') { r.s++; if (read_tag(&r) != 0) return -1; continue; }
        char letters[128];
        if (read_text(letters, sizeof letters, &r, '<') != 0) return -1;
        Element *e = picture->count > 0 ? &picture->element[picture->count - 1] : NULL;
        const char *inside = r.stack[r.depth - 1];
        if (e == NULL || (strcmp(inside, "text") != 0 && strcmp(inside, "tspan") != 0)) continue;
        if (strcmp(inside, "tspan") == 0) strncat(e->letters, "^", 2);
        strncat(e->letters, letters, sizeof e->letters - strlen(e->letters) - 1);
    }
    return r.depth == 0 && r.roots == 1 ? 0 : -1;
}

static void ill_formed_text_is_seen(void)
{
    static const char *const bad[] = { "", "x", "<a>", "<a></b>", "<a><b></a></b>", "<a/><b/>", "<a x=1/>", "<a x=\"1\" x=\"2\"/>", "<a>&b;</a>",
        "<a>a & b</a>", "<a>a < b</a>", "<a x=\"<\"/>", "<a>\x80</a>", "<a>\x01</a>", "</a>", "<a></a", "<a x=\"1/>", "<a/>x", "< a/>" };
    static const char *const good[] = { "<a/>\n", "<a>\n<b x=\"1\" y=\"2\"/>\n</a>\n", "<a x=\"&lt;&amp;\">\xc3\xa9 &gt;</a>" };
    static Picture picture;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(read_xml(&picture, bad[i]) == -1, "%s was taken", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) CHECK(read_xml(&picture, good[i]) == 0, "%s was not", good[i]);
}

static const Picture *draw(const Plot *plot)
{
    static Picture picture;
    Err err = { 0 };
    Bytes out = { 0 };
    picture.count = 0;
    CHECK_OK(plot_svg(&out, plot, &err), &err);
    bytes_byte(&out, 0, &err);
    CHECK(out.n > 1 && read_xml(&picture, (const char *)out.p) == 0, "not XML: %s", out.n > 0 ? (const char *)out.p : "");
    CHECK(picture.count < KEPT, "%d elements", picture.count);
    bytes_free(&out);
    return &picture;
}

/* The i-th element of a name and, unless NULL, an anchor; one without anything when there is none. */
static const Element *nth(const Picture *p, const char *name, const char *anchor, int i)
{
    static const Element none = { .x = HUGE_VAL, .y = HUGE_VAL, .cx = HUGE_VAL, .cy = HUGE_VAL };
    for (int j = 0; j < p->count; j++) {
        const Element *e = &p->element[j];
        if (strcmp(e->name, name) == 0 && (anchor == NULL || strcmp(e->anchor, anchor) == 0) && i-- == 0) return e;
    }
    return &none;
}

/* ---- ticks ---- */

#define M "\xe2\x88\x92"
#define X "\xc3\x97" "10^"

/* Labels along x (eight steps at most) and y (six) for values from lo to hi. */
static void ticks_are_round(void)
{
    static const struct { double lo, hi; int log; const char *x, *y; } axes[] = {
        { 0, 2000, 0, "0 500 1000 1500 2000", "0 500 1000 1500 2000" },
        { 0, 1, 0, "0 0.2 0.4 0.6 0.8 1.0", "0 0.2 0.4 0.6 0.8 1.0" },
        { 0.13, 0.87, 0, "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9", "0 0.2 0.4 0.6 0.8 1.0" },
        { 0.3, 0.9, 0, "0.3 0.4 0.5 0.6 0.7 0.8 0.9", "0.2 0.4 0.6 0.8 1.0" },       /* 0.3/0.1 rounds to below 3 */
        { 12.5, 12.55, 0, "12.50 12.51 12.52 12.53 12.54 12.55", "12.50 12.51 12.52 12.53 12.54 12.55" },
        { -3, 7, 0, M "4 " M "2 0 2 4 6 8", M "4 " M "2 0 2 4 6 8" },
        { -0.05, -0.005, 0, M "0.05 " M "0.04 " M "0.03 " M "0.02 " M "0.01 0", M "0.05 " M "0.04 " M "0.03 " M "0.02 " M "0.01 0" },
        { 0, 1e6, 0, "0 2" X "5 4" X "5 6" X "5 8" X "5 10^6", "0 2" X "5 4" X "5 6" X "5 8" X "5 10^6" },
        { 1e6, 3e6, 0, "10^6 1.5" X "6 2" X "6 2.5" X "6 3" X "6", "10^6 1.5" X "6 2" X "6 2.5" X "6 3" X "6" },
        { -8e-4, 0, 0, M "8" X M "4 " M "7" X M "4 " M "6" X M "4 " M "5" X M "4 " M "4" X M "4 " M "3" X M "4 " M "2" X M "4 " M "10^" M "4 0",
          M "8" X M "4 " M "6" X M "4 " M "4" X M "4 " M "2" X M "4 0" },
        { 5, 5, 0, "4.4 4.6 4.8 5.0 5.2 5.4 5.6", "4.4 4.6 4.8 5.0 5.2 5.4 5.6" },   /* one value: a tenth of it on either side */
        { 0, 0, 0, M "1.0 " M "0.5 0 0.5 1.0", M "1.0 " M "0.5 0 0.5 1.0" },
        { 1, 1000, 1, "1 2 5 10 20 50 100 200 500 1000", "1 2 5 10 20 50 100 200 500 1000" },
        { 0.3, 2000, 1, "1 10 100 1000", "1 10 100 1000" },
        { 3, 40, 1, "2 5 10 20 50", "2 5 10 20 50" },
        { 0.021, 0.04, 1, "0.02 0.05", "0.02 0.05" },
        { 1e-8, 1e6, 1, "10^" M "8 10^" M "6 10^" M "4 10^" M "2 10^0 10^2 10^4 10^6", "10^" M "8 10^" M "6 10^" M "4 10^" M "2 10^0 10^2 10^4 10^6" },
        { 7, 7, 1, "5 10", "5 10" },
        { 1, 1, 1, "0.5 1 2", "0.5 1 2" },
        { 1e-100, 1e100, 1, "10^" M "92 10^" M "69 10^" M "46 10^" M "23 10^0 10^23 10^46 10^69 10^92",
          "10^" M "92 10^" M "69 10^" M "46 10^" M "23 10^0 10^23 10^46 10^69 10^92" },
    };
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++) {
        const double v[2] = { axes[i].lo, axes[i].hi };
        const PlotSeries s = { "s", v, v, 2 };
        const Picture *p = draw(&(Plot){ "", "", "", axes[i].log, axes[i].log, &s, 1 });
        char found[2][400] = { "", "" };
        for (int j = 0; j < p->count; j++) {
            if (strcmp(p->element[j].name, "text") != 0) continue;
            char *line = found[strcmp(p->element[j].anchor, "end") == 0];
            if (line[0] != '\0') strcat(line, " ");
            strcat(line, p->element[j].letters);
        }
        CHECK(strcmp(found[0], axes[i].x) == 0, "x: %s\n    expected %s", found[0], axes[i].x);
        CHECK(strcmp(found[1], axes[i].y) == 0, "y: %s\n    expected %s", found[1], axes[i].y);
    }
}

/* ---- places ---- */

/* Values on ticks lie where the ticks' labels are; equal steps are equally far apart, up to two roundings to 0.01. */
static void linear_places_are_even(void)
{
    static const double x[5] = { 0, 500, 1000, 1500, 2000 }, y[5] = { 0.2, 0.0, 0.6, 1.0, 0.4 };
    const PlotSeries s = { "s", x, y, 5 };
    const Picture *p = draw(&(Plot){ "", "", "", 0, 0, &s, 1 });
    const Element *line = nth(p, "polyline", NULL, 0);
    CHECK(line->points == 5, "%d points", line->points);
    for (int i = 0; i < 5; i++) {
        const Element *below = nth(p, "text", "middle", i), *beside = nth(p, "text", "end", (int)floor(5.0 * y[i] + 0.5));
        CHECK_LE(fabs(line->point[2 * i] - below->x), 0.0, "x of point %d", i);
        CHECK_LE(fabs(line->point[2 * i + 1] - beside->y), 0.0, "y of point %d", i);
    }
    const double left = line->point[0], right = line->point[8], bottom = line->point[3], top = line->point[7];
    CHECK(left > 0.0 && right > left + 500.0 && right < 720.0 && top > 0.0 && bottom > top + 250.0 && bottom < 420.0, "%g %g %g %g",
          left, right, bottom, top);
    CHECK(left == floor(left) && right == floor(right) && bottom == floor(bottom) && top == floor(top), "axes end within a pixel");
    for (int i = 0; i < 5; i++) {
        CHECK_LE(fabs(line->point[2 * i] - (left + (right - left) * x[i] / 2000.0)), 0.011, "x of point %d", i);
        CHECK_LE(fabs(line->point[2 * i + 1] - (bottom + (top - bottom) * y[i])), 0.011, "y of point %d", i);
    }
}

static void logarithmic_places_are_logarithms(void)
{
    static const double x[5] = { 1, 2, 10, 300, 1000 }, y[5] = { 100, 0.01, 0.1, 1, 50 };
    static const double log10_x[5] = { 0, 0.301029996, 1, 2.477121255, 3 }, log10_y[5] = { 2, -2, -1, 0, 1.698970004 };
    const PlotSeries s = { "s", x, y, 5 };
    const Picture *p = draw(&(Plot){ "", "", "", 1, 1, &s, 1 });
    const Element *line = nth(p, "polyline", NULL, 0);
    const double left = line->point[0], right = line->point[8], bottom = line->point[3], top = line->point[1];
    CHECK(line->points == 5 && right > left && bottom > top, "%d points", line->points);
    for (int i = 0; i < 5; i++) {
        CHECK_LE(fabs(line->point[2 * i] - (left + (right - left) * log10_x[i] / 3.0)), 0.011, "x of point %d", i);
        CHECK_LE(fabs(line->point[2 * i + 1] - (bottom + (top - bottom) * (log10_y[i] + 2.0) / 4.0)), 0.011, "y of point %d", i);
    }
}

/* A single value is a dot in the middle of its axes; a level line lies within the plot. */
static void little_data_is_drawn(void)
{
    static const double x[3] = { 3, 4, 5 }, y[3] = { 0.25, 0.25, 0.25 };
    const PlotSeries dot = { "dot", x, y, 1 }, level = { "level", x, y, 3 };
    const Picture *p = draw(&(Plot){ "", "", "", 0, 0, &dot, 1 });
    CHECK(strcmp(nth(p, "text", "middle", 3)->letters, "3.0") == 0, "%s", nth(p, "text", "middle", 3)->letters);
    CHECK_LE(fabs(nth(p, "circle", NULL, 0)->cx - nth(p, "text", "middle", 3)->x), 0.0, "the dot's x");
    CHECK(nth(p, "polyline", NULL, 0)->points == 0, "a line through one point");
    p = draw(&(Plot){ "", "", "", 0, 1, &level, 1 });
    const Element *line = nth(p, "polyline", NULL, 0);
    CHECK(line->points == 3, "%d points", line->points);
    for (int i = 0; i < 3; i++) {
        CHECK_LE(fabs(line->point[2 * i + 1] - line->point[1]), 0.0, "not level");
        CHECK(line->point[1] < nth(p, "text", "end", 0)->y && line->point[1] > nth(p, "text", "end", 1)->y, "outside 0.2 to 0.5");
    }
}

/* ---- texts ---- */

static void texts_and_colours_come_back(void)
{
    static const char *const titles[3] = { "a < b & \"c\" > 'd' &amp; \xc3\xa9", "steps", "loss" };
    static const double v[3] = { 1, 2, 3 };
    char names[PLOT_SERIES_MAX][16];
    PlotSeries s[PLOT_SERIES_MAX];
    for (int i = 0; i < PLOT_SERIES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "<series %d>", i);
        s[i] = (PlotSeries){ names[i], v, v, i == 3 ? 1 : 3 };
    }
    const Picture *p = draw(&(Plot){ titles[0], titles[1], titles[2], 0, 0, s, PLOT_SERIES_MAX });
    int seen = 0, named = 0;
    for (int j = 0; j < p->count; j++) {
        const Element *e = &p->element[j], *before = &p->element[j == 0 ? 0 : j - 1];
        if (strcmp(e->name, "text") != 0) continue;
        for (int i = 0; i < 3; i++) seen += strcmp(e->letters, titles[i]) == 0;
        if (named == PLOT_SERIES_MAX || strcmp(e->letters, names[named]) != 0) continue;
        const Element *line = nth(p, "polyline", NULL, named - (named > 3));   /* and before the name stands the legend's line */
        const int dashed = named >= 7;
        CHECK(named == 3 || strcmp(before->stroke, line->stroke) == 0, "%s: %s, its line is %s", e->letters, before->stroke, line->stroke);
        CHECK(before->stroke[0] == '#' && (before->dash[0] != '\0') == dashed, "%s: dash \"%s\"", e->letters, before->dash);
        CHECK(named == 3 || (line->dash[0] != '\0') == dashed, "%s: the line's dash \"%s\"", e->letters, line->dash);
        CHECK(e->x + 7.0 * (double)strlen(names[named]) < 720.0, "%s: at %g", e->letters, e->x);
        for (int i = 0; i < named % 7; i++)
            CHECK(i == 3 || strcmp(nth(p, "polyline", NULL, i - (i > 3))->stroke, before->stroke) != 0, "%s: the colour of %d", e->letters, i);
        named++;
    }
    CHECK(seen == 3 && named == PLOT_SERIES_MAX, "%d titles, %d names", seen, named);
    p = draw(&(Plot){ "", "", "", 0, 0, s, 1 });
    for (int j = 0; j < p->count; j++) CHECK(p->element[j].letters[0] != '<', "one series has a legend");
}

/* ---- refusals ---- */

static void bad_plots_are_refused(void)
{
    static const double good[3] = { 1, 2, 3 }, nan_in[3] = { 1, (double)NAN, 3 }, infinite[3] = { 1, 2, -HUGE_VAL }, large[3] = { 2e100, 1, 1 };
    static const double zero[3] = { 1, 0, 3 }, below[3] = { 1, 2, -0.5 };
    const PlotSeries fine = { "fine", good, good, 3 };
    const struct { PlotSeries s; int log_x, log_y; const char *title, *message; } bad[] = {
        { { "loss", good, nan_in, 3 }, 0, 0, "", "plot: series \"loss\": y[1]: found NaN, expected -1e100 to 1e100" },
        { { "loss", nan_in, good, 3 }, 1, 0, "", "plot: series \"loss\": x[1]: found NaN, expected 1e-100 to 1e100, as the axis is logarithmic" },
        { { "loss", infinite, good, 3 }, 0, 0, "", "plot: series \"loss\": x[2]: found infinity, expected -1e100 to 1e100" },
        { { "loss", good, large, 3 }, 0, 0, "", "plot: series \"loss\": y[0]: found 2e100, expected -1e100 to 1e100" },
        { { "loss", zero, good, 3 }, 1, 0, "", "plot: series \"loss\": x[1]: found 0, expected 1e-100 to 1e100, as the axis is logarithmic" },
        { { "loss", good, below, 3 }, 0, 1, "", "plot: series \"loss\": y[2]: found -0.5, expected 1e-100 to 1e100, as the axis is logarithmic" },
        { { "loss", good, good, 0 }, 0, 0, "", "plot: series \"loss\": found 0 values, expected at least 1" },
        { { "a\nb", good, good, 3 }, 0, 0, "", "plot: series \"a?b\": found byte 0x0a at 1, expected one line of UTF-8" },
        { { "loss", good, good, 3 }, 0, 0, "\xc3", "plot: title \"\xc3\": found byte 0xc3 at 0, expected one line of UTF-8" },
        { { "\xef\xbf\xbe", good, good, 3 }, 0, 0, "", "plot: series \"\xef\xbf\xbe\": found byte 0xef at 0, expected one line of UTF-8" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const PlotSeries s[2] = { fine, bad[i].s };
        Err err = { 0 };
        Bytes out = { 0 };
        const int status = plot_svg(&out, &(Plot){ bad[i].title, "", "", bad[i].log_x, bad[i].log_y, s, 2 }, &err);
        CHECK(status == -1 && strcmp(err.msg, bad[i].message) == 0, "\n    found    %s\n    expected %s", err.msg, bad[i].message);
        CHECK(out.n == 0, "%zu bytes were written", out.n);
        bytes_free(&out);
    }
    const PlotSeries many[PLOT_SERIES_MAX + 1] = { fine };
    for (int count = 0; count <= PLOT_SERIES_MAX + 1; count += PLOT_SERIES_MAX + 1) {
        char expected[80];
        Err err = { 0 };
        Bytes out = { 0 };
        snprintf(expected, sizeof expected, "plot: found %d series, expected 1 to 14", count);
        const int status = plot_svg(&out, &(Plot){ "", "", "", 0, 0, many, count }, &err);
        CHECK(status == -1 && strcmp(err.msg, expected) == 0, "%s", err.msg);
    }
}

static void lack_of_memory_is_an_error(void)
{
    static double v[2000];
    for (int i = 0; i < 2000; i++) v[i] = i;
    const PlotSeries s = { "s", v, v, 2000 };
    long n = 1;
    for (int status = -1; status != 0 && n < 100; n++) {
        Err err = { 0 };
        Bytes out = { 0 };
        mem_fail_at(n);
        status = plot_svg(&out, &(Plot){ "", "", "", 0, 0, &s, 1 }, &err);
        mem_fail_at(0);
        CHECK((status == 0) == !err.set, "%ld: %s", n, err.msg);
        bytes_free(&out);
    }
    CHECK(n > 3 && n < 100, "%ld allocations", n);
}

int main(void)
{
    TEST(ill_formed_text_is_seen);
    TEST(ticks_are_round);
    TEST(linear_places_are_even);
    TEST(logarithmic_places_are_logarithms);
    TEST(little_data_is_drawn);
    TEST(texts_and_colours_come_back);
    TEST(bad_plots_are_refused);
    TEST(lack_of_memory_is_an_error);
    return test_end();
}
