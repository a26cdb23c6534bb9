#!/usr/bin/env bash
# Written from requirements.lock by `anonbench environments`. Do not edit.
set -eu
pip install --no-deps facenet-pytorch==2.6.0 rapidocr_onnxruntime==1.2.13
pip install --no-deps --editable .
