#!/usr/bin/env bash
# schemathesis over /openapi.json of both ports: no server error, no answer that is not as the document says;
# with a client's key, with a wrong one, with the admin's. Pulls would ask the network.
#   tools/clients/schema.sh OCELLUS ST
set -euo pipefail
ocellus=$1 st=$2
port=18431 second=18432 failed=0
"$ocellus" serve --model demo --port $port --backend-port $second --api-key client --admin-key admin >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
until curl -sf http://127.0.0.1:$port/readyz >/dev/null; do kill -0 $server && sleep 0.1; done
"$st" --version
for at in $port $second; do
  for key in client wrong admin; do
    echo "port $at, key \"$key\":"
    "$st" run "http://127.0.0.1:$at/openapi.json" -H "Authorization: Bearer $key" --max-examples 5 --phases fuzzing,coverage \
      --exclude-path /v1/models/pull --exclude-path /api/pull --exclude-method PATCH \
      --checks not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance \
      | grep -E "generated|ST[0-9]+ " || failed=1
  done
done
exit $failed
