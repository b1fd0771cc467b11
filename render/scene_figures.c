/* scene_figures.c -- objects: more animals and figures. See scene_shapes.h for the solids and scene.h for the frame. */
#include "render/scene_shapes.h"

/* On a branch with a leaf at its left end. */
Surf scene_owl(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    const real body = egg(p, V(-0.02, 0.0, -0.16), V(0.46, 0.50, 0.60));
    put(&s, blend(body, egg(p, V(0.0, 0.0, 0.34), V(0.43, 0.50, 0.38)), R(0.08)), MAIN);
    if (p.x > R(0.1) && spot(p.y, p.z + R(0.26), R(0.32), R(0.34))) {
        const real row = (p.z + R(1.0)) * R(6.0), col = q.y * R(6.0) + R(0.5);
        s.material = spot(col - r_floor(col) - R(0.5), row - r_floor(row) - R(0.5), R(0.25), R(0.28)) ? BROWN : CREAM;
    }
    put(&s, taper(q, V(0.05, 0.30, 0.52), V(0.10, 0.44, 0.80), R(0.16), R(0.03)), MAIN);
    if (within(&s, p, V(0.40, 0.0, 0.36), R(0.46))) {
        put(&s, egg(q, V(0.34, 0.20, 0.38), V(0.13, 0.20, 0.20)), WHITE);
        put(&s, ball(q, V(0.40, 0.19, 0.38), R(0.115)), YELLOW);
        put(&s, ball(q, V(0.47, 0.18, 0.38), R(0.075)), BLACK);
        put(&s, taper(p, V(0.44, 0.0, 0.27), V(0.54, 0.0, 0.12), R(0.08), R(0.02)), ORANGE);
    }
    put(&s, egg(q, V(-0.08, 0.46, -0.20), V(0.32, 0.16, 0.30)), BROWN);
    put(&s, capsule(p, V(0.10, -0.70, -0.80), V(0.10, 0.62, -0.80), R(0.09)), BROWN);
    put(&s, egg(p, V(0.14, 0.64, -0.62), V(0.13, 0.11, 0.20)), GREEN);
    put(&s, egg(q, V(0.22, 0.18, -0.72), V(0.13, 0.13, 0.09)), ORANGE);
    const Vec tail = turn_y(p, V(-0.40, 0.0, -0.60), R(0.96), R(-0.28));
    put(&s, box(tail, V(-0.40, 0.0, -0.66), V(0.06, 0.20, 0.26), R(0.05)), BROWN);
    return s;
}

/* A red scarf whose end hangs over the left shoulder. */
Surf scene_penguin(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    const real body = egg(p, V(-0.04, 0.0, -0.24), V(0.45, 0.48, 0.58));
    put(&s, blend(body, ball(p, V(0.0, 0.0, 0.46), R(0.38)), R(0.10)), MAIN);
    if (p.x > R(0.05) && spot(p.y, p.z + R(0.26), R(0.34), R(0.42))) s.material = WHITE;
    if (p.x > R(0.05) && spot(q.y - R(0.13), p.z - R(0.50), R(0.15), R(0.19))) s.material = WHITE;
    if (p.x > R(0.05) && spot(p.y, p.z - R(0.36), R(0.22), R(0.12))) s.material = WHITE;
    if (within(&s, p, V(0.36, 0.0, 0.48), R(0.34))) {
        put(&s, ball(q, V(0.32, 0.14, 0.54), R(0.07)), BLACK);
        put(&s, taper(p, V(0.34, 0.0, 0.42), V(0.58, 0.0, 0.38), R(0.10), R(0.03)), ORANGE);
    }
    put(&s, ring_z(p, V(-0.02, 0.0, 0.15), R(0.35), R(0.085)), RED);
    put(&s, capsule(p, V(0.24, 0.34, 0.12), V(0.34, 0.40, -0.22), R(0.085)), RED);
    put(&s, taper(q, V(-0.02, 0.44, 0.02), V(-0.02, 0.70, -0.42), R(0.13), R(0.07)), MAIN);
    put(&s, egg(q, V(0.18, 0.22, -0.80), V(0.24, 0.17, 0.12)), ORANGE);
    put(&s, taper(p, V(-0.38, 0.0, -0.60), V(-0.60, 0.0, -0.78), R(0.12), R(0.05)), MAIN);
    return s;
}

/* Sits; the right ear hangs, the left hand holds a carrot. */
Surf scene_rabbit(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, egg(p, V(-0.10, 0.0, -0.48), V(0.40, 0.40, 0.42)), MAIN);
    put(&s, egg(p, V(0.04, 0.0, 0.10), V(0.34, 0.37, 0.33)), MAIN);
    put(&s, egg(q, V(-0.02, 0.32, -0.66), V(0.32, 0.18, 0.22)), MAIN);
    put(&s, egg(q, V(0.30, 0.28, -0.80), V(0.24, 0.14, 0.12)), WHITE);
    put(&s, ball(p, V(-0.52, 0.0, -0.58), R(0.20)), WHITE);
    if (within(&s, p, V(0.0, 0.20, 0.60), R(0.38))) {
        put(&s, taper(p, V(-0.02, 0.14, 0.36), V(-0.04, 0.24, 0.80), R(0.10), R(0.13)), MAIN);
        put(&s, taper(p, V(0.07, 0.15, 0.42), V(0.06, 0.24, 0.78), R(0.05), R(0.07)), PINK);
    }
    if (within(&s, p, V(0.04, -0.36, 0.52), R(0.42))) {
        put(&s, taper(p, V(-0.02, -0.14, 0.36), V(-0.02, -0.26, 0.66), R(0.10), R(0.12)), MAIN);
        put(&s, taper(p, V(-0.02, -0.26, 0.66), V(0.10, -0.56, 0.48), R(0.12), R(0.12)), MAIN);
    }
    if (within(&s, p, V(0.32, 0.0, 0.10), R(0.34))) {
        put(&s, egg(q, V(0.32, 0.08, 0.00), V(0.10, 0.11, 0.09)), WHITE);
        put(&s, egg(p, V(0.42, 0.0, 0.07), V(0.05, 0.06, 0.05)), PINK);
        put(&s, box(p, V(0.38, 0.0, -0.09), V(0.03, 0.06, 0.07), R(0.01)), WHITE);
        put(&s, egg(q, V(0.30, 0.17, 0.21), V(0.07, 0.07, 0.10)), BLACK);
    }
    put(&s, egg(p, V(0.17, 0.0, -0.46), V(0.18, 0.22, 0.26)), WHITE);
    if (within(&s, p, V(0.34, 0.0, -0.24), R(0.62))) {
        put(&s, taper(q, V(0.10, 0.30, -0.26), V(0.34, 0.32, -0.36), R(0.12), R(0.10)), MAIN);
        put(&s, taper(p, V(0.42, 0.36, -0.14), V(0.46, 0.34, -0.52), R(0.11), R(0.03)), ORANGE);
        put(&s, taper(p, V(0.42, 0.36, -0.06), V(0.40, 0.42, 0.08), R(0.04), R(0.07)), GREEN);
    }
    return s;
}

/* Chest panel in front, a pack with two nozzles behind; the left arm waves. */
Surf scene_robot(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, box(p, V(0.0, 0.0, -0.17), V(0.28, 0.38, 0.32), R(0.06)), MAIN);
    put(&s, box(p, V(0.0, 0.0, 0.44), V(0.28, 0.36, 0.23), R(0.07)), MAIN);
    put(&s, drum_z(p, V(0.0, 0.0, 0.18), R(0.15), R(0.06), R(0.0)), GREY);
    put(&s, drum_y(q, V(0.0, 0.38, 0.44), R(0.10), R(0.05), R(0.02)), GREY);
    if (within(&s, p, V(0.30, 0.0, 0.44), R(0.36))) {
        put(&s, box(p, V(0.27, 0.0, 0.44), V(0.04, 0.28, 0.16), R(0.03)), DARK);
        put(&s, ball(q, V(0.29, 0.13, 0.48), R(0.08)), YELLOW);
        put(&s, box(p, V(0.31, 0.0, 0.34), V(0.02, 0.14, 0.03), R(0.01)), WHITE);
    }
    if (within(&s, p, V(0.0, 0.0, 0.78), R(0.18))) {
        put(&s, capsule(p, V(0.0, 0.0, 0.65), V(0.0, 0.0, 0.82), R(0.03)), GREY);
        put(&s, ball(p, V(0.0, 0.0, 0.86), R(0.09)), RED);
    }
    if (within(&s, p, V(0.30, 0.0, -0.12), R(0.32))) {
        put(&s, box(p, V(0.28, 0.0, -0.12), V(0.03, 0.24, 0.17), R(0.02)), WHITE);
        put(&s, ball(p, V(0.30, 0.13, -0.05), R(0.06)), RED);
        put(&s, ball(p, V(0.30, 0.0, -0.05), R(0.06)), GREEN);
        put(&s, ball(p, V(0.30, -0.13, -0.05), R(0.06)), BLUE);
        put(&s, box(p, V(0.30, 0.0, -0.20), V(0.02, 0.17, 0.03), R(0.01)), DARK);
    }
    if (within(&s, p, V(-0.36, 0.0, -0.15), R(0.44))) {
        put(&s, box(p, V(-0.36, 0.0, -0.10), V(0.12, 0.26, 0.22), R(0.04)), DARK);
        put(&s, drum_z(q, V(-0.36, 0.13, -0.34), R(0.08), R(0.06), R(0.01)), ORANGE);
    }
    if (within(&s, q, V(0.06, 0.58, -0.04), R(0.56))) {
        put(&s, ball(q, V(0.0, 0.42, 0.02), R(0.12)), GREY);
        put(&s, capsule(p, V(0.0, 0.44, 0.02), V(0.05, 0.70, 0.22), R(0.07)), GREY);
        put(&s, capsule(p, V(0.0, -0.44, 0.02), V(0.08, -0.60, -0.32), R(0.07)), GREY);
        put(&s, ball(p, V(0.05, 0.72, 0.28), R(0.14)), MAIN);
        put(&s, ball(p, V(0.08, -0.62, -0.38), R(0.14)), MAIN);
    }
    put(&s, drum_z(q, V(0.0, 0.18, -0.60), R(0.10), R(0.15), R(0.0)), GREY);
    put(&s, box(q, V(0.06, 0.19, -0.80), V(0.24, 0.15, 0.09), R(0.05)), MAIN);
    return s;
}

/* Hat, carrot and buttons; the left twig points up and wears a mitten. */
Surf scene_snowman(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, ball(p, V(0.0, 0.0, -0.46), R(0.46)), MAIN);
    put(&s, ball(p, V(0.0, 0.0, 0.10), R(0.34)), MAIN);
    put(&s, ball(p, V(0.0, 0.0, 0.48), R(0.27)), MAIN);
    if (within(&s, p, V(0.0, 0.0, 0.78), R(0.36))) {
        put(&s, drum_z(p, V(0.0, 0.0, 0.66), R(0.32), R(0.03), R(0.02)), BLACK);
        put(&s, drum_z(p, V(0.0, 0.0, 0.80), R(0.21), R(0.15), R(0.02)), BLACK);
        put(&s, drum_z(p, V(0.0, 0.0, 0.72), R(0.22), R(0.04), R(0.0)), RED);
    }
    if (within(&s, p, V(0.32, 0.0, 0.46), R(0.32))) {
        put(&s, taper(p, V(0.20, 0.0, 0.46), V(0.58, 0.0, 0.42), R(0.08), R(0.02)), ORANGE);
        put(&s, ball(q, V(0.23, 0.11, 0.55), R(0.045)), BLACK);
    }
    put(&s, ring_z(p, V(0.0, 0.0, 0.28), R(0.25), R(0.07)), RED);
    put(&s, capsule(p, V(0.22, -0.16, 0.24), V(0.34, -0.20, -0.02), R(0.07)), RED);
    put(&s, ball(p, V(0.33, 0.0, 0.13), R(0.05)), BLACK);
    put(&s, ball(p, V(0.33, 0.0, -0.04), R(0.05)), BLACK);
    put(&s, ball(p, V(0.45, 0.0, -0.36), R(0.05)), BLACK);
    if (within(&s, q, V(0.04, 0.56, 0.18), R(0.50))) {
        put(&s, capsule(p, V(0.0, 0.28, 0.14), V(0.04, 0.78, 0.44), R(0.035)), BROWN);
        put(&s, capsule(p, V(0.0, -0.28, 0.14), V(0.08, -0.80, -0.02), R(0.035)), BROWN);
        put(&s, capsule(p, V(0.04, -0.62, 0.04), V(0.08, -0.76, 0.16), R(0.03)), BROWN);
        put(&s, ball(p, V(0.04, 0.78, 0.46), R(0.11)), GREEN);
    }
    return s;
}

/* A dark pattern on the shell. */
Surf scene_turtle(Vec p)
{
    Surf s = { R(10.0), MAIN };
    const Vec q = fold_y(p);
    put(&s, r_max(egg(p, V(-0.12, 0.0, -0.20), V(0.68, 0.60, 0.62)), R(-0.20) - p.z), MAIN);
    const Vec c = { p.x + R(0.12), q.y, p.z };
    const real row = len2(c.x, c.y), seam = r_min(r_abs(c.x), R(0.75) * r_abs(r_abs(c.x) - R(1.1) * c.y));
    if (p.z > R(-0.16) && (r_abs(row - R(0.30)) < R(0.035) || (row > R(0.30) && seam < R(0.03)))) s.material = DARK;
    put(&s, r_max(egg(p, V(-0.12, 0.0, -0.22), V(0.74, 0.66, 0.44)), r_abs(p.z + R(0.24)) - R(0.06)), CREAM);
    put(&s, egg(p, V(-0.10, 0.0, -0.30), V(0.60, 0.52, 0.30)), CREAM);
    if (within(&s, p, V(0.62, 0.0, 0.02), R(0.52))) {
        put(&s, taper(p, V(0.40, 0.0, -0.25), V(0.62, 0.0, 0.02), R(0.15), R(0.13)), GREEN);
        put(&s, egg(p, V(0.70, 0.0, 0.12), V(0.24, 0.22, 0.21)), GREEN);
        put(&s, ball(q, V(0.80, 0.15, 0.20), R(0.085)), WHITE);
        put(&s, ball(q, V(0.85, 0.17, 0.21), R(0.05)), BLACK);
        if (s.material == GREEN && p.x > R(0.7) && r_abs(p.z - R(0.04)) < R(0.02) && q.y < R(0.14)) s.material = DARK;
    }
    put(&s, taper(q, V(0.22, 0.36, -0.36), V(0.42, 0.60, -0.52), R(0.16), R(0.14)), GREEN);
    put(&s, taper(q, V(-0.46, 0.36, -0.36), V(-0.62, 0.54, -0.52), R(0.15), R(0.13)), GREEN);
    put(&s, taper(p, V(-0.70, 0.0, -0.34), V(-0.92, 0.0, -0.40), R(0.08), R(0.02)), GREEN);
    return s;
}
