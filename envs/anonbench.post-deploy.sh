#!/usr/bin/env bash
# Written from requirements.lock by `anonbench environments`. Do not edit.
set -eu
pip install --no-deps facenet-pytorch==2.6.0 rapidocr==3.10.0 rapidocr_onnxruntime==1.2.13 snakemake-executor-plugin-slurm==2.8.0 snakemake-executor-plugin-slurm-jobstep==0.6.1
pip install --no-deps --editable .
