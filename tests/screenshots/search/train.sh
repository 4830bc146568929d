# Write a made-up loss: lowest for a learning rate of 0.01 and a depth of 6; some runs diverge.
awk -v lr="$1" -v depth="$2" 'BEGIN {
  if (lr >= 1 && depth > 6 || lr == 0.01 && depth == 4) exit 1
  loss = 0.19 + 0.021 * (log(lr) - log(0.01)) ^ 2 + 0.004 * (depth - 6) ^ 2
  printf "{\"val_loss\": %.4f, \"accuracy\": %.4f}", loss, 1 - loss / 3
}' > "$3.json" || { echo "ValueError: loss is nan" >&2; exit 1; }
torc user-data update "$3" --data-file "$3.json"
