#!/bin/sh
# Value a CSV file of homes with curl: sh client.sh HOMES.csv [URL] > VALUED.csv
set -eu
gzip --stdout "$1" | curl --fail-with-body --silent --show-error \
    --header 'Content-Type: text/csv' --header 'Content-Encoding: gzip' \
    --data-binary @- "${2:-http://localhost:8000}/predict/batch"
