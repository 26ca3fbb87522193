#!/bin/bash -eu
# The same as for OSS-Fuzz.
exec bash "$SRC/tcpstate/fuzz/oss-fuzz/build.sh"
