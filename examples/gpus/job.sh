# Placeholder for a program that computes on the GPUs of CUDA_VISIBLE_DEVICES.
set -eu
sleep 0.2
echo "$1 $2: GPU ${CUDA_VISIBLE_DEVICES:-none}, share ${TORC_GPU_SHARE:-0}"
