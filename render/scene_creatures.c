/* scene_creatures.c -- objects: animals and figures. See scene_shapes.h for the solids and scene.h for the frame. */
#include "render/scene_shapes.h"

/* A teddy that waves with its left arm. */
Surf scene_bear(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, egg(p, V(-0.06, 0.0, -0.36), V(0.42, 0.46, 0.46)), MAIN);
    put(&s, ball(p, V(0.0, 0.0, 0.34), R(0.43)), MAIN);
    put(&s, ball(q, V(-0.04, 0.36, 0.70), R(0.18)), MAIN);
    put(&s, taper(q, V(0.10, 0.28, -0.72), V(0.52, 0.38, -0.70), R(0.17), R(0.19)), MAIN);
    put(&s, taper(p, V(-0.05, 0.38, -0.12), V(0.10, 0.78, 0.12), R(0.14), R(0.16)), MAIN);
    put(&s, taper(p, V(0.0, -0.40, -0.14), V(0.22, -0.60, -0.44), R(0.14), R(0.16)), MAIN);
    put(&s, ball(p, V(-0.50, 0.0, -0.62), R(0.14)), MAIN);
    if (within(&s, p, V(0.36, 0.0, 0.22), R(0.44))) {
        put(&s, egg(p, V(0.36, 0.0, 0.22), V(0.17, 0.21, 0.16)), CREAM);
        put(&s, egg(p, V(0.52, 0.0, 0.29), V(0.06, 0.09, 0.06)), BLACK);
        put(&s, ball(q, V(0.36, 0.18, 0.44), R(0.065)), BLACK);
        put(&s, taper(q, V(0.38, 0.0, 0.0), V(0.36, 0.20, 0.0), R(0.05), R(0.11)), RED);
    }
    if (within(&s, p, V(0.32, 0.0, -0.44), R(0.70))) {
        put(&s, egg(p, V(0.16, 0.0, -0.38), V(0.25, 0.31, 0.31)), CREAM);
        put(&s, egg(q, V(0.66, 0.39, -0.70), V(0.07, 0.12, 0.12)), CREAM);
    }
    put(&s, egg(q, V(0.05, 0.37, 0.70), V(0.12, 0.12, 0.12)), PINK);
    return s;
}

/* Sits; stripes on the back, the tail curls around the left side. */
Surf scene_cat(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    const real body = taper(p, V(-0.12, 0.0, -0.42), V(0.02, 0.0, 0.02), R(0.42), R(0.28));
    put(&s, blend(body, egg(p, V(0.10, 0.0, 0.36), V(0.35, 0.42, 0.33)), R(0.08)), MAIN);
    put(&s, taper(q, V(0.08, 0.26, 0.56), V(0.05, 0.34, 0.84), R(0.15), R(0.03)), MAIN);
    put(&s, egg(q, V(-0.12, 0.30, -0.58), V(0.32, 0.18, 0.28)), MAIN);
    if (p.x < R(0.05) && q.y < R(0.25) && p.z < R(0.65) && p.z * R(4.0) - r_floor(p.z * R(4.0)) < R(0.36))
        s.material = DARK;
    if (within(&s, p, V(0.32, 0.0, 0.38), R(0.60))) {
        put(&s, egg(q, V(0.40, 0.09, 0.26), V(0.11, 0.12, 0.09)), WHITE);
        put(&s, ball(p, V(0.50, 0.0, 0.32), R(0.05)), PINK);
        put(&s, ball(q, V(0.36, 0.17, 0.44), R(0.10)), YELLOW);
        put(&s, ball(q, V(0.43, 0.17, 0.44), R(0.06)), BLACK);
        put(&s, taper(q, V(0.17, 0.26, 0.58), V(0.10, 0.33, 0.76), R(0.09), R(0.02)), PINK);
        put(&s, capsule(q, V(0.44, 0.12, 0.24), V(0.40, 0.46, 0.28), R(0.014)), WHITE);
        put(&s, capsule(q, V(0.44, 0.12, 0.22), V(0.40, 0.45, 0.14), R(0.014)), WHITE);
    }
    if (within(&s, p, V(0.28, 0.0, -0.44), R(0.54))) {
        put(&s, capsule(q, V(0.20, 0.15, -0.10), V(0.28, 0.15, -0.72), R(0.11)), MAIN);
        put(&s, egg(q, V(0.34, 0.15, -0.76), V(0.16, 0.12, 0.10)), WHITE);
        put(&s, egg(p, V(0.22, 0.0, -0.12), V(0.14, 0.17, 0.20)), WHITE);
    }
    if (within(&s, p, V(-0.36, 0.38, -0.54), R(0.54))) {
        put(&s, capsule(p, V(-0.42, 0.0, -0.74), V(-0.45, 0.45, -0.70), R(0.08)), MAIN);
        put(&s, capsule(p, V(-0.45, 0.45, -0.70), V(-0.28, 0.68, -0.40), R(0.08)), MAIN);
        put(&s, ball(p, V(-0.24, 0.69, -0.33), R(0.10)), WHITE);
    }
    return s;
}

/* Stands; brown ears, a collar, a brown patch on the left flank and around the left eye. */
Surf scene_dog(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    const real trunk = taper(p, V(-0.46, 0.0, -0.08), V(0.18, 0.0, -0.04), R(0.27), R(0.31));
    const real head = ball(p, V(0.36, 0.0, 0.42), R(0.33));
    put(&s, blend(trunk, taper(p, V(0.18, 0.0, 0.0), V(0.32, 0.0, 0.30), R(0.24), R(0.20)), R(0.10)), MAIN);
    put(&s, head, MAIN);
    if (p.y > R(0.0) && spot(p.x + R(0.32), p.z - R(0.02), R(0.22), R(0.18))) s.material = BROWN;
    if (p.y > R(0.0) && spot(p.y - R(0.17), p.z - R(0.52), R(0.15), R(0.17))) s.material = BROWN;
    put(&s, capsule(q, V(0.18, 0.20, -0.2), V(0.20, 0.20, -0.70), R(0.12)), MAIN);
    put(&s, capsule(q, V(-0.50, 0.18, -0.2), V(-0.52, 0.18, -0.70), R(0.12)), MAIN);
    put(&s, egg(q, V(0.24, 0.20, -0.76), V(0.17, 0.14, 0.10)), WHITE);
    put(&s, egg(q, V(-0.48, 0.18, -0.76), V(0.17, 0.14, 0.10)), WHITE);
    put(&s, taper(p, V(-0.68, 0.0, 0.04), V(-0.88, 0.0, 0.44), R(0.10), R(0.06)), MAIN);
    if (within(&s, p, V(0.50, 0.0, 0.32), R(0.58))) {
        put(&s, taper(p, V(0.50, 0.0, 0.32), V(0.74, 0.0, 0.28), R(0.20), R(0.15)), CREAM);
        put(&s, ball(p, V(0.87, 0.0, 0.36), R(0.08)), BLACK);
        put(&s, ball(q, V(0.61, 0.16, 0.53), R(0.065)), BLACK);
        put(&s, egg(p, V(0.78, 0.0, 0.13), V(0.08, 0.07, 0.10)), PINK);
        put(&s, egg(q, V(0.28, 0.36, 0.36), V(0.16, 0.10, 0.20)), BROWN);
        put(&s, taper(q, V(0.26, 0.28, 0.60), V(0.28, 0.38, 0.28), R(0.08), R(0.12)), BROWN);
        put(&s, ring_z(p, V(0.24, 0.0, 0.14), R(0.23), R(0.05)), RED);
    }
    return s;
}

Surf scene_duck(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    const real body = egg(p, V(-0.12, 0.0, -0.30), V(0.62, 0.47, 0.40));
    const real tail = taper(p, V(-0.52, 0.0, -0.20), V(-0.84, 0.0, 0.10), R(0.20), R(0.06));
    put(&s, blend(blend(body, tail, R(0.15)), ball(p, V(0.26, 0.0, 0.40), R(0.36)), R(0.15)), MAIN);
    put(&s, egg(q, V(-0.22, 0.42, -0.26), V(0.36, 0.18, 0.22)), WHITE);
    if (within(&s, p, V(0.62, 0.0, 0.42), R(0.36))) {
        put(&s, egg(p, V(0.66, 0.0, 0.36), V(0.20, 0.19, 0.10)), ORANGE);
        put(&s, ball(q, V(0.51, 0.18, 0.52), R(0.09)), WHITE);
        put(&s, ball(q, V(0.57, 0.20, 0.53), R(0.055)), BLACK);
    }
    put(&s, egg(q, V(0.08, 0.22, -0.70), V(0.22, 0.15, 0.11)), ORANGE);
    return s;
}

/* A blanket on its back with a white disc on the left. */
Surf scene_elephant(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, egg(p, V(-0.30, 0.0, 0.02), V(0.52, 0.42, 0.44)), MAIN);
    if (p.z > R(-0.08) && r_abs(p.x + R(0.32)) < R(0.24)) s.material = p.z > R(-0.01) ? BLUE : YELLOW;
    if (s.material == BLUE && p.y > R(0.0) && spot(p.x + R(0.32), p.z - R(0.14), R(0.11), R(0.11))) s.material = WHITE;
    put(&s, ball(p, V(0.30, 0.0, 0.32), R(0.35)), MAIN);
    const Vec leg = { r_abs(p.x + R(0.28)), q.y, p.z };
    put(&s, taper(leg, V(0.28, 0.22, -0.25), V(0.29, 0.23, -0.74), R(0.16), R(0.17)), MAIN);
    if (within(&s, p, V(0.68, 0.0, -0.04), R(0.66))) {
        const real upper = taper(p, V(0.54, 0.0, 0.26), V(0.74, 0.0, -0.14), R(0.18), R(0.12));
        put(&s, blend(upper, taper(p, V(0.74, 0.0, -0.14), V(0.80, 0.0, -0.48), R(0.12), R(0.09)), R(0.03)), MAIN);
        put(&s, capsule(p, V(0.80, 0.0, -0.48), V(0.88, 0.0, -0.50), R(0.085)), MAIN);
        put(&s, taper(q, V(0.56, 0.17, 0.08), V(0.82, 0.22, -0.06), R(0.06), R(0.03)), WHITE);
        put(&s, ball(q, V(0.58, 0.17, 0.44), R(0.055)), BLACK);
    }
    if (within(&s, q, V(0.16, 0.52, 0.36), R(0.46))) {
        const Vec e = turn_z(q, V(0.20, 0.30, 0.36), R(0.8), R(0.6));
        put(&s, drum_x(e, V(0.18, 0.58, 0.36), R(0.34), R(0.06), R(0.05)), MAIN);
        put(&s, drum_x(e, V(0.21, 0.57, 0.35), R(0.25), R(0.05), R(0.02)), PINK);
    }
    put(&s, capsule(p, V(-0.80, 0.0, 0.10), V(-0.87, 0.0, -0.24), R(0.03)), MAIN);
    put(&s, ball(p, V(-0.87, 0.0, -0.28), R(0.07)), DARK);
    return s;
}

/* Swims towards +x: two white bands, orange fins. */
Surf scene_fish(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, egg(p, V(0.15, 0.0, -0.02), V(0.68, 0.40, 0.54)), MAIN);
    if (r_abs(p.x - R(0.30)) < R(0.08) || r_abs(p.x + R(0.16)) < R(0.08)) s.material = WHITE;
    put(&s, egg(p, V(0.82, 0.0, -0.12), V(0.08, 0.14, 0.10)), RED);
    put(&s, ball(q, V(0.60, 0.25, 0.16), R(0.13)), WHITE);
    put(&s, ball(q, V(0.66, 0.32, 0.18), R(0.075)), BLACK);
    if (within(&s, p, V(-0.66, 0.0, 0.0), R(0.55))) {
        const Vec t = { p.x, p.y, r_abs(p.z) };
        put(&s, egg(turn_y(t, V(-0.70, 0.0, 0.26), R(0.6), R(0.8)), V(-0.70, 0.0, 0.26), V(0.28, 0.15, 0.15)), ORANGE);
        put(&s, egg(p, V(-0.52, 0.0, 0.0), V(0.16, 0.12, 0.13)), ORANGE);
    }
    put(&s, egg(p, V(0.02, 0.0, 0.52), V(0.32, 0.16, 0.26)), ORANGE);
    put(&s, egg(p, V(0.05, 0.0, -0.56), V(0.22, 0.12, 0.18)), ORANGE);
    put(&s, egg(turn_z(q, V(0.10, 0.38, -0.12), R(0.8), R(-0.6)), V(-0.05, 0.40, -0.12), V(0.24, 0.12, 0.16)), ORANGE);
    return s;
}

/* Two dark stripes down the back. */
Surf scene_frog(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, egg(p, V(-0.06, 0.0, -0.20), V(0.58, 0.54, 0.46)), MAIN);
    if (p.x > R(0.15) && p.z < R(-0.30) && q.y < R(0.36)) s.material = CREAM;
    if (p.x > R(0.1) && r_abs(p.z + R(0.14) - R(0.35) * p.y * p.y) < R(0.03) && q.y < R(0.42)) s.material = RED;
    if (p.x < R(0.1) && p.z > R(-0.3) && r_abs(q.y - R(0.20)) < R(0.06)) s.material = DARK;
    put(&s, ball(q, V(0.20, 0.30, 0.26), R(0.21)), MAIN);
    put(&s, ball(q, V(0.27, 0.31, 0.29), R(0.17)), WHITE);
    put(&s, ball(q, V(0.39, 0.31, 0.30), R(0.085)), BLACK);
    if (within(&s, q, V(0.04, 0.52, -0.56), R(0.70))) {
        put(&s, egg(q, V(-0.26, 0.52, -0.46), V(0.36, 0.20, 0.26)), MAIN);
        put(&s, egg(q, V(0.10, 0.66, -0.68), V(0.28, 0.18, 0.14)), MAIN);
        put(&s, taper(q, V(0.34, 0.36, -0.30), V(0.48, 0.36, -0.66), R(0.11), R(0.09)), MAIN);
        put(&s, egg(q, V(0.54, 0.38, -0.70), V(0.16, 0.16, 0.09)), MAIN);
    }
    return s;
}

/* A dome with a wavy hem; the left arm is raised. */
Surf scene_ghost(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p), w = fold_xy(p);
    real body = capsule(p, V(0.0, 0.0, -1.0), V(0.0, 0.0, 0.32), R(0.52));
    body = r_max(body, R(-0.78) - p.z);
    body = cut(body, drum_x(q, V(0.0, 0.27, -0.80), R(0.16), R(2.0), R(0.0)));
    body = cut(body, drum_y(w, V(0.27, 0.0, -0.80), R(0.16), R(2.0), R(0.0)));
    put(&s, body, MAIN);
    put(&s, taper(p, V(0.10, 0.45, 0.05), V(0.30, 0.74, 0.26), R(0.14), R(0.10)), MAIN);
    put(&s, taper(p, V(0.10, -0.45, -0.05), V(0.34, -0.66, -0.24), R(0.14), R(0.10)), MAIN);
    if (p.x > R(0.0) && s.material == MAIN) {
        if (spot(q.y - R(0.19), p.z - R(0.42), R(0.10), R(0.15))) s.material = BLACK;
        if (spot(q.y - R(0.17), p.z - R(0.48), R(0.04), R(0.05))) s.material = WHITE;
        if (spot(p.y, p.z - R(0.10), R(0.11), R(0.13))) s.material = DARK;
        if (spot(p.y, p.z - R(0.03), R(0.06), R(0.05))) s.material = RED;
        if (spot(q.y - R(0.34), p.z - R(0.20), R(0.08), R(0.06))) s.material = PINK;
    }
    return s;
}
