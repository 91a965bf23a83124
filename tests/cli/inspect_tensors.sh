# exit: 0
header='{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"n":{"dtype":"I8","shape":[],"data_offsets":[24,25]}}'
{ printf "\\$(printf %o ${#header})\0\0\0\0\0\0\0%s" "$header"; head -c 25 /dev/zero; } >w.safetensors
$QUERN inspect w.safetensors
mkdir checkpoint && cp w.safetensors checkpoint/model.safetensors
$QUERN inspect checkpoint --tensors --json | grep -c '"name"'
$QUERN inspect checkpoint 2>refused; echo "exit $?"
sed 's/; there are:.*//' refused
