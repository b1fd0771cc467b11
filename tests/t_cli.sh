#!/bin/sh
# t_cli.sh BUILD -- the two programs as a user meets them: exit codes, messages, files, interrupts. The last line is "N passed, N failed".
build=${1:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
readme=$PWD/README.md judge_net=$PWD/weights/judge golden=$PWD/tests/golden corpus=$PWD/tests/corpus/safetensors
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir "$work/here" && cd "$work/here" || exit 1
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
gives() {   # NAME STATUS PATTERN COMMAND...: that status, PATTERN in the last line of stdout, nothing on stderr
    name=$1 want=$2 pattern=$3; shift 3
    run "$@"
    verdict=ok
    case ${out##*"$newline"} in $pattern) ;; *) verdict="the last line is '${out##*"$newline"}'" ;; esac
    [ -z "$err" ] || verdict="stderr has '$err'"
    [ $status -eq "$want" ] || verdict="status $status, expected $want; $err"
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
digest_of() { (cd "$1" && find . -type f ! -name time.csv ! -name '*.tmp' | sort | xargs cksum); }
same_run() {   # NAME A B: all files but time.csv are the same bytes, and `compare` says so
    if [ -f "$3/sheet.png" ] && [ "$(digest_of "$2")" = "$(digest_of "$3")" ]; then say ok "$1"; else say "the files differ" "$1"; fi
    gives "$1, by compare" 0 'fine: *; 0 of 12 other files differ' "$sdref" compare "$2" "$3"
}

# ---- words ----

words() {
    run "$sdref"
    case $status-$out-$err in "2--sdref "*distill*verify*) say ok "no arguments" ;; *) say "status $status, stderr '$err'" "no arguments" ;; esac
    gives "--version" 0 "sdref [0-9]*($number, numerics [0-9]*)" "$sdref" --version
    gives "--help" 0 '*`sdref COMMAND --help`*' "$sdref" --help
    gives "help prompts" 0 'objects: *mug*' "$sdref" help prompts
    gives "help trace" 0 '?*' "$sdref" help trace
    gives "estimators" 0 'r_t = *' "$sdref" estimators
    gives "estimators sdi" 0 'its noise is in.noise' "$sdref" estimators sdi
    gives "estimators --markdown" 0 '| ssd |*' "$sdref" estimators --markdown
    verdict=ok
    "$sdref" estimators --markdown >"$work/table"
    while read -r line; do grep -qxF -e "$line" "$readme" || verdict="README.md has no line '$line'"; done <"$work/table"
    [ "$(grep -c '^| .*ref/.*[.]c' "$work/table")" = "$(grep -c '^| .*`ref/[a-z]*[.]c` |' "$readme")" ] || verdict="README.md has another number of rows"
    say "$verdict" "the README's table of estimators"
    gives "presets" 0 '*--preset NAME*' "$sdref" presets
    gives "presets sdi" 0 'not in it: *' "$sdref" presets sdi
    refuses "a preset that is none" "*NAME*'mvdsi'*'mvsdi'*" "$sdref" presets mvdsi
    refuses "mistyped preset" "*--preset*'mvdsi'*'mvsdi'*" "$sdref" distill "a red mug" --preset mvdsi --out "$work/none"
    verdict=ok
    "$sdref" presets --markdown >"$work/presets"
    while read -r line; do grep -qxF -e "$line" "$readme" || verdict="README.md has no line '$line'"; done <"$work/presets"
    [ "$(wc -l <"$work/presets")" = "$(sed -n '/^| preset /,/^$/p' "$readme" | grep -c '^|')" ] || verdict="README.md has another number of rows"
    say "$verdict" "the README's table of presets"
    refuses "an estimator that is none" "*NAME*'sdx'*" "$sdref" estimators sdx
    refuses "an option of another estimator" '*--w1*sds*csd*' "$sdref" distill "a red mug" --w1 2 --out "$work/none"
    refuses "particles of another estimator" '*--particles*sds*vsd*' "$sdref" distill "a red mug" --particles 2 --out "$work/none"
    refuses "too many particles" "*--particles*'17'*16*" "$sdref" distill "a red mug" --estimator vsd --particles 17 --out "$work/none"
    refuses "a LoRA of the exact prior" '*--particle-score*lora*--prior exact*' "$sdref" distill "a red mug" --estimator vsd --particle-score lora --out "$work/none"
    refuses "a rate of no LoRA" '*--lora-lr*exact*lora*' "$sdref" distill "a red mug" --estimator vsd --lora-lr 1 --out "$work/none"
    refuses "ssd with no number" "*--mu*'x'*fit*" "$sdref" distill "a red mug" --estimator ssd --mu x --out "$work/none"
    refuses "depth of an image" '*--phi*voxel*' "$sdref" distill "a red mug" --estimator ssd --mu 1 --phi pearson_depth --field image --out "$work/none"
    refuses "voxels of an image" '*--grid*--field image*--field voxel*' "$sdref" distill "a red mug" --field image --grid 8 --out "$work/none"
    refuses "an inversion that is not made" '*--noise-scale*--kappa inversion*' "$sdref" distill "a red mug" --estimator sdi --kappa fixed --noise-scale 0 --out "$work/none"
    refuses "dsd_star in 3-D" '*dsd_star*--field image*' "$sdref" distill "a red mug" --estimator dsd_star --out "$work/none"
    refuses "a picture from nowhere" '*--reference-view*AZIMUTH,ELEVATION*' "$sdref" distill "a red mug" --cameras 5 --reference x.png --out "$work/none"
    refuses "a picture that is none" "*$golden/schedules.safetensors*PNG*" "$sdref" distill "a red mug" --cameras 5 --reference "$golden/schedules.safetensors" --reference-view 0,0 --out "$work/none"
    refuses "mu of one view from the others" '*--mu*leave-one-out*--views 2*' "$sdref" distill "a red mug" --estimator ssd --mu leave-one-out --views 1 --out "$work/none"
    refuses "a baseline that asks no network" '*--depth-net*quadratic*depth or normals*' "$sdref" distill "a red mug" --estimator ssd --depth-net none --out "$work/none"
    refuses "a negative prompt of the exact prior" '*--negative*folder*' "$sdref" distill "a red mug" --negative "a cat" --out "$work/none"
    refuses "Perp-Neg of the exact prior" '*--perp-neg*exact*folder*' "$sdref" distill "a red mug" --perp-neg official --out "$work/none"
    refuses "a label that no camera has" "*--cameras*found 2*'left'*view-lr*such as 8*--condition prompt*" "$sdref" distill "a red mug" --cameras 2 --out "$work/none"
    refuses "an odd number of views in pairs" '*--views*3*antipodal*pairs*multiple of 2*--view-mode stratified*' "$sdref" distill "a red mug" --views 3 --out "$work/none"
    if [ -e "$work/none" ]; then say "a folder was made" "refusals make no folder"; else say ok "refusals make no folder"; fi
    for c in distill render export sample verify compare trace inspect init selftest estimators presets; do
        run "$sdref" $c --help
        case $status-$out-$err in "0-"*"Usage: sdref $c"*-) say ok "$c --help" ;; *) say "status $status, '$err'" "$c --help" ;; esac
    done
    for c in render export; do
        run "$sdref" $c --help
        case $out in *"of its first particle"*) say ok "$c --help, of which particle" ;; *) say "$out" "$c --help, of which particle" ;; esac
    done
    refuses "mistyped command" "*'verfy'*'verify'*" "$sdref" verfy
    refuses "no such command" "*'frobnicate'*" "$sdref" frobnicate
    refuses "mistyped flag" '*--guidence*--guidance*' "$sdref" distill "a red mug" --guidence 3 --out run
    refuses "mistyped flag of compare" '*--toll*--tol*' "$sdref" compare --toll 1 a b
    refuses "mistyped choice" "*--field*'voxle'*'voxel'*" "$sdref" distill "a red mug" --field voxle --out run
    refuses "mistyped kind" "*--kind*'rendr'*'render'*" "$sdref" trace --kind rendr --out t
    refuses "mistyped object" '*"mgu"*"mug"*' "$sdref" distill "a red mgu" --out run
    refuses "mistyped colour" '*"rad"*"red"*' "$sdref" distill "a rad mug" --out run
    refuses "a prompt of two lines" '*"a red mug?x"*unknown object*' "$sdref" distill "a red mug${newline}x" --out run
    refuses "a file's name of two lines" '*no?ne/t*' "$sdref" trace --kind render --out "no${newline}ne/t"
    refuses "not a number" "*--tol*'x'*number*" "$sdref" compare a b --tol x
    refuses "out of range" "*--steps*'0'*" "$sdref" distill "a red mug" --steps 0 --out run
    refuses "no prompt" '*PROMPT*' "$sdref" distill --out run
    refuses "no --out" '*--out*' "$sdref" distill "a red mug"
    refuses "a mu without end" '--mu: found *1e20*number, fit or leave-one-out, the number from -1000000 to 1000000' "$sdref" distill "a red mug" --estimator ssd --mu 1e20 --out t
    refuses "an --out of nothing" "--out: found '', expected a path" "$sdref" distill "a red mug" --out ""
    for c in render export; do refuses "$c of nothing" 'RUN: found "", expected a run*s folder' "$sdref" $c ""; done
    refuses "no --out of trace" '*--out*' "$sdref" trace
    refuses "too few files" '*A B*found 1*' "$sdref" compare a
    refuses "too many files" '*found 2*' "$sdref" inspect a b
    refuses "nothing to resume" '*--resume*run/run.json*' "$sdref" distill --resume --out run
    refuses "a folder that cannot be" '*none/t*' "$sdref" trace --kind render --out none/t
}

# ---- files ----

hostile() {   # PROGRAM FILE: each command refuses it and names it
    for c in verify inspect; do refuses "$c $2" "*$2*" "$sdref" $c "$1"; done
    refuses "compare $2 as A" "*$2*" "$sdref" compare "$1" "$golden/schedules.safetensors"
    refuses "compare $2 as B" "*$2*" "$sdref" compare "$golden/schedules.safetensors" "$1"
}
files() {
    dd if="$golden/schedules.safetensors" of="$work/cut.safetensors" bs=1 count=3000 2>/dev/null
    hostile "$work/cut.safetensors" cut.safetensors
    hostile none.safetensors none.safetensors
    for f in bad_header_huge bad_header_beyond_file bad_overlap bad_key_twice; do hostile "$corpus/$f" $f; done
    refuses "a folder is no trace" "*$golden*folder*" "$sdref" verify "$golden"
    refuses "a folder of nothing" "*$golden*" "$sdref" inspect "$golden"
    refuses "a file beside a folder" "*$golden*" "$sdref" compare "$golden" "$golden/schedules.safetensors"
    refuses "two folders, no runs" "*$golden*" "$sdref" compare "$golden" "$golden"
    for f in "$golden"/render/voxel.safetensors "$golden"/render/voxel_wide.safetensors "$golden"/estimators/sds_*.safetensors; do
        gives "verify ${f##*/}" 0 'fine: *' "$sdref" verify "$f"
        gives "verify --tol 1e-30 ${f##*/}" 1 'short: *' "$sdref" verify --tol 1e-30 "$f"
    done
    gives "inspect a trace" 0 'sha256 ????????????????????????????????????????????????????????????????' "$sdref" inspect "$golden/render/voxel.safetensors"
    gives "compare with itself" 0 'fine: *' "$sdref" compare "$golden/render/voxel.safetensors" "$golden/render/voxel.safetensors"
    gives "compare with another" 1 'short: *' "$sdref" compare "$golden/render/voxel.safetensors" "$golden/render/voxel_wide.safetensors"
    gives "selftest" 0 'fine: *' "$sdref" selftest --threads 2
    mkdir -p "$work/one" "$work/shards"
    cp "$golden/schedules.safetensors" "$work/one/diffusion_pytorch_model.fp16.safetensors"
    printf '{"weight_map":{"x":"gone.safetensors"}}' >"$work/shards/model.safetensors.index.json"
    gives "inspect a folder of weights" 0 '* tensors, * values, * bytes of data' "$sdref" inspect "$work/one"
    case $out in *"from diffusion_pytorch_model.fp16.safetensors$newline"*) say ok "which variant" ;; *) say "$out" "which variant" ;; esac
    refuses "a shard that is missing" '*gone.safetensors*' "$sdref" inspect "$work/shards"
    if [ -z "$(ls -A)" ]; then say ok "nothing was written"; else say "$(ls -A) was written" "nothing was written"; fi
}

# Every file of the reader's corpus: refused in one line, or taken; never a crash.
corpus() {
    for f in "$corpus"/*; do
        case ${f##*/} in
        bad_*) refuses "inspect ${f##*/}" "*${f##*/}*" "$sdref" inspect "$f" ;;
        good_nan) gives "inspect good_nan" 0 'sha256 *' "$sdref" inspect "$f"
                  gives "compare good_nan" 1 'short: *' "$sdref" compare "$f" "$f" ;;
        good_*) gives "inspect ${f##*/}" 0 'sha256 *' "$sdref" inspect "$f"
                gives "compare ${f##*/}" 0 'fine: *' "$sdref" compare "$f" "$f" ;;
        esac
    done
}

traces() {   # of this program, judged by both
    gives "trace an estimator" 0 '' "$sdref" trace --resolution 16 --cameras 4 --out "$work/e-$number"
    gives "trace a render" 0 '' "$sdref" trace --kind render --jitter --out "$work/r-$number"
    gives "trace an mlp in its light" 0 '' "$sdref" trace --kind render --field mlp --shading lambertian --out "$work/m-$number"
    for field in hashgrid mlp sh; do
        gives "trace a render of $field" 0 '' "$sdref" trace --kind render --field $field --out "$work/r-$field-$number"
        gives "verify it" 0 '*fine: *' "$sdref" verify "$work/r-$field-$number"
    done
    gives "trace a shaded render" 0 '' "$sdref" trace --kind render --shading textureless --out "$work/s-$number"
    for kind in e r s m; do
        for judge in sdref sdref-f64; do gives "$judge verifies $kind of $number" 0 'fine: *' "$build/$judge" verify "$work/$kind-$number"; done
        gives "inspect $kind of $number" 0 'sha256 *' "$sdref" inspect "$work/$kind-$number"
    done
    for e in csd nfsd sdi ism vsd asd dsd dsd_star cds fsd ssd; do
        gives "trace $e" 0 '' "$sdref" trace --estimator $e --resolution 8 --cameras 4 --out "$work/step-$number"
        gives "verify $e" 0 'fine: *' "$sdref" verify "$work/step-$number"
    done
    gives "trace sdi as released" 0 '' "$sdref" trace --estimator sdi --set form=official,inversion_steps=6 --resolution 8 --cameras 4 --out "$work/step-$number"
    gives "verify sdi as released" 0 'fine: *' "$sdref" verify "$work/step-$number"
    for kappa in random fixed-point gradient-descent fixed; do
        gives "trace sdi, kappa $kappa" 0 '' "$sdref" trace --estimator sdi --set kappa=$kappa --resolution 8 --cameras 4 --out "$work/step-$number"
        gives "verify sdi, kappa $kappa" 0 'fine: *' "$sdref" verify "$work/step-$number"
    done
    refuses "no kappa" "*kappa*'descent'*gradient-descent*" "$sdref" trace --estimator sdi --set kappa=descent --cameras 4 --out "$work/two"
    refuses "a wrong number of moves" '*inversion_steps*expected 6*' "$sdref" trace --estimator sdi --set form=official --resolution 8 --cameras 4 --out "$work/two"
    refuses "an estimator's option of a render" '--prompt: found with --kind render*"Render"*' "$sdref" trace --kind render --prompt "a red mug" --out "$work/two"
    refuses "a render's option of an estimator" '--samples: found with --kind estimator*"Estimator"*' "$sdref" trace --samples 3 --out "$work/two"
    refuses "a network's option of a render" '--tokens: found with --kind render*' "$sdref" trace --kind render --tokens 5 --out "$work/two"
    refuses "nodes of no grid" '--grid: found with --field mlp*voxel or sh' "$sdref" trace --kind render --field mlp --grid 4 --out "$work/two"
    refuses "a camera of a network" '--azimuth: found with --network*' "$sdref" trace --network none --azimuth 3 --out "$work/two"
    refuses "another estimator's setting" '*--set*w1=2*sds*' "$sdref" trace --set w1=2 --cameras 4 --out "$work/two"
    refuses "a setting without value" '*--set*w1*csd*' "$sdref" trace --estimator csd --set w1 --cameras 4 --out "$work/two"
    refuses "no number" '*w1*abc*number*' "$sdref" trace --estimator csd --set w1=abc --cameras 4 --out "$work/two"
    gives "compare two kinds of trace" 1 'short: *' "$sdref" compare "$work/e-$number" "$work/r-$number"
}

# ---- networks and pipelines ----

networks() {   # init -> inspect -> trace -> verify, of every kind; same bytes whatever the threads and the program
    for config in nets/sd15/unet vae taesd clip clip_text; do
        model=$work/net-$number/$config
        gives "init $config" 0 "$model/*.safetensors: * tensors, * parameters, * MB" "$sdref" init "$golden/$config/config.json" --seed 7 --dtype f16 --out "$model"
        gives "inspect $config" 0 'supported: a network of kind *' "$sdref" inspect "$model"
        "$build/sdref-f64" init "$golden/$config/config.json" --seed 7 --dtype f16 --threads 3 --out "$work/again" >"$work/out" 2>&1
        if cmp -s "$model"/*.safetensors "$work/again"/*.safetensors; then say ok "init $config again"; else say "the bytes differ" "init $config again"; fi
        rm -rf "$work/again"
        gives "trace $config" 0 '' "$sdref" trace --network "$model" --size 16 --tokens 7 --grad input --out "$model/trace"
        for judge in sdref sdref-f64; do gives "$judge verifies $config of $number" 0 'fine: *' "$build/$judge" verify "$model/trace"; done
    done
    for dtype in bf16 f32; do gives "init as $dtype" 0 '*' "$sdref" init "$golden/taesd/config.json" --dtype $dtype --out "$work/net-$number/$dtype"; done
    gives "inspect BF16" 0 'supported: *taesd' "$sdref" inspect "$work/net-$number/bf16"
    refuses "init without --out" '*--out*' "$sdref" init "$golden/taesd/config.json"
    refuses "init of no config" "*$golden/schedules.safetensors*" "$sdref" init "$golden/schedules.safetensors" --out net
    refuses "init of a pipeline's index" '*model_index.json*StableDiffusionPipeline*UNet2DModel*' "$sdref" init "$golden/pipelines/sd1/model_index.json" --out net
    refuses "trace of no network" '*none/config.json*' "$sdref" trace --network none --out t
    refuses "trace of a wrong size" "*--size*'7x'*" "$sdref" trace --network "$golden/taesd" --size 7x --out t
}
sample() { "$sdref" sample "$@" --quiet; }
samples() {
    here=$golden/pipelines
    gives "sample the exact prior" 0 "$work/exact.png: \"a red mug\", 64 x 64 pixels (shown 2 times as large), seeds 3" \
        sample "a red mug" --steps 3 --guidance 1 --count 1 --seed 3 --out "$work/exact.png"
    for p in sd1 sd2 sdxl; do
        gives "inspect $p" 0 'as a prior: its parts fit each other' "$sdref" inspect "$here/$p"
        gives "sample $p" 0 '*seeds 8 9' sample "the other" --prior "$here/$p" --negative "a" --steps 2 --count 2 --seed 8 --out "$work/$p-$number.png"
    done
    sample "the other" --prior "$here/sdxl" --negative "a" --steps 2 --count 2 --seed 8 --threads 1 --out "$work/again.png" >"$work/out"
    if cmp -s "$work/sdxl-$number.png" "$work/again.png"; then say ok "sample with 1 thread"; else say "the bytes differ" "sample with 1 thread"; fi
    missing=
    for words in prompt 'the other' seeds '8 9' steps guidance 7.5 negative software 'sdref [0-9]'; do grep -aq "$words" "$work/sd1-$number.png" || missing="$missing, $words"; done
    if [ -z "$missing" ]; then say ok "what the picture says"; else say "not there: $missing" "what the picture says"; fi
    gives "sample without text" 0 '*: "", 8 x 8 pixels (shown 16 times as large), seeds 0' sample "" --prior "$here/ddpm" --steps 2 --count 1 --out "$work/x.png"
    gives "sample with states" 0 '*seeds 0' sample "a label" --prior "$here/if" --embeddings "$here/if/embeds.safetensors" --steps 2 --count 1 --out "$work/x.png"
    run "$sdref" sample "a a a a a a a a a a a a a a a a a" --prior "$here/sd1" --steps 1 --count 1 --out "$work/x.png"
    case $status-$err in 0-*"PNDMScheduler: 1000 levels"*"predicts epsilon"*"of its 17 tokens the last 3 were cut off") say ok "a long prompt" ;; *) say "status $status, $err" "a long prompt" ;; esac
    gives "training pictures" 0 "$work/data.png: training pictures 0 to 4, 64 x 64 pixels (shown 2 times as large), seed 3" \
        sample --data --count 5 --seed 3 --out "$work/data.png"
    sample --data --count 5 --seed 3 --threads 3 --out "$work/again.png" >"$work/out"
    if cmp -s "$work/data.png" "$work/again.png"; then say ok "training pictures with 3 threads"; else say "the bytes differ" "training pictures with 3 threads"; fi
    sample --data --count 5 --seed 4 --out "$work/again.png" >"$work/out"
    if [ -s "$work/again.png" ] && ! cmp -s "$work/data.png" "$work/again.png"; then say ok "training pictures of a seed"; else say "the seed does not count" "training pictures of a seed"; fi
    refuses "training pictures of a prompt" '*PROMPT*"a red mug"*--data*' sample "a red mug" --data --out x.png
    refuses "neither prompt nor --data" '*PROMPT*--data*' sample --out x.png
    for option in "--prior exact" "--steps 3" "--guidance 1" "--eta 0" "--rng philox" "--negative a" "--height 64" "--width 64" "--embeddings e"; do
        refuses "training pictures $option" "*${option%% *}: *--data*" sample --data $option --out x.png
    done
    refuses "a prior that is not there" '*none/model_index.json*' sample "a" --prior none --out x.png
    refuses "a network is no pipeline" '*model_index.json*' sample "a" --prior "$golden/taesd" --out x.png
    refuses "a prompt without text" '*PROMPT*"a cat"*takes no text*' sample "a cat" --prior "$here/ddpm" --out x.png
    refuses "no states" '*T5EncoderModel*--embeddings*' sample "a" --prior "$here/if" --out x.png
    refuses "states of another width" "*vsd.safetensors*'prompt_embeds'*" sample "a" --prior "$here/if" --embeddings "$golden/estimators/vsd.safetensors" --out x.png
    refuses "two negative prompts" '*--negative*--embeddings*' sample "a" --prior "$here/if" --embeddings "$here/if/embeds.safetensors" --negative b --out x.png
    refuses "a size between" '*--height*17*multiples of 2*' sample "a" --prior "$here/sd1" --height 17 --out x.png
    refuses "a size the UNet cannot" '*/unet*sample*multiples of 2*' sample "" --prior "$here/if" --embeddings "$here/if/embeds.safetensors" --height 9 --out x.png
    refuses "too many steps" '*--steps*1000*' sample "a" --prior "$here/sd1" --steps 1000 --out x.png
    refuses "a folder's option" '*--height*--prior*' sample "a red mug" --height 64 --out x.png
    refuses "no such object" '*"cat"*' sample "a cat" --out x.png
    refuses "no folder for the sheet" "*--out*'none/x.png'*" sample "a red mug" --out none/x.png
    if [ -z "$(ls -A)" ]; then say ok "no sheet was written"; else say "$(ls -A) was written" "no sheet was written"; fi
}

# ---- runs ----

settings="--resolution 16 --grid 8 --samples 8 --cameras 5 --blob 8"
long="--steps 40 --checkpoint-every 2"
distill() { "$sdref" distill "a red mug" $settings "$@"; }

# Ten times: start (or go on), stop after a while or as soon as a checkpoint appears, by kill -9 or SIGINT. Then to the end.
stopped_and_resumed() {   # FOLDER
    again= killed=0
    for moment in 0 checkpoint 0.01 checkpoint 0.05 checkpoint 0.03 checkpoint 0.02 checkpoint; do
        [ -f "$1/run.json" ] && again=--resume
        before=$(cksum "$1/state.safetensors" 2>&1)
        "$sdref" distill "a red mug" $settings $long $again --quiet --out "$1" >"$work/out" 2>"$work/err" </dev/null &
        pid=$!                                             # of the program itself: no function in between
        if [ $moment = checkpoint ]; then
            while kill -0 $pid 2>/dev/null && [ "$(cksum "$1/state.safetensors" 2>&1)" = "$before" ]; do sleep 0.01; done
        else sleep $moment; fi
        if [ $moment = 0.05 ] || [ $moment = 0.03 ]; then kill -INT $pid 2>/dev/null; else kill -KILL $pid 2>/dev/null; fi
        wait $pid 2>/dev/null
        [ $? -gt 128 ] && killed=$((killed + 1))
    done
    if [ $killed -ge 5 ]; then say ok "$number stopped ten times"; else say "only $killed kills found it running" "$number stopped ten times"; fi
    gives "resumed to the end" 0 '*sha256 of sheet.png*' distill $long --resume --out "$1"
}
runs() {
    a=$work/a-$number
    gives "distill" 0 '*sha256 of sheet.png*' distill $long --out "$a"
    gives "distill again, 1 thread" 0 '*sha256 of sheet.png*' distill $long --threads 1 --out "$work/b-$number"
    gives "distill again, 3 threads" 0 '*sha256 of sheet.png*' distill $long --threads 3 --out "$work/c-$number"
    same_run "1 thread" "$a" "$work/b-$number"
    same_run "3 threads" "$a" "$work/c-$number"
    gives "inspect a run" 0 '  views/07.png *' "$sdref" inspect "$a"
    before=$(digest_of "$a")
    refuses "a run is not overwritten" "*--out*a-$number*--overwrite*" distill $long --seed 1 --out "$a"
    refuses "--resume with other settings" '*--seed*' distill $long --resume --seed 1 --out "$a"
    if [ -n "$before" ] && [ "$before" = "$(digest_of "$a")" ]; then say ok "the run is as it was"; else say "bytes changed" "the run is as it was"; fi
    stopped_and_resumed "$work/d-$number"
    same_run "stopped ten times and resumed" "$a" "$work/d-$number"
    for format in glb obj ply; do
        gives "export $format" 0 'sha256 ????????????????????????????????????????????????????????????????' "$sdref" export "$a" --format $format --resolution 16 --threshold 0.3 --out "$work/mesh.$format"
        "$sdref" export "$a" --format $format --resolution 16 --threshold 0.3 --threads 1 --out "$work/mesh-again.$format" >"$work/out"
        if cmp -s "$work/mesh.$format" "$work/mesh-again.$format"; then say ok "export $format with 1 thread"; else say "the bytes differ" "export $format with 1 thread"; fi
    done
    for c in render export; do refuses "$c of a file" "*a-$number/run.json: found a file, expected a run's folder" "$sdref" $c "$a/run.json"; done
    refuses "a mesh without a name" "--out: found '', expected a path" "$sdref" export "$a" --out ""
    refuses "a surface of nothing" '*largest density*999*' "$sdref" export "$a" --resolution 8 --threshold 999
    refuses "a mesh without a run" '*none/run.json*' "$sdref" export none
    refuses "a format that is none" "*--format*'gltf'*" "$sdref" export "$a" --format gltf
    refuses "a file of another format" '--out: found */m.ply, expected a name that ends in .obj' "$sdref" export "$a" --format obj --out "$work/m.ply"
    refuses "a file of no format" '--out: found */state.safetensors, expected a name that ends in .glb, .obj or .ply' "$sdref" export "$a" --out "$a/state.safetensors"
    "$sdref" export "$a" --resolution 16 --threshold 0.3 --out "$work/ending.ply" >"$work/out"
    if cmp -s "$work/mesh.ply" "$work/ending.ply"; then say ok "the ending says the format"; else say "$(cat "$work/out")" "the ending says the format"; fi
    gives "an image" 0 '*sha256 of sheet.png*' "$sdref" distill "a red mug" --field image --resolution 16 --cameras 5 --steps 1 --out "$work/image-$number"
    refuses "a mesh of an image" '*image*no surface*' "$sdref" export "$work/image-$number"
    gives "render the run" 0 '*normal.png' "$sdref" render "$work/b-$number" --size 8 --frames 2
    gives "export the run" 0 'sha256 *' "$sdref" export "$work/b-$number" --resolution 16 --threshold 0.3
    : >"$work/b-$number/views/notes"
    rm -f "$work/b-$number/time.csv" && mkdir "$work/b-$number/time.csv"
    refuses "a time that cannot be written" '*b-*/time.csv: cannot be written: Is a directory' distill $long --resume --out "$work/b-$number" --quiet
    refuses "a time that cannot be removed" '*b-*/time.csv: cannot be removed: ?*' distill $long --overwrite --out "$work/b-$number" --quiet
    rmdir "$work/b-$number/time.csv"
    gives "--overwrite" 0 '*sha256 of sheet.png*' distill --overwrite --steps 2 --out "$work/b-$number"
    refuses "a file that may not grow" "*/large.glb: cannot *" sh -c "ulimit -f 8; exec $sdref export $a --threshold 0.3 --out $work/large.glb"
    if ls "$work" | grep -q large; then say "$(ls "$work" | grep large)" "and nothing of it is left"; else say ok "and nothing of it is left"; fi
    left=$(cd "$work/b-$number" && ls -d mesh.* render/* turntable-* views/notes 2>/dev/null | tr '\n' ' ')
    if [ "$left" = "views/notes " ]; then say ok "nothing of the old run is left"; else say "$left" "nothing of the old run is left"; fi
    gives "another run differs" 1 'short: *' "$sdref" compare "$a" "$work/b-$number"
}

# ---- the variance of estimators ----

variances() {   # of a new image, by threads; of a run's field
    small="--field image --resolution 8 --cameras 4 --estimators sds,fsd,ssd --count 64 --quiet"
    for n in 1 3; do
        gives "bench variance, $n threads" 0 '900 to 999 *' "$sdref" bench variance "a red mug" $small --threads $n --csv "$work/v$n.csv" --svg "$work/v.svg"
    done
    if [ -s "$work/v1.csv" ] && cmp -s "$work/v1.csv" "$work/v3.csv"; then say ok "variances by threads"; else say "the bytes differ" "variances by threads"; fi
    gives "bench variance after steps" 0 '900 to 999 *' "$sdref" bench variance "a red mug" $small --after 2 --weight uniform --csv "$work/v3.csv"
    if cmp -s "$work/v1.csv" "$work/v3.csv"; then say "nothing changed" "steps and settings count"; else say ok "steps and settings count"; fi
    gives "bench variance of a run" 0 'csd *' "$sdref" bench variance --run "$work/a-$number" --estimators sds,asd,csd --w1 2 --count 64 --quiet
    case $out in '"a red mug"'": 8^3 voxels after 40 steps, 16 px; prior exact, told view-lr; guidance 1; $number"*) say ok "whose field" ;; *) say "$out" "whose field" ;; esac
    small="--cameras 40 --grid 4 --samples 4 --budget 2 --quiet --judge $judge_net"
    gives "bench estimators" 0 'fsd *1 *4 * of 8 *' "$sdref" bench estimators "a red mug" --estimators sds,fsd $small --csv "$work/e.csv" --sheet "$work/e.png"
    verdict=ok
    [ "$(grep -c . "$work/e.csv")" -eq 3 ] || verdict="$(cat "$work/e.csv")"
    say "$verdict" "bench estimators, a row a run"
    gives "bench estimators, each its own" 0 'fsd *1 *4 * of 8 *' "$sdref" bench estimators "a red mug" --estimators sds,fsd $small --csv "$work/e2.csv" --each fsd:lr=0.9
    case $(diff "$work/e.csv" "$work/e2.csv" | grep '^[<>]') in
    "< fsd,"*"> fsd,"*) verdict=ok ;;
    *) verdict=$(diff "$work/e.csv" "$work/e2.csv") ;;
    esac
    say "$verdict" "bench estimators, whose setting it is"
    refuses "a setting of one, without a value" "*--each*'fsd:lr'*NAME:OPTION=VALUE*" "$sdref" bench estimators "a red mug" --estimators sds,fsd --each sds:lr=1,fsd:lr
    refuses "a setting of one that is not there" "*--each*'sdi'*" "$sdref" bench estimators "a red mug" --estimators sds,fsd --each sdi:lr=1
    refuses "a setting that the one does not read" "*--each*'sds:delta-t'*" "$sdref" bench estimators "a red mug" --estimators sds,fsd --each sds:delta-t=9
    refuses "a setting of one that is another's matter" "*--each*'sds:steps'*" "$sdref" bench estimators "a red mug" --estimators sds,fsd --each sds:steps=9
    gives "bench estimators of images" 0 'dsd_star *1 *2 * of 1 *' "$sdref" bench estimators "a red mug" --field image --estimators dsd_star --cameras 4 --budget 4 --quiet --judge "$judge_net"
    refuses "an image's estimator of a volume" "*--estimators*'dsd_star'*--field image*" "$sdref" bench estimators "a red mug" --estimators dsd_star
    refuses "bench estimators of nothing that is known" '*"a rd mug"*red*' "$sdref" bench estimators "a rd mug" --judge "$judge_net"
    refuses "an ODE over a run" "*--estimators*'dsd_star'*sds,csd*vsd*ODE*no step is a draw*" "$sdref" bench variance "a red mug" --estimators sds,dsd_star
    gives "bench variance of particles" 0 'vsd *' "$sdref" bench variance --run "$work/a-$number" --estimators vsd --count 64 --quiet
    refuses "an estimator that is none" "*--estimators*'sdx'*" "$sdref" bench variance "a red mug" --estimators sds,sdx
    refuses "an estimator twice" "*--estimators*'sds' twice*" "$sdref" bench variance "a red mug" --estimators sds,asd,sds
    refuses "an option that none reads" '*--w1*none of --estimators*' "$sdref" bench variance "a red mug" --estimators sds --w1 2
    refuses "a run's setting" '*--grid*--run*' "$sdref" bench variance --run "$work/a-$number" --grid 4
    refuses "steps of a run that is over" '*--after*--run*' "$sdref" bench variance --run "$work/a-$number" --after 4
    refuses "more steps than there are" '*--after*9*--steps, 8*' "$sdref" bench variance "a red mug" --after 9 --steps 8
    refuses "neither prompt nor run" '*PROMPT*none*--run*' "$sdref" bench variance
    refuses "both prompt and run" '*PROMPT*both*--run*' "$sdref" bench variance "a red mug" --run "$work/a-$number"
    refuses "a count between" '*--count*100*multiple of 32*' "$sdref" bench variance "a red mug" --count 100
    refuses "t from above to below" '*--t-min*0.5*0.4*' "$sdref" bench variance "a red mug" --t-min 0.5 --t-max 0.4
    refuses "no run there" '*none/run.json*' "$sdref" bench variance --run none
}

for program in sdref sdref-f64; do
    sdref=$build/$program
    number=binary32; [ $program = sdref ] || number=binary64
    words
    files
    [ $program = sdref ] && corpus
    traces
    networks
    samples
    runs
    variances
done
refuses "resumed by the other program" '*binary32*' "$build/sdref-f64" distill --resume --out "$work/a-binary32"
printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
