# shellcheck shell=bash
# Servers that speak AWS, for the checks beside this file; sourced by them. They end with the check.

# The access key is the one that the fake knows; nobody verifies the secret.
export AWS_ACCESS_KEY_ID=AKIAFAKEFAKEFAKE0001 AWS_SECRET_ACCESS_KEY=not-verified
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
# Nothing of this machine's own, and no question to a metadata service.
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export PYTHONDONTWRITEBYTECODE=1
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL

servers=()
# shellcheck disable=SC2034 # for those who source this
python=target/clients-venv/bin/python
logs=target/clients-logs
mkdir -p "$logs"

stop_servers() {
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
    done
}
trap stop_servers EXIT

# boto3 and moto, pinned with all that they need.
clients_venv() {
    if [ ! -x "$python" ] || ! cmp -s tests/clients/requirements.txt target/clients-venv/requirements.txt; then
        python3 -m venv --clear target/clients-venv
        target/clients-venv/bin/pip install -q --disable-pip-version-check -r tests/clients/requirements.txt
        cp tests/clients/requirements.txt target/clients-venv/
    fi
}

# fresh LOG: empties it. What starts in the background does so only when its turn comes, and until then the log would
# name the server of the check before.
fresh() {
    : >"$1"
}

# wait_for LOG: sets `endpoint` to the address that a server's log names.
wait_for() {
    for _ in $(seq 300); do
        endpoint=$(grep -ao -m1 'http://127\.0\.0\.1:[0-9]*' "$1" || true)
        [ -z "$endpoint" ] || return 0
        kill -0 "${servers[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server did not start:" >&2
    cat "$1" >&2
    return 1
}

# Moto, a fake AWS that no one here wrote, with the instance profile that builders have.
start_moto() {
    fresh "$logs/moto.log"
    target/clients-venv/bin/moto_server -H 127.0.0.1 -p 0 >"$logs/moto.log" 2>&1 &
    servers+=($!)
    wait_for "$logs/moto.log"
    "$python" tests/clients/moto_profile.py "$endpoint"
}

# start_fake NAME ARGUMENT…: the fake of our tests. Its log has a line for each call.
start_fake() {
    cargo build --quiet --features lambda --bins --example fake-aws
    fresh "$logs/$1.log"
    target/debug/examples/fake-aws --port 0 "${@:2}" >"$logs/$1.log" 2>&1 &
    servers+=($!)
    wait_for "$logs/$1.log"
}
