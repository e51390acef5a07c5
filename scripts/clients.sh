#!/usr/bin/env bash
# Makes the clients from the committed OpenAPI documents (docs/adr/0014):
#
#   clients/python/gamut_<service>/       openapi-python-client, in an environment of its own (.venv-clients)
#   clients/typescript/src/<service>.d.ts and build/    openapi-typescript, used with openapi-fetch
#
# What is made is not committed; versions of what makes it are. `scripts/clients.sh python` makes one of the two.
set -euo pipefail
cd "$(dirname "$0")/.."

python_client() {
    local bin=$PWD/.venv-clients/bin
    [ -x "$bin/openapi-python-client" ] || {
        python3 -m venv .venv-clients
        "$bin/pip" install --quiet --disable-pip-version-check openapi-python-client==0.29.1 ruff==0.17.5
    }
    local documents
    documents=$(mktemp -d)
    trap 'rm -rf "$documents"' RETURN
    for service in gateway generator metrics trainer; do
        # The generator knows no YAML: the recipe's other spelling is left out for it.
        "$bin/python" - "clients/openapi/$service.json" "$documents/$service.json" <<'PROGRAM'
import json, sys
document = json.load(open(sys.argv[1]))
for path in document["paths"].values():
    for operation in path.values():
        operation.get("requestBody", {}).get("content", {}).pop("application/yaml", None)
json.dump(document, open(sys.argv[2], "w"))
PROGRAM
        PATH=$bin:$PATH "$bin/openapi-python-client" generate --path "$documents/$service.json" --meta none \
            --output-path "clients/python/gamut_$service" --config clients/python/generator.yaml \
            --overwrite --fail-on-warning
    done
}

typescript_client() {
    cd clients/typescript
    npm ci --no-audit --no-fund --loglevel=error
    npm run --silent generate
    npm run --silent build
    cd ../..
}

case ${1:-both} in
python) python_client ;;
typescript) typescript_client ;;
both) python_client && typescript_client ;;
*) echo "usage: $0 [python|typescript]" >&2; exit 2 ;;
esac
