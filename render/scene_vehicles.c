/* scene_vehicles.c -- objects: vehicles. See scene_shapes.h for the solids and scene.h for the frame. */
#include "render/scene_shapes.h"

/* A steamer: bow at +x with a flag, white cabin, funnel; a life ring on the left. */
Surf scene_boat(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    /* hull: an egg cut flat above, its deck rising to the bow */
    const real hull = egg(p, V(-0.02, 0.0, -0.12), V(0.92, 0.50, 0.62));
    const real deck = (p.z + R(0.16) - R(0.20) * p.x) * R(0.9805807);
    put(&s, r_max(r_max(hull, deck), R(-0.64) - p.z), MAIN);
    if (p.z < R(-0.46)) s.material = DARK;
    else if (deck > R(-0.09)) s.material = WHITE;
    put(&s, r_max(r_max(hull + R(0.06), deck - R(0.01)), R(-0.4) - p.z), BROWN);
    if (within(&s, p, V(-0.16, 0.0, 0.26), R(0.80))) {
        put(&s, box(p, V(-0.16, 0.0, -0.04), V(0.44, 0.27, 0.20), R(0.03)), WHITE);
        const int pane = p.x > R(0.2) ? q.y < R(0.22) : p.x > R(-0.57) && p.x * R(5.0) - r_floor(p.x * R(5.0)) < R(0.55);
        if (s.material == WHITE && pane && r_abs(p.z) < R(0.06) && q.y < R(0.3) && p.x < R(0.32)) s.material = GLASS;
        put(&s, box(p, V(-0.06, 0.0, 0.26), V(0.24, 0.22, 0.14), R(0.03)), WHITE);
        const int glazed = r_abs(p.y) < R(0.15) || r_abs(p.x + R(0.06)) < R(0.15);
        if (s.material == WHITE && glazed && r_abs(p.z - R(0.28)) < R(0.06) && p.x > R(-0.2)) s.material = GLASS;
        put(&s, drum_z(p, V(-0.38, 0.0, 0.44), R(0.15), R(0.34), R(0.02)), RED);
        if (s.material == RED && p.z > R(0.62)) s.material = BLACK;
        if (s.material == RED && p.z > R(0.44)) s.material = WHITE;
    }
    if (within(&s, p, V(0.60, 0.0, 0.32), R(0.50))) {
        put(&s, capsule(p, V(0.66, 0.0, -0.1), V(0.66, 0.0, 0.72), R(0.03)), BROWN);
        put(&s, box(p, V(0.54, 0.0, 0.62), V(0.13, 0.025, 0.11), R(0.01)), YELLOW);
    }
    put(&s, ring_y(p, V(-0.10, 0.46, -0.16), R(0.14), R(0.055)), ORANGE);
    return s;
}

/* A number on the left door. */
Surf scene_car(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p), w = fold_xy(p);
    const real hull = box(p, V(0.0, 0.0, -0.14), V(0.88, 0.48, 0.25), R(0.16));
    const real cabin = box(p, V(-0.12, 0.0, 0.20), V(0.54, 0.42, 0.33), R(0.17));
    put(&s, cut(blend(hull, cabin, R(0.10)), drum_y(w, V(0.52, 0.50, -0.34), R(0.28), R(0.14), R(0.0))), MAIN);
    const real across = r_abs(p.x + R(0.12));
    const int post = q.y > R(0.3) && (across < R(0.05) || across > R(0.45));
    if (p.z > R(0.14) && p.z < R(0.40) && !post) s.material = GLASS;
    if (p.y > R(0.3) && spot(p.x + R(0.05), p.z + R(0.12), R(0.18), R(0.18)))
        s.material = r_abs(p.x + R(0.05)) < R(0.04) && r_abs(p.z + R(0.12)) < R(0.11) ? BLACK : WHITE;
    if (within(&s, w, V(0.52, 0.43, -0.36), R(0.27))) {
        put(&s, drum_y(w, V(0.52, 0.42, -0.36), R(0.24), R(0.10), R(0.05)), BLACK);
        put(&s, drum_y(w, V(0.52, 0.48, -0.36), R(0.12), R(0.06), R(0.02)), GREY);
    }
    if (within(&s, p, V(0.84, 0.0, -0.18), R(0.46))) {
        put(&s, ball(q, V(0.79, 0.30, -0.06), R(0.12)), YELLOW);
        put(&s, box(p, V(0.86, 0.0, -0.29), V(0.05, 0.42, 0.06), R(0.03)), GREY);
        put(&s, box(p, V(0.86, 0.0, -0.09), V(0.03, 0.14, 0.07), R(0.02)), DARK);
    }
    if (within(&s, p, V(-0.88, 0.0, -0.18), R(0.46))) {
        put(&s, box(q, V(-0.86, 0.30, -0.08), V(0.04, 0.11, 0.07), R(0.02)), RED);
        put(&s, box(p, V(-0.86, 0.0, -0.29), V(0.05, 0.42, 0.06), R(0.03)), GREY);
        put(&s, box(p, V(-0.89, 0.0, -0.12), V(0.02, 0.14, 0.07), R(0.01)), WHITE);
    }
    return s;
}

/* A small propeller plane; a white disc on the left wing. */
Surf scene_plane(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, taper(p, V(0.42, 0.0, -0.05), V(-0.66, 0.0, 0.08), R(0.32), R(0.13)), MAIN);
    put(&s, box(p, V(0.18, 0.0, -0.10), V(0.26, 0.93, 0.07), R(0.06)), MAIN);
    if (q.y > R(0.78)) s.material = WHITE;
    if (p.y > R(0.0) && p.z > R(-0.1) && spot(p.x - R(0.18), p.y - R(0.56), R(0.16), R(0.16))) s.material = WHITE;
    if (within(&s, p, V(-0.74, 0.0, 0.26), R(0.56))) {
        put(&s, box(p, V(-0.72, 0.0, 0.12), V(0.15, 0.42, 0.05), R(0.04)), MAIN);
        const Vec fin = turn_y(p, V(-0.70, 0.0, 0.1), R(0.96), R(-0.28));
        put(&s, box(fin, V(-0.70, 0.0, 0.36), V(0.15, 0.05, 0.26), R(0.04)), RED);
    }
    put(&s, egg(p, V(0.16, 0.0, 0.22), V(0.28, 0.20, 0.22)), GLASS);
    if (within(&s, p, V(0.82, 0.0, -0.05), R(0.48))) {
        put(&s, drum_x(p, V(0.70, 0.0, -0.05), R(0.20), R(0.06), R(0.03)), YELLOW);
        put(&s, taper(p, V(0.76, 0.0, -0.05), V(0.88, 0.0, -0.05), R(0.12), R(0.06)), DARK);
        const Vec blade = turn_x(p, V(0.0, 0.0, -0.05), R(0.8), R(0.6));
        put(&s, box(blade, V(0.86, 0.0, -0.05), V(0.025, 0.06, 0.42), R(0.02)), DARK);
    }
    if (within(&s, q, V(0.26, 0.30, -0.40), R(0.30))) {
        put(&s, capsule(q, V(0.26, 0.28, -0.16), V(0.26, 0.30, -0.46), R(0.04)), GREY);
        put(&s, drum_y(q, V(0.26, 0.30, -0.48), R(0.14), R(0.06), R(0.04)), BLACK);
    }
    return s;
}

/* Upright; porthole in front, a hatch behind, a flag on the left. */
Surf scene_rocket(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec w = fold_xy(p);
    const real body = taper(p, V(0.0, 0.0, -0.18), V(0.0, 0.0, 0.36), R(0.38), R(0.30));
    const real nose = taper(p, V(0.0, 0.0, 0.36), V(0.0, 0.0, 0.86), R(0.30), R(0.05));
    put(&s, r_max(blend(body, nose, R(0.05)), R(-0.50) - p.z), MAIN);
    if (p.z > R(0.56)) s.material = RED;
    if (p.y > R(0.2) && r_abs(p.x) < R(0.15) && r_abs(p.z - R(0.14)) < R(0.11)) s.material = p.z > R(0.14) ? WHITE : BLUE;
    if (p.x < R(-0.2) && r_abs(p.y) < R(0.15) && p.z > R(-0.24) && p.z < R(0.20))
        s.material = r_abs(p.y) < R(0.11) && p.z > R(-0.20) && p.z < R(0.16) ? GREY : DARK;
    if (within(&s, p, V(0.34, 0.0, 0.16), R(0.26))) {
        put(&s, ring_x(p, V(0.34, 0.0, 0.16), R(0.16), R(0.05)), WHITE);
        put(&s, drum_x(p, V(0.32, 0.0, 0.16), R(0.15), R(0.05), R(0.01)), GLASS);
    }
    if (within(&s, p, V(0.0, 0.0, -0.62), R(0.85))) {
        /* a shear by k stretches distances by k/2 + sqrt(1 + k^2/4) at most: 1/0.76 for 0.55 */
        const Vec lean = { w.x, w.y, p.z + R(0.55) * r_max(w.x, w.y) };
        put(&s, R(0.76) * box(lean, V(0.50, 0.0, -0.22), V(0.26, 0.05, 0.22), R(0.03)), RED);
        put(&s, R(0.76) * box(lean, V(0.0, 0.50, -0.22), V(0.05, 0.26, 0.22), R(0.03)), RED);
        put(&s, cone_z(p, V(0.0, 0.0, -0.54), R(0.28), R(0.20), R(0.07)), DARK);
        put(&s, taper(p, V(0.0, 0.0, -0.64), V(0.0, 0.0, -0.88), R(0.19), R(0.05)), ORANGE);
    }
    return s;
}

/* A steam engine: funnel and lamp in front, cab behind; a yellow crest on the left of the cab. */
Surf scene_train(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, drum_x(p, V(0.22, 0.0, -0.02), R(0.34), R(0.48), R(0.04)), MAIN);
    if (r_abs(p.x - R(0.02)) < R(0.035) || r_abs(p.x - R(0.42)) < R(0.035)) s.material = YELLOW;
    put(&s, box(p, V(-0.52, 0.0, 0.10), V(0.28, 0.42, 0.44), R(0.03)), MAIN);
    const int pane = q.y > R(0.41) ? r_abs(p.x + R(0.52)) < R(0.16) : p.x > R(-0.7) || r_abs(q.y - R(0.19)) < R(0.12);
    if (s.material == MAIN && pane && p.x < R(-0.24) && r_abs(p.z - R(0.28)) < R(0.14)) s.material = GLASS;
    if (p.y > R(0.4) && spot(p.x + R(0.52), p.z + R(0.08), R(0.13), R(0.13))) s.material = YELLOW;
    put(&s, box(p, V(-0.52, 0.0, 0.56), V(0.36, 0.48, 0.05), R(0.03)), DARK);
    put(&s, box(p, V(-0.04, 0.0, -0.40), V(0.78, 0.36, 0.09), R(0.02)), BLACK);
    if (within(&s, p, V(0.30, 0.0, 0.52), R(0.50))) {
        put(&s, drum_z(p, V(0.46, 0.0, 0.42), R(0.11), R(0.20), R(0.01)), BLACK);
        put(&s, cone_z(p, V(0.46, 0.0, 0.68), R(0.12), R(0.22), R(0.12)), BLACK);
        put(&s, ball(p, V(0.08, 0.0, 0.34), R(0.15)), YELLOW);
    }
    if (within(&s, p, V(0.72, 0.0, -0.26), R(0.64))) {
        put(&s, drum_x(p, V(0.71, 0.0, -0.02), R(0.27), R(0.03), R(0.02)), DARK);
        put(&s, drum_x(p, V(0.75, 0.0, 0.10), R(0.12), R(0.06), R(0.03)), YELLOW);
        const real wedge = (p.x + p.z - R(0.24)) * R(0.70710678);
        put(&s, r_max(r_max(wedge, r_abs(p.z + R(0.54)) - R(0.15)), r_max(q.y - R(0.38), R(0.55) - p.x)), RED);
    }
    if (within(&s, q, V(0.0, 0.40, -0.50), R(0.86))) {
        put(&s, drum_y(q, V(-0.50, 0.40, -0.42), R(0.27), R(0.06), R(0.03)), RED);
        const Vec small = { r_abs(p.x - R(0.24)), q.y, p.z };
        put(&s, drum_y(small, V(0.21, 0.40, -0.50), R(0.19), R(0.06), R(0.03)), RED);
        put(&s, box(q, V(-0.10, 0.47, -0.46), V(0.48, 0.03, 0.04), R(0.01)), GREY);
    }
    return s;
}

/* A delivery truck: cab in front, a round sign on the left of the box, a bar on the right. */
Surf scene_truck(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p), w = { r_abs(p.x + R(0.02)), q.y, p.z };
    put(&s, box(p, V(-0.28, 0.0, 0.16), V(0.62, 0.45, 0.50), R(0.04)), CREAM);
    if (p.z < R(0.0)) s.material = MAIN;
    if (p.x < R(-0.85) && (q.y < R(0.02) || (r_abs(q.y - R(0.10)) < R(0.03) && r_abs(p.z - R(0.1)) < R(0.12))))
        s.material = DARK;
    if (p.y > R(0.4) && spot(p.x + R(0.28), p.z - R(0.30), R(0.24), R(0.24)))
        s.material = spot(p.x + R(0.28), p.z - R(0.30), R(0.13), R(0.13)) ? YELLOW : RED;
    if (p.y < R(-0.4) && r_abs(p.z - R(0.30)) < R(0.08) && r_abs(p.x + R(0.28)) < R(0.44)) s.material = BLUE;
    put(&s, box(p, V(0.62, 0.0, -0.06), V(0.26, 0.40, 0.36), R(0.09)), MAIN);
    const int pane = p.x > R(0.80) ? q.y < R(0.34) : r_abs(p.x - R(0.60)) < R(0.13);
    if (s.material == MAIN && pane && r_abs(p.z - R(0.11)) < R(0.11)) s.material = GLASS;
    put(&s, box(p, V(0.0, 0.0, -0.42), V(0.86, 0.34, 0.08), R(0.02)), DARK);
    if (within(&s, p, V(0.88, 0.0, -0.24), R(0.46))) {
        put(&s, ball(q, V(0.85, 0.27, -0.20), R(0.09)), YELLOW);
        put(&s, box(p, V(0.88, 0.0, -0.18), V(0.03, 0.14, 0.06), R(0.02)), DARK);
        put(&s, box(p, V(0.88, 0.0, -0.38), V(0.05, 0.42, 0.06), R(0.03)), GREY);
    }
    put(&s, box(q, V(-0.89, 0.34, -0.28), V(0.03, 0.08, 0.06), R(0.02)), RED);
    if (within(&s, w, V(0.54, 0.41, -0.44), R(0.28))) {
        put(&s, drum_y(w, V(0.54, 0.40, -0.44), R(0.24), R(0.10), R(0.05)), BLACK);
        put(&s, drum_y(w, V(0.54, 0.46, -0.44), R(0.11), R(0.06), R(0.02)), GREY);
    }
    return s;
}
