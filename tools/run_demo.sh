#!/usr/bin/env bash
# What `make run` shows once ocellus is built: one question on the terminal, then the server with a
# curl line that works from this folder. Ctrl-C ends it.
set -euo pipefail
cd "$(dirname "$0")/.."
ocellus=build/release/ocellus
picture=examples/red-circle.png
question='What shape is in the picture?'

echo
echo "\$ $ocellus ask $picture \"$question\""
"$ocellus" ask "$picture" "$question"
echo

port=8080
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  echo "Port $port is taken, so the server gets another one."
  port=0
fi

# The server says when it is ready and where; only then the curl line can work.
announce() {
  local line
  while IFS= read -r line; do
    echo "$line"
    case $line in
      "ocellus serving "*)
        echo
        echo "Ask it from another terminal, in this folder (any OpenAI client works; Ctrl-C ends the server):"
        echo
        echo "curl -s ${line##* }/v1/chat/completions -H 'Content-Type: application/json' -d '{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"$question\"}, {\"type\": \"image_url\", \"image_url\": {\"url\": \"data:image/png;base64,'\"\$(base64 <$picture | tr -d '\\n')\"'\"}}]}]}'"
        echo
        ;;
    esac
  done
}
"$ocellus" serve --port "$port" --backend-port 0 > >(trap '' INT TERM; announce) &
server=$!
trap : INT  # the terminal told the server too
trap 'kill "$server"' TERM HUP
while kill -0 "$server" 2>/dev/null; do
  status=0
  wait "$server" || status=$?
done
exit "$status"
