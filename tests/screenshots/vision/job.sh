# What the jobs of the workflow do: print, wait, and fail where the learning rate is too high.
set -e
mkdir -p out
case "$1" in
prepare)
    printf 'reading 60,000 images\n\033[32mdone\033[0m\n'
    ;;
train)
    printf '\033[1mmodel %s, learning rate %s\033[0m\n' "$2" "$3"
    loss=2302
    for epoch in $(seq 1 60); do
        loss=$((loss * 95 / 100 + RANDOM % 30))
        printf 'epoch %2d/60   loss \033[33m%d.%03d\033[0m   accuracy \033[32m%d.%d %%\033[0m\n' \
            "$epoch" $((loss / 1000)) $((loss % 1000)) $((100 - loss / 26)) $((RANDOM % 10))
        if [ "$3" = 3 ] && [ "$epoch" = 12 ]; then
            printf '\033[31mRuntimeError: the loss is not a number after 12 epochs\033[0m\n' >&2
            exit 3
        fi
        sleep 0.12
    done
    torc user-data update "$4" --data "{\"accuracy\": 0.9$((RANDOM % 90 + 10)), \"epochs\": 60, \"learning_rate\": $3}" >/dev/null
    ;;
evaluate) sleep 0.5 ;;
compare) torc user-data update "$2" --data '{"best": "resnet_lr0.01"}' >/dev/null ;;
esac
