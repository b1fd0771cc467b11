#!/bin/sh
# run.sh BUILD -- run every test program and every test script; the last line is "N passed, N failed"
build=${1:-build}
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; export OMP_WAIT_POLICY        # tests are small: threads that spin while they wait take the cores of others
{
    for script in tests/t_*.sh; do echo "$(basename "$script") sh $script $build"; done
    for source in tests/t_*.c; do
        t=$(basename "$source" .c)
        echo "$t/f32 $build/f32/$t"
        echo "$t/f64 $build/f64/$t"
    done
    for source in tests/t64_*.c; do
        t=$(basename "$source" .c)
        echo "$t/f64 $build/f64/$t"
    done
} | sh tests/jobs.sh
