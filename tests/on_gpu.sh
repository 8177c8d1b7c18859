#!/usr/bin/env bash
# All that needs a GPU, on a machine that has one, the CUDA toolkit, Python 3.12 with torch, and no
# package index. `make wheels` where there is an index, carry the checkout over with what it made, and
#   tests/on_gpu.sh OUTPUT [STAGE...]
# where stages are check, sanitize, benchmark and tests: all of them, in this order, by default. Each
# has a limit, 580 s together. What was found is in OUTPUT; the status is 0 if all stages passed.
set -u
cd "$(dirname "$0")/.." || exit 2
output=$(realpath -m "${1:?a folder for the output}")
shift
[ $# -gt 0 ] || set -- check sanitize benchmark tests
for stage
do
    case $stage in
    check | sanitize | benchmark | tests) ;;
    *) echo "unknown stage '$stage'; there are check, sanitize, benchmark, tests"; exit 2 ;;
    esac
done
mkdir -p "$output" || exit 2
bin=$output/venv/bin
status=0

passed() {  # NAME LIMIT COMMAND...: runs it, within so many seconds
    local name=$1 limit=$2 begun=$SECONDS
    shift 2
    if timeout "$limit" "$@" >"$output/$name.log" 2>&1
    then echo "passed $name, $((SECONDS - begun)) s"
    else
        echo "FAILED $name, $((SECONDS - begun)) s of at most $limit:"
        tail -n 5 "$output/$name.log"
        status=1
        return 1
    fi
}

install() {
    python3 -m venv --system-site-packages --clear "$output/venv" &&
        "$bin/pip" install --no-index --find-links wheels --no-compile 'hebbsim[cuda]' \
            hypothesis pytest pytest-xdist
}

check() {
    nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader
    passed check 20 "$bin/hebbsim" cuda
}

sanitize() {  # every template in one program
    local program=$output/templates tool
    passed templates 120 env PYTHONPATH=tests "$bin/python" - "$program" <<'PY' || return
import runpy, sys
from brian2 import seed, set_device
run_all = runpy.run_path("tests/codegen/cuda/test_templates.py")["run_all"]
seed(4711)
set_device("cuda_standalone", directory=sys.argv[1])
run_all(15)
PY
    cd "$program" || return
    for tool in memcheck racecheck initcheck
    do passed "$tool" 40 compute-sanitizer --tool "$tool" --error-exitcode 1 ./main
    done
    cd - >/dev/null || return
}

benchmark() {
    passed benchmark 160 "$bin/hebbsim" benchmark --device cuda --repeats 3 --overwrite \
        --output "$output/benchmark"
    tail -n 40 "$output/benchmark.log"
}

tests() {
    passed tests 160 "$bin/python" -m pytest -m gpu -n auto --dist worksteal -p no:cacheprovider \
        -o filterwarnings=default --tb=short
    grep -E "^(FAILED|ERROR)|passed|failed" "$output/tests.log"
}

install >"$output/install.log" 2>&1 || { tail -n 5 "$output/install.log"; exit 2; }
for stage
do "$stage"
done
exit $status
