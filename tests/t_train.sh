#!/bin/sh
# t_train.sh BUILD -- `sdref train` as a user meets it: stopped and resumed, made longer, refused. The last line is "N passed, N failed".
build=${1:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
work=$(mktemp -d) || exit 1
pid=
trap '[ -n "$pid" ] && kill -KILL $pid 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work" || exit 1
OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY        # threads that wait do not spin: the machine may be busy
passed=0 failed=0
newline='
'

# ---- checks ----

say() {   # RESULT NAME: RESULT is ok or what went wrong
    if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'FAIL %s: %s\n' "$2" "$1"; fi
}
run() {   # COMMAND...: sets status, out, err
    "$@" >"$work/out" 2>"$work/err" </dev/null; status=$?
    out=$(cat "$work/out") err=$(cat "$work/err")
}
gives() {   # NAME LAST_LINE COMMAND...: status 0, that last line of stdout, nothing on stderr
    name=$1 pattern=$2; shift 2
    run "$@"
    verdict=ok
    case ${out##*"$newline"} in $pattern) ;; *) verdict="the last line is '${out##*"$newline"}'" ;; esac
    [ -z "$err" ] || verdict="stderr has '$err'"
    [ $status -eq 0 ] || verdict="status $status; $err"
    say "$verdict" "$name"
}
refuses() {   # NAME PATTERN COMMAND...: status 2, nothing on stdout, one line "sdref: ..." on stderr that matches PATTERN
    name=$1 pattern=$2; shift 2
    run "$@"
    verdict=ok
    case $err in *"$newline"*) verdict="more than one line: $err" ;; "sdref: "$pattern) ;; *) verdict="stderr is '$err', expected '$pattern'" ;; esac
    [ -z "$out" ] || verdict="stdout has '$out'"
    [ $status -eq 2 ] || verdict="status $status, expected 2; $err"
    say "$verdict" "$name"
}
files_of() { (cd "$1" && find . -type f ! -name time.csv ! -name '*.sdref-tmp' | sort); }
same() {   # NAME A B: all files but time.csv are the same bytes
    files_of "$2" >"$work/files"
    files_of "$3" >"$work/others"
    verdict=ok
    for f in log.csv state.safetensors $weights; do
        [ -s "$2/$f" ] || verdict="$f is not there"
    done
    cmp -s "$work/files" "$work/others" || verdict="the lists of files differ"
    while read -r f; do cmp -s "$2/$f" "$3/$f" || verdict="$f differs"; done <"$work/files"
    say "$verdict" "$1"
}
train() { "$sdref" train $kind --sample-every 0 --quiet "$@"; }
short="--batch 4 --steps 4 --seed 7 --warmup 2"
is_prior() { kind=prior weights="model/unet/diffusion_pytorch_model.safetensors model/text_encoder/model.safetensors"; }
is_depth() { kind=depth weights=model/diffusion_pytorch_model.safetensors; }
is_prior

# ---- stopped and resumed ----

# Start (or go on), stop when a checkpoint appears or at some moment, by kill -9 or SIGINT. Then to the end.
stopped() {   # FOLDER
    again= killed=0
    for moment in checkpoint random checkpoint INT random; do
        [ -f "$1/state.safetensors" ] && again=--resume
        before=$(ls -i "$1/state.safetensors" 2>&1)
        "$sdref" train $kind --sample-every 0 --quiet $short --checkpoint-every 1 --threads 2 $again --out "$1" >"$work/out" 2>"$work/err" </dev/null &
        pid=$!                                             # of the program itself: no function in between
        signal=KILL
        case $moment in
        checkpoint) while kill -0 $pid 2>/dev/null && [ "$(ls -i "$1/state.safetensors" 2>&1)" = "$before" ]; do sleep 0.01; done ;;
        random) sleep "$(awk -v seed=$pid 'BEGIN { srand(seed); print 0.3 * rand() }')" ;;
        INT) signal=INT; sleep 0.1 ;;
        esac
        kill -$signal $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ $? -gt 128 ] && killed=$((killed + 1))
        pid=
    done
    if [ $killed -ge 2 ]; then say ok "stopped"; else say "only $killed kills found it running" "stopped ($kind, $number)"; fi
    gives "resumed to the end" "$1: 4 of 4 steps, $number" train $short --resume --out "$1"
}

courses() {
    gives "trained" "whole: 4 of 4 steps, $number" train $short --threads 3 --out whole
    stopped killed
    same "killed and resumed ($kind, $number)" whole killed
    rm -rf killed
    gives "until 2" "parts: 2 of 4 steps, $number" train $short --threads 1 --until 2 --out parts
    [ -f "parts/${weights%% *}" ] && say ok "a model at the stop" || say "none" "a model at the stop"
    gives "from 2 on" "parts: 4 of 4 steps, $number" train $short --threads 1 --resume --out parts
    same "in two parts, 1 thread ($kind, $number)" whole parts
    rm -rf parts
}

# Of either network: past the first row of the log, which a resumed training takes over, and holds the sums of the second.
longer() {
    gives "16 steps" "long: 12 of 16 steps, $number" train --decay 0.25 --batch 2 --steps 16 --until 12 --out long
    case $(cat long/log.csv) in "step,loss,grad_norm,lr${newline}10,"*,*,0.0000*) say ok "a row of the log" ;; *) say "$(cat long/log.csv)" "a row of the log" ;; esac
    gives "12 steps" "grown: 9 of 12 steps, $number" train --decay 0.25 --batch 2 --steps 12 --until 9 --out grown
    gives "grown to 16" "grown: 11 of 16 steps, $number" train --decay 0.25 --batch 2 --steps 16 --until 11 --resume --out grown
    gives "and on" "grown: 12 of 16 steps, $number" train --decay 0.25 --batch 2 --steps 16 --until 12 --resume --out grown
    same "grown" long grown
    rm -rf long grown
}

# Another training that begins with the weights of `whole`: at a rate that moves nothing they come out as they went in.
from_weights() {
    anew="--batch 2 --steps 4 --seed 8 --warmup 2"
    gives "from weights" "more: 4 of 4 steps, $number" train $anew --from whole/model --out more
    gives "from weights, stopped" "halves: 2 of 4 steps, $number" train $anew --from whole/model --until 2 --out halves
    gives "from weights, resumed" "halves: 4 of 4 steps, $number" train $anew --resume --out halves
    same "from weights, in two parts" more halves
    cmp -s more/state.safetensors whole/state.safetensors && say "the same as without" "from weights" || say ok "they count"
    gives "from weights, still" "still: 1 of 4 steps, $number" train $anew --lr 1e-9 --until 1 --from whole/model --out still
    for f in $weights; do gives "weights as they were, but for signs of 0" 'fine: *' "$sdref" compare still/$f whole/$f --tol 0; done
    refuses "weights and a checkpoint" '--from: *--resume*' train $anew --from whole/model --resume --out more
    refuses "weights that are not there" '--from: nowhere/unet/*' train $short --from nowhere --out none
    refuses "weights of depth" '--from: *depth*prior alone*' "$sdref" train depth $short --from whole/model --out none
    rm -rf more halves still
}

# ---- refusals ----

refusals() {
    cp -R whole kept
    refuses "a training is not overwritten" '--out: whole holds *--resume*--overwrite*' train $short --out whole
    refuses "--overwrite with --resume" '--overwrite: *--resume*' train $short --overwrite --resume --out whole
    refuses "another learning rate" '--lr: found 0.002*whole/state.safetensors has 0.001*' train $short --lr 0.002 --resume --out whole
    refuses "another batch" '--batch: found 6*has 4*' train --batch 6 --steps 4 --seed 7 --warmup 2 --resume --out whole
    refuses "another seed" '--seed: found 8*has 7*' train --batch 4 --steps 4 --seed 8 --warmup 2 --resume --out whole
    refuses "longer when the rate has fallen" '--steps: found 8*is of 4 and at step 4*' train --batch 4 --steps 8 --seed 7 --warmup 2 --resume --out whole
    refuses "shorter than what is done" '*at step 4[,;]*' train --batch 4 --steps 3 --seed 7 --warmup 2 --resume --out whole
    refuses "another prediction" '--prediction: found epsilon*has v*' train $short --prediction epsilon --resume --out whole
    same "refusals leave it as it is" kept whole
    refuses "an odd batch" '--batch: found 3*' train --batch 3 --out none
    refuses "nothing to resume" '--resume: none/state.safetensors *' train --resume --out none
    refuses "no folder" '--out: *' train $short
    refuses "no such network" "train: found 'judgement', expected prior or depth" "$sdref" train judgement --out none
    refuses "no network" '*' "$sdref" train --out none
    if [ -e none ]; then say "a folder was made" "no folder"; else say ok "no folder"; fi
    gives "the same number in other digits" "whole: 4 of 4 steps, $number" train $short --lr 1e-3 --resume --out whole
    same "nothing left to do" kept whole
    rm whole/model/unet/*.safetensors                      # as if killed between the last checkpoint and the model
    gives "the model again" "whole: 4 of 4 steps, $number" train $short --resume --out whole
    same "a model that was lost" kept whole
    printf 'step,loss\n' >whole/log.csv
    refuses "another log" 'whole/log.csv: expected the heading*' train $short --resume --out whole
    rm whole/log.csv
    refuses "no log" 'whole/log.csv: *' train $short --resume --out whole
    dd if=kept/state.safetensors of=whole/state.safetensors bs=1000 count=100 2>/dev/null
    refuses "a torn state" 'whole/state.safetensors: *' train $short --resume --out whole
}

# The depth network, whose steps are four times as fast. Its sheet is drawn once.
depth() {
    is_depth
    courses
    longer
    refuses "a prediction of depth" '--prediction: found with depth, expected with prior alone*' train $short --prediction v --out none
    refuses "a prior's training as one of depth" 'prior/state.safetensors: a training of prior, expected depth' train $short --resume --out prior
    refuses "another seed of depth" '--seed: found 8*has 7*' train --batch 4 --steps 4 --seed 8 --warmup 2 --resume --out whole
    gives "sheets" "sheets: 1 of 4 steps, $number" "$sdref" train depth --quiet $short --sample-every 1 --until 1 --threads 2 --out sheets
    [ -s sheets/samples/000001.png ] && say ok "a sheet" || say none "a sheet"
    gives "measured" "the mean of other pictures *" "$sdref" bench depth whole/model --count 2
    refuses "a prior's UNet measured" "*'_class_name' is UNet2DConditionModel, expected UNet2DModel*" "$sdref" bench depth prior/model/unet
    rm -rf sheets
    is_prior
}

for program in sdref sdref-f64; do
    sdref=$build/$program
    if [ $program = sdref ]; then number=binary32 other=$build/sdref-f64; else number=binary64 other=$build/sdref; fi
    courses
    refuses "the other program's" "whole/state.safetensors: tensor '*'*" "$other" train prior $short --resume --out whole
    if [ $program = sdref ]; then
        from_weights
        refusals
        mv kept prior
        rm -rf whole
        depth
        rm -rf prior
    fi
    rm -rf whole kept
done
printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
